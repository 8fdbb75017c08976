"""The tables of a run: a summary in the form of the published one, then every shape."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.harness.bench import Bench
from benchmarks.harness.intervals import median_interval
from benchmarks.harness.plan import SHORT
from benchmarks.harness.records import Record
from embedding_gate.claims.published import Published
from embedding_gate.claims.scaling import Step, cross_size, scaling_table
from embedding_gate.text_table import aligned
from embeddings.synthetic import PREFIX

__all__ = [
    "four_digits",
    "grid_table",
    "headline",
    "median_and_interval",
    "milliseconds",
    "steps",
    "summary_table",
]

SUMMARY = ("Model", "Dimension", "Throughput (tokens/s)", "Latency (ms)", "Cache speedup", "MFU")
GRID = ("measured", "texts x tokens", "tokens/s", "MFU", "median (ms)", "surely", "rounds", "also")
WIDTH = 120  # columns of a line


def summary_table(benches: Iterable[Bench], published: Published) -> list[str]:
    """Return the summary. Published figures of a model stand in brackets beside the measured ones."""
    benches = list(benches)
    rows = [SUMMARY, *(_summary(bench, published) for bench in benches)]
    lines = aligned(rows, right=range(1, len(rows[0]) - 1))
    for bench in benches:
        (batch, length), (cached, tokens) = bench.fit(bench.plan.headline), bench.fit(bench.plan.cache)
        note = (
            f"{bench.name}: throughput of {batch} x {length} tokens, cache of {cached} x {tokens}, "
            f"latency of one text of {SHORT}; {bench.findings.precision}, "
            f"best matrix product {bench.findings.peak / 1e12:.3g} TFLOP/s"
        )
        lines += textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="    ")
    if any("(" in cell for row in rows[1:] for cell in row):
        lines.append("  in brackets: as published of that size, on another device and other texts")
    if found := steps(benches):
        lines += ["", *scaling_table(found, published)]
    return lines


def size_of(bench: Bench) -> str:
    """Return the name that the published figures have for a model."""
    return bench.name.removeprefix(PREFIX).removesuffix("-4bit")


def headline(bench: Bench) -> Record | None:
    """Return the record whose rate is in the summary; None if it was not measured."""
    batch, length = bench.fit(bench.plan.headline)
    found = (one for one in bench.findings.records if one.kind == "throughput")
    return next((one for one in found if (one.batch, one.length) == (batch, length)), None)


def steps(benches: Iterable[Bench]) -> list[Step]:
    """Return how rates and FLOPs change from size to size. Empty if the models have no shape in common."""
    found = [(bench, one) for bench in benches if (one := headline(bench))]
    if len(found) < 2 or len({one.shape for _, one in found}) > 1:
        return []
    rates = {size_of(bench): one.rate for bench, one in found}
    configs = {size_of(bench): bench.config for bench, _ in found}
    return cross_size(rates, configs, found[0][1].length)


def _summary(bench: Bench, published: Published) -> tuple[str, ...]:
    summary = [figure for figure in published.of(size_of(bench)) if figure.section == "Performance Summary"]
    said = {figure.quantity: figure.shown for figure in summary}

    def beside(measured: str, quantity: str) -> str:
        return f"{measured} ({said[quantity]})" if quantity in said else measured

    of = {one.kind: one for one in bench.findings.records}
    rate, latency, cached = headline(bench), of.get("latency"), of.get("cache: memory")
    return (
        bench.name,
        beside(str(bench.engine.dimension), "dimension"),
        beside(f"{rate.rate:,.0f}" if rate else "-", "throughput, tokens/s"),
        beside(f"{median(latency.seconds) * 1e3:.2f}" if latency else "-", "latency, ms"),
        beside(f"{cached.speedup:,.1f}" if cached and cached.speedup else "-", "cache speedup"),
        f"{bench.findings.share(rate, bench.findings.peak):.1%}" if rate else "-",
    )


def grid_table(bench: Bench) -> list[str]:
    """Return a row for each measurement of one model, sorted by kind, length and number of texts."""
    computed, records = bench.findings.computed, bench.findings.records
    kinds = list(dict.fromkeys(one.kind for one in records))
    rows = [GRID]
    for one in sorted(records, key=lambda one: (kinds.index(one.kind), one.length, one.batch)):
        share = f"{bench.findings.share(one, bench.findings.peak):.1%}" if one in computed else "-"
        rows.append(
            (
                one.kind,
                one.shape,
                f"{one.rate:,.0f}" if one.tokens else "-",
                share,
                *median_and_interval(one.seconds, milliseconds),
                str(len(one.seconds)),
                _also(one),
            )
        )
    return [f"{bench.name}", *aligned(rows, right=range(1, len(rows[0]) - 1))]


def _also(one: Record) -> str:
    found = [f"p{percent} {four_digits(seconds * 1e3)} ms" for percent, seconds in one.percentiles.items()]
    if one.speedup:
        found.append(f"speedup {four_digits(one.speedup)}{_speedup_interval(one)}")
    if one.peak_bytes:
        found.append(f"peak {one.peak_bytes / 2**30:.2f} GiB, MLX {one.device_peak_bytes / 2**30:.2f}")
    return ", ".join(found)


def _speedup_interval(cached: Record) -> str:
    """Return the interval of a speedup, from the ratios of the rounds; empty if they are too few."""
    ratios = [slow / fast for slow, fast in zip(cached.uncached, cached.seconds, strict=True)]
    ends = median_interval(ratios)
    low, high = (f"{end:,.0f}" if end >= 100 else f"{end:.3g}" for end in ends)
    return f" ({low} .. {high})" if ends[0] > 0 else ""


def median_and_interval(values: Sequence[float], figure: Callable[[float], float]) -> tuple[str, str]:
    """Return the median and its 98 % interval, each turned by ``figure``; "-" if the values are too few."""
    ends = median_interval(values)
    low, high = sorted(map(figure, ends)) if min(ends) > 0 else (0.0, 0.0)  # it has no lower end: too few
    surely = f"{four_digits(low)} .. {four_digits(high)}" if high else "-"
    return four_digits(figure(median(values))), surely


def milliseconds(seconds: float) -> float:
    """Return the milliseconds of some seconds."""
    return 1e3 * seconds


def four_digits(number: float) -> str:
    """Return four significant digits, never with an exponent: 0.5505, 3,535, 11,420."""
    return f"{float(f'{number:.4g}'):,.0f}" if number >= 1000 else f"{number:.4g}"
