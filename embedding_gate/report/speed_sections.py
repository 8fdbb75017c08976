"""The sections on speed: what was measured here, and, in tables of their own, what others published."""

from embedding_gate.report.blocks import (
    Block,
    Columns,
    Picture,
    Section,
    Table,
    Text,
    grouped,
    number,
    percent,
    table,
)
from embedding_gate.report.recommend import Advice, recommend
from embedding_gate.report.schema.models import Verdict
from embedding_gate.report.schema.record import Record
from embedding_gate.report.schema.speed import Peer, Published, Speed, Step

__all__ = ["analysis", "comparison", "practice", "sizes", "summary"]

MERGED = "python -m embedding_gate.report DIR quality/report.json speed/report.json"
SUMMARY = "model,dimension,tokens/s,latency (ms),cache speedup,MFU,peak memory,audits".split(",")


def summary(record: Record) -> Section | None:
    """One row for each model, with its best-known figures."""
    if not (groups := grouped(record.speed, lambda one: one.model)):
        return None
    say = (
        "All texts are new and have an exact number of tokens. Figures are medians. The clock stops when the "
        "vectors are in host memory. MFU (model FLOPs utilisation) is the share of the rate of the best "
        "matrix product that the model reaches."
    )
    rows, notes = zip(*(_summary(name, own) for name, own in groups.items()), strict=True)
    found = Table("Measured in this run", SUMMARY, rows)
    return Section("Performance summary", [Text(say), found, *map(Text, notes), Picture("quality and speed")])


def _summary(name: str, own: list[Speed]) -> tuple[list[str], str]:
    """Return the row of a model, and a note on the shapes that it was measured in."""
    of = {one.kind: one for one in own}
    rate = next((one for one in own if one.headline), None)
    latency, cached, load = of.get("latency"), of.get("cache: memory", of.get("own cache")), of.get("load")
    row = [
        name,
        str(own[0].dimension),
        number(rate.tokens_per_second if rate else None),
        number(latency.median * 1e3 if latency else None),
        f"{number(cached.cache_speedup)}x" if cached else "-",
        percent(rate.mfu if rate else None),
        _mebibytes(load.peak_bytes if load else None),
        "RED" if own[0].audits_red else "pass",
    ]
    shapes = {"throughput": rate, "latency": latency, "cache": cached}
    told = ", ".join(f"{what} of {one.batch} x {one.length}" for what, one in shapes.items() if one)
    peak = f"best matrix product {own[0].matmul / 1e12:.3g} TFLOP/s" if own[0].matmul else "another subject"
    return row, f"{name}: {told} (texts x tokens); {own[0].precision}, {peak}."


def _mebibytes(count: int | None) -> str:
    return f"{count / 2**20:,.0f} MiB" if count else "-"


def _also(one: Speed) -> str:
    found = [f"p{at.percent} {number(at.seconds * 1e3)} ms" for at in one.percentiles]
    found += [f"speedup {number(one.cache_speedup)}x"] if one.cache_speedup else []
    found += [f"peak {_mebibytes(one.peak_bytes)}"] if one.peak_bytes else []
    return ", ".join(found) or "-"


MEASURED: Columns[Speed] = {
    "measured": lambda one: one.kind,
    "texts x tokens": lambda one: f"{one.batch} x {one.length}" if one.batch else "-",
    "tokens/s": lambda one: number(one.tokens_per_second, 4),
    "roofline allows": lambda one: number(one.bound),
    "MFU": lambda one: percent(one.mfu),
    "median (ms)": lambda one: number(one.median * 1e3, 4),
    "rounds": lambda one: str(one.rounds),
    "also": _also,
}
AUDITS: Columns[Verdict] = {
    "audit": lambda one: one.check,
    "measured": lambda one: number(one.measured),
    "required": lambda one: one.required,
    "verdict": lambda one: one.outcome,
}


def analysis(record: Record) -> Section | None:
    """Every measurement, beside the roofline, and the audits."""
    if not record.speed:
        return None
    say = (
        "A rate times the FLOPs of one token is what the device achieved. The roof is the best matrix "
        "product of the same session, or the published peak of the chip where that is lower. No honest rate "
        "is above the roof."
    )
    groups = grouped(record.speed, lambda one: one.model)
    blocks: list[Block] = [
        Text(say),
        *map(Picture, ("throughput", "latency", "roofline")),
        *(table(name, MEASURED, own) for name, own in groups.items()),
        *(table(f"Audits of {name}", AUDITS, found) for name, found in record.audits.items()),
    ]
    return Section("Speed analysis", blocks)


def sizes(record: Record) -> Section | None:
    """Whether rates fall from size to size as the work of a token grows."""
    if not (steps := record.steps):
        return None
    measured: Columns[Step] = {
        "step": _step,
        "times slower, measured": lambda step: number(step.measured),
        "times slower, by FLOPs": lambda step: number(step.predicted),
        "MFU of the larger over the smaller": lambda step: number(step.predicted / step.measured),
    }
    published: Columns[Step] = {"step": _step, "times slower": lambda step: step.published or "-"}
    say = "If only FLOPs counted, a model would be slower in proportion to its FLOPs for one token."
    blocks: list[Block] = [Text(say), table("Measured in this run", measured, steps)]
    if said := [step for step in steps if step.published]:
        blocks.append(table("As published, on another device", published, said))
    return Section("Cross-model validation", blocks)


def _step(step: Step) -> str:
    return f"{step.smaller} to {step.larger}"


def practice(record: Record) -> Section | None:
    """A model for each use, with the rule that chose it."""
    advice = recommend(record)
    if not any(one.model for one in advice):
        return None
    columns: Columns[Advice] = {
        "use": lambda one: one.use,
        "recommended": lambda one: one.model or "none",
        "because": lambda one: one.why,
        "rule": lambda one: one.rule,
    }
    say = (
        "A model with a red check is not recommended. A model is recommended only by figures that were "
        "measured in the runs of this page and passed their audits. Two commands measure quality and "
        f"speed; `{MERGED}` puts their reports onto one page."
    )
    return Section("What it means in practice", [Text(say), table("By use", columns, advice)])


PEERS: Columns[Peer] = {
    "engine": lambda one: one.engine,
    "tokens/s": lambda one: number(one.rate, 4),
    "this library is": lambda one: f"{one.ratio:.2f}x",
    "interval": lambda one: f"{one.least:.2f} to {one.most:.2f}",
    "largest difference": lambda one: "-" if one.difference is None else f"{one.difference:.1e}",
}
ELSEWHERE: Columns[Published] = {
    "section": lambda one: one.section,
    "model": lambda one: one.model or "-",
    "quantity": lambda one: one.quantity,
    "published": lambda one: one.published,
    "verdict": lambda one: one.outcome,
    "source lacks": lambda one: ", ".join(one.lacks) or "-",
}
REPRODUCED: Columns[Published] = {
    "model": lambda one: one.judged,
    "quantity": lambda one: one.quantity,
    "published": lambda one: one.published,
    "measured": lambda one: number(one.measured, 4),
    "verdict": lambda one: one.outcome,
}


def comparison(record: Record) -> Section | None:
    """Other systems: those measured here, and those of which somebody published a figure."""
    workloads = grouped(record.peers, lambda one: f"{one.workload}, on {one.machine} (`{one.command}`)")
    blocks: list[Block] = [
        table(f"Measured here: {workload}", PEERS, found) for workload, found in workloads.items()
    ]
    if figures := [one for one in record.published if not one.judged]:
        say = (
            "Others published these figures, for other devices and other texts. So they do not stand beside "
            "our figures. fixtures/published.toml quotes their sources. The last column names what a source "
            "leaves out."
        )
        blocks += [Text(say), table("Published", ELSEWHERE, figures)]
    if again := [one for one in record.published if one.judged]:
        blocks.append(table("Published of the judged models, and measured again", REPRODUCED, again))
    return Section("Comparison with other systems", blocks) if blocks else None
