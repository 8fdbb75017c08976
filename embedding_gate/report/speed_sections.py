"""The sections on speed: what was measured here, and, in tables of their own, what others published."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedding_gate.report.blocks import Block, Picture, Section, Table, Text, absent, number, percent
from embedding_gate.report.recommend import recommend

__all__ = ["analysis", "comparison", "practice", "sizes", "summary"]

Record = Mapping[str, Any]
BENCHMARKS = "pytest --benchmark-only --report=DIR"
MERGED = "python -m embedding_gate.report DIR quality/report.json speed/report.json"


def summary(record: Record) -> Section:
    """One row for each model: the reference results' table, with what it leaves out."""
    speed = record["speed"]
    if not speed:
        return Section("Performance summary", absent("Speed", BENCHMARKS))
    header = (
        "model",
        "dimension",
        "tokens/s",
        "latency (ms)",
        "cache speedup",
        "MFU",
        "peak memory",
        "audits",
    )
    rows, notes = [], []
    for name in dict.fromkeys(one["model"] for one in speed):
        own = [one for one in speed if one["model"] == name]
        of = {one["kind"]: one for one in own}
        rate = next((one for one in own if one["headline"]), None)
        latency, cached, load = of.get("latency"), of.get("cache: memory"), of.get("load")
        rows.append(
            (
                name,
                str(own[0]["dimension"]),
                number(rate["tokens_per_second"]) if rate else "-",
                number(latency["median"] * 1e3 if latency else None),
                f"{number(cached['cache_speedup'])}x" if cached else "-",
                percent(rate["mfu"]) if rate else "-",
                f"{load['peak_bytes'] / 2**20:,.0f} MiB" if load and load["peak_bytes"] else "-",
                "RED" if own[0]["audits_red"] else "pass",
            )
        )
        shapes = {"throughput": rate, "latency": latency, "cache": cached}
        told = ", ".join(f"{what} of {one['batch']} x {one['length']}" for what, one in shapes.items() if one)
        notes.append(
            f"{name}: {told} tokens; {own[0]['precision']}, best matrix product "
            f"{own[0]['matmul'] / 1e12:.3g} TFLOP/s."
        )
    say = "New texts of an exact number of tokens; medians; the clock stops when vectors are in host memory."
    blocks: list[Block] = [Text(say), Table("Measured in this run", header, rows), *map(Text, notes)]
    return Section("Performance summary", [*blocks, Picture("quality and speed")])


def analysis(record: Record) -> Section:
    """Every measurement, beside the roofline, and the audits."""
    speed = record["speed"]
    if not speed:
        return Section("Speed analysis", absent("Speed and roofline", BENCHMARKS))
    header = (
        "measured",
        "texts x tokens",
        "tokens/s",
        "roofline allows",
        "MFU",
        "median (ms)",
        "rounds",
        "also",
    )
    blocks: list[Block] = [
        Text(
            "A rate times the FLOPs of one token is what the device achieved. The roof is the best matrix "
            "product of the same session, or what is published of the chip where that is less: no honest "
            "rate is above it."
        ),
        *map(Picture, ("throughput", "latency", "roofline")),
    ]
    for name in dict.fromkeys(one["model"] for one in speed):
        rows = [_measured(one) for one in speed if one["model"] == name]
        blocks.append(Table(name, header, rows))
    for model, audits in record["audits"].items():
        rows = [(one["check"], number(one["measured"]), one["required"], one["outcome"]) for one in audits]
        blocks.append(Table(f"Audits of {model}", ("audit", "measured", "required", "verdict"), rows))
    return Section("Speed analysis", blocks)


def _measured(one: Mapping[str, Any]) -> tuple[str, ...]:
    also = [f"p{at['percent']} {number(at['seconds'] * 1e3)} ms" for at in one["percentiles"]]
    if one["cache_speedup"]:
        also.append(f"speedup {number(one['cache_speedup'])}x")
    if one["peak_bytes"]:
        also.append(f"peak {one['peak_bytes'] / 2**20:,.0f} MiB")
    return (
        one["kind"],
        f"{one['batch']} x {one['length']}",
        number(one["tokens_per_second"], 4),
        number(one["bound"]),
        percent(one["mfu"]),
        number(one["median"] * 1e3, 4),
        str(one["rounds"]),
        ", ".join(also) or "-",
    )


def sizes(record: Record) -> Section:
    """Whether rates fall from size to size as the work of a token grows."""
    if not (steps := record["steps"]):
        which = f"{BENCHMARKS} --model=SMALL --model=LARGE"
        return Section("Cross-model validation", absent("Two sizes at one shape", which))
    rows = [
        (
            f"{step['smaller']} to {step['larger']}",
            number(step["measured"]),
            number(step["predicted"]),
            number(step["predicted"] / step["measured"]),
        )
        for step in steps
    ]
    header = (
        "step",
        "times slower, measured",
        "times slower, by FLOPs",
        "MFU of the larger over the smaller",
    )
    blocks: list[Block] = [
        Text("By FLOPs alone a larger model is as many times slower as a token of it takes more FLOPs."),
        Table("Measured in this run", header, rows),
    ]
    if said := [
        (f"{step['smaller']} to {step['larger']}", step["published"]) for step in steps if step["published"]
    ]:
        blocks.append(Table("As published, on another device", ("step", "times slower"), said))
    return Section("Cross-model validation", blocks)


def practice(record: Record) -> Section:
    """A model for each use, with the rule that chose it."""
    if not record["models"]:
        return Section("What it means in practice", absent("A recommendation", MERGED))
    rows = [(one.use, one.model or "none", one.why, one.rule) for one in recommend(record)]
    say = (
        "A model with a red check is recommended for nothing, and nothing by a figure that was not measured "
        "in the runs of this page, or that failed an audit. Quality and speed are measured by two commands; "
        f"`{MERGED}` puts their reports onto one page."
    )
    return Section(
        "What it means in practice",
        [Text(say), Table("By use", ("use", "recommended", "because", "rule"), rows)],
    )


def comparison(record: Record) -> Section:
    """Other systems: those measured here, and those of which somebody published a figure."""
    blocks: list[Block] = []
    for workload in dict.fromkeys(
        (one["workload"], one["machine"], one["command"]) for one in record["peers"]
    ):
        what, machine, command = workload
        own = [
            one for one in record["peers"] if (one["workload"], one["machine"], one["command"]) == workload
        ]
        blocks.append(Table(f"Measured here: {what}, on {machine} (`{command}`)", PEERS, _peers(own)))
    figures = [one for one in record["published"] if not one["judged"]]
    if figures:
        say = (
            "Published by others, of other devices and other texts, so none of these figures stands beside "
            "one of ours. The source of each is the published results that fixtures/published.toml quotes; "
            "what these leave out is named."
        )
        header = ("section", "model", "quantity", "published", "verdict", "source lacks")
        rows = [
            (
                one["section"],
                one["model"] or "-",
                one["quantity"],
                one["published"],
                one["outcome"],
                ", ".join(one["lacks"]) or "-",
            )
            for one in figures
        ]
        blocks += [Text(say), Table("Published", header, rows)]
    blocks += _reproduced(record)
    return Section("Comparison with other systems", blocks or absent("Peers", "make peers"))


PEERS = ("engine", "tokens/s", "this gate is", "interval", "strays by")


def _peers(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            one["engine"],
            number(one["rate"], 4),
            f"{one['ratio']:.2f}x",
            f"{one['least']:.2f} to {one['most']:.2f}",
            "-" if one["strays"] is None else f"{one['strays']:.1e}",
        )
        for one in found
    ]


def _reproduced(record: Record) -> list[Block]:
    """Published figures of the judged models, beside what was measured of the same texts."""
    found = [one for one in record["published"] if one["judged"]]
    header = ("model", "quantity", "published", "measured", "verdict")
    rows = [
        (one["judged"], one["quantity"], one["published"], number(one["measured"], 4), one["outcome"])
        for one in found
    ]
    return [Table("Published of the judged models, and measured again", header, rows)] if rows else []
