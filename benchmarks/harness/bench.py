"""The measurements of one model. It is opened once, its meter measures it, and audits follow at the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.clock import Timed
from benchmarks.harness.findings import Findings, Reported
from benchmarks.harness.fresh import Seen
from benchmarks.harness.matmul import matmul_rates
from benchmarks.harness.meter import Engine, Meter
from benchmarks.harness.plan import SHORT, Plan
from benchmarks.harness.records import Record
from benchmarks.harness.server import clients_at_once, json_alone, request_of_no_text
from embedding_gate.machine import in_tf32
from embedding_gate.roofline import Device, flops_per_token
from embedding_gate.workers import Worker
from embeddings.cache import VectorCache

__all__ = ["Bench", "Measure"]

UNEVEN = 32  # tokens: the limit at which texts of many lengths are cut, for the audit of real tokens


@dataclass
class Bench:
    """One model to measure, and what was found.

    name: as the user gave it. config: the content of config.json. limit: the longest text in tokens.
    child: arguments of a new process that loads the model.
    """

    name: str
    engine: Engine
    meter: Meter
    plan: Plan
    findings: Findings
    config: Mapping[str, Any]
    limit: int
    child: list[str]
    rates: dict[str, float] = field(default_factory=dict)  # best matmul of each precision, FLOP/s

    def look_at_peak(self) -> None:
        """Measure the matrix product once more, and keep the best rate."""
        for precision, rate in matmul_rates(*self.plan.matmul).items():
            self.rates[precision] = max(rate, self.rates.get(precision, 0.0))
        self.findings.peak = max(self.rates.values())

    def audit(self) -> None:
        """Run what only the audits need."""
        batch, length = self.fit(self.plan.probe)
        if "weights" not in self.findings.offers:
            shorter = (batch, max(length // 4, 4))
            self.findings.probe = self.meter.probe(batch, length, self.plan.probe_rounds, quarter=shorter)
            return
        self.findings.probe = self.meter.probe(batch, length, self.plan.probe_rounds)
        self.findings.uneven = self.meter.uneven(min(UNEVEN, self.limit // 2))
        self.look_at_peak()

    def fit(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return the shape, with texts cut to the longest that the model reads."""
        return shape[0], min(shape[1], self.limit)


def open_bench(
    name: str,
    engine: Engine,
    plan: Plan,
    seen: Seen,
    config: Mapping[str, Any],
    *,
    limit: int,
    precision: str,
    device: Device | None,
    child: list[str],
) -> Bench:
    """Make the bench of a loaded model, and measure the matrix product for the first time."""
    meter = Meter(engine, seen, seed=name, warm_ups=plan.warm_ups)
    findings = Findings(precision, partial(flops_per_token, config), device=device, tf32=in_tf32())
    bench = Bench(name, engine, meter, plan, findings, config, limit, child)
    bench.look_at_peak()
    return bench


def load_rounds(timed: Timed, arguments: list[str], tokens: int, rounds: int) -> Record:
    """Time loading in new processes that have already imported everything. Then each encodes a text.

    The clock stops when a first word has its vector. So weights that are read only when they are needed count
    too.
    """
    record = Record("load", 1, tokens)
    worker = Worker("load", "benchmarks.harness.memory", [*arguments, str(tokens), "--serve"])

    def prepare() -> None:
        worker.start()
        worker.versions()  # it has imported everything when it answers

    def work() -> None:
        worker.ask("load")
        worker.ask("first")

    def after() -> None:
        answer = worker.ask("encode")
        worker.stop()
        record.peak_bytes = max(record.peak_bytes, answer["peak_bytes"])
        record.device_peak_bytes = max(record.device_peak_bytes, answer["device_peak_bytes"])

    try:
        record.seconds = timed(prepare, work, after, rounds)
    finally:
        worker.stop()
    return record


class Measure:
    """What a benchmark may do: it only names a kind of measurement, and cannot change texts, clock or cache.

    benchmark: pytest-benchmark's fixture, which times the rounds and keeps their seconds.
    """

    def __init__(self, bench: Bench, benchmark: Any) -> None:
        self.bench, self.plan = bench, bench.plan
        self._benchmark = benchmark

    def throughput(self, batch: int, length: int) -> None:
        """Measure new texts of one length."""
        batch, length = self.bench.fit((batch, length))
        self._keep(self.bench.meter.encoding(self._timed, "throughput", batch, length, self.plan.rounds))

    def latency(self, length: int) -> None:
        """Measure one new text at a time."""
        batch, length = self.bench.fit((1, length))
        self._keep(self.bench.meter.encoding(self._timed, "latency", batch, length, self.plan.latency_rounds))

    def cached(self, where: str, folder: Path) -> None:
        """Measure texts that a cache holds in "memory" or "SQLite", and in turn the same texts without it."""
        batch, length = self.bench.fit(self.plan.cache)
        kind, rounds = f"cache: {where}", self.plan.cache_rounds
        on_disk = where == "SQLite"
        with VectorCache(folder / "cache.db", memory_bytes=0) if on_disk else VectorCache() as cache:
            self._keep(self.bench.meter.encoding(self._timed, kind, batch, length, rounds, cache=cache))

    def tokenization(self) -> None:
        """Measure only the way from texts to token ids."""
        batch, length = self.bench.fit(self.plan.cache)
        self._keep(self.bench.meter.tokenization(self._timed, batch, length, self.plan.rounds))

    def clients(self, count: int) -> None:
        """So many clients of a server at once, each with one new short text after another."""
        _, length = self.bench.fit((1, SHORT))
        rounds = self.plan.client_rounds(count)
        texts = count * self.plan.each
        self._keep(clients_at_once(self.bench.meter, self._timed, count, (texts, length), rounds))

    def no_text(self) -> None:
        """A request of a server for no text: HTTP and no model."""
        self._keep(request_of_no_text(self.bench.engine, self._timed, self.plan.latency_rounds))

    def json(self) -> None:
        """Write the request of the headline's texts, and read the answer; nothing is sent meanwhile."""
        batch, length = self.bench.fit(self.plan.headline)
        self._keep(json_alone(self.bench.meter, self._timed, batch, length, self.plan.rounds))

    def load(self) -> None:
        """Measure, in new processes, the seconds to a first vector, and the most memory with one text."""
        _, length = self.bench.fit(max(self.plan.grid, key=lambda shape: shape[1]))
        self._keep(load_rounds(self._timed, self.bench.child, length, self.plan.loads))

    def _timed(
        self, prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        self._benchmark.pedantic(
            work, setup=prepare, teardown=after, rounds=rounds, iterations=1, warmup_rounds=0
        )
        return [float(seconds) for seconds in self._benchmark.stats.stats.data[:rounds]]

    def _keep(self, record: Record) -> None:
        """Put the record's figures into the JSON, and the record into the findings that are audited."""
        findings, info = self.bench.findings, self._benchmark.extra_info
        findings.records.append(record)
        info |= {"model": self.bench.name, "precision": findings.precision, **record.figures()}
        if "weights" in findings.offers:
            info |= {"matmul": findings.peak}
        if "weights" in findings.offers and record in findings.computed:
            info["mfu"] = findings.share(record, findings.peak)
        if record.tokens:
            raw, rate = self._benchmark.stats.stats.data, info["tokens_per_second"]
            what, tokens = f"{record.kind} {record.shape}", record.batch * record.length
            findings.reported.append(Reported(what, rate, tokens, raw))
