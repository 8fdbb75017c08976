"""What was measured, as plain data for the report. embedding_gate/report/schema explains each key."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from benchmarks.harness.bench import Bench
from benchmarks.harness.records import Record
from benchmarks.harness.summary import headline, steps
from embedding_gate.claims.published import Published
from embedding_gate.claims.scaling import published_step
from embedding_gate.report.record import verdict_as_data
from embedding_gate.verdicts.gate import Gate

__all__ = ["measurements"]


def measurements(
    benches: Iterable[Bench], audited: Mapping[str, Gate], published: Published
) -> dict[str, Any]:
    """Return the parts of the report that a run of the measurements fills."""
    benches = list(benches)
    red = {model: bool(gate.red) for model, gate in audited.items()}
    return {
        "speed": [_speed(bench, one, red) for bench in benches for one in bench.findings.shown],
        "audits": {model: [verdict_as_data(one) for one in gate.verdicts] for model, gate in audited.items()},
        "steps": [{**vars(step), "published": published_step(step, published)} for step in steps(benches)],
    }


def _speed(bench: Bench, record: Record, red: Mapping[str, bool]) -> dict[str, Any]:
    found = bench.findings
    known = "weights" in found.offers  # of another subject nobody knows what its device could do
    computed = known and record in found.computed
    flops = found.flops(record.length) if computed else None
    device_peak = found.device.best if found.device else None
    return {
        "model": bench.name,
        "precision": found.precision,
        "dimension": bench.engine.dimension,
        "kind": record.kind,
        "batch": record.batch,
        "length": record.length,
        "rounds": len(record.seconds),
        "median": median(record.seconds),
        "unit": "s",
        "tokens": record.tokens or None,
        "tokens_per_second": record.rate if record.tokens else None,
        "percentiles": [
            {"percent": percent, "seconds": seconds, "rounds": len(record.calls)}
            for percent, seconds in record.percentiles.items()
        ],
        "flops_per_token": flops,
        "mfu": found.share(record, found.peak) if computed else None,
        "matmul": found.peak if known else None,
        "device_peak": device_peak,
        "bound": min(found.peak, device_peak or found.peak) / flops if flops else None,
        "first_over_median": record.first_over_median,
        "cache_speedup": record.speedup,
        "uncached_median": median(record.uncached) if record.uncached else None,
        "peak_bytes": record.peak_bytes or None,
        "device_peak_bytes": record.device_peak_bytes or None,
        "headline": record is headline(bench),
        "audits_red": red.get(bench.name, True),  # a measurement that was never audited proves nothing
        "samples": record.seconds,
    }
