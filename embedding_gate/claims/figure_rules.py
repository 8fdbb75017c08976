"""The rule for each published quantity: (figure, evidence) -> the verdict with its arithmetic."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from embedding_gate.claims.evidence import (
    BATCH,
    LATENCY,
    PER_TEXT,
    THROUGHPUT,
    Evidence,
    Finding,
    Outcome,
    by_device,
    compare,
    under_the_roof,
)
from embedding_gate.claims.published import Figure, Statement
from embedding_gate.roofline import linear_flops_per_token

__all__ = ["QUANTITIES", "rule_of", "unstated"]


def throughput(figure: Figure, evidence: Evidence) -> Finding:
    """Judge whether a rate is below the roofline. Only linear layers count: lengths are not known."""
    return under_the_roof([(figure.model, figure.middle)], evidence)


def throughput_range(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a range from the slowest to the fastest model: one device must reach both rates."""
    rates = {model: evidence.value(THROUGHPUT, model) for model in evidence.configs}
    slow, fast = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    return under_the_roof([(slow, figure.low), (fast, figure.high)], evidence)


def latency(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a latency by memory bandwidth.

    Encoding one text reads every weight of the linear layers once. No chip's cache holds all weights.
    """
    config = evidence.config(figure.model)
    size = linear_flops_per_token(config) / 2 * _bits(config) / 8
    need = size / (figure.high / 1e3)
    able = (chip for chip in evidence.devices if chip.bandwidth >= need)
    shown = (
        f"{size / 1e9:.3g} GB of weights in {figure.shown} ms = {need / 1e9:,.0f} GB/s of memory bandwidth"
    )
    return by_device(able, shown)


def _bits(config: Mapping[str, Any]) -> float:
    """Return the bits of a weight: its own bits and its share of the scale and the bias of its group.

    The scale and the bias have 16 bits each.
    """
    packing = config["quantization"]
    return float(packing["bits"] + 2 * 16 / packing["group_size"])


def bandwidth_saved(figure: Figure, evidence: Evidence) -> Finding:
    """Judge the saved bandwidth: 16 bits divided by the bits of a packed weight."""
    config = next(iter(evidence.configs.values()))
    bits, packing = _bits(config), config["quantization"]
    shown = f"{packing['bits']} bits, and a scale and a bias of 16 for each {packing['group_size']}: {bits:g}"
    return compare(figure, 16 / bits, f"{shown}; 16 / {bits:g} = {16 / bits:.2f}")


def cache_speedup(figure: Figure, evidence: Evidence) -> Finding:
    """Judge the speedup of the cache by a measurement. The latency shows the time of a cached text."""
    hit = evidence.value(LATENCY, figure.model) / figure.middle
    shown = f"a cached text took {evidence.value(LATENCY, figure.model):g} / {figure.shown} = {hit:.3f} ms"
    return _measured(figure, evidence, shown)


def _measured(figure: Figure, evidence: Evidence, shown: str) -> Finding:
    if (measured := evidence.measured.get((figure.model, figure.quantity))) is None:
        return Finding("not reproduced here", shown)
    return compare(figure, measured, f"measured {measured:g}; {shown}")


def dimension(figure: Figure, evidence: Evidence) -> Finding:
    """Judge the dimension: it must be the width of the hidden states."""
    width = evidence.config(figure.model)["hidden_size"]
    return compare(figure, width, f"config.json: hidden_size {width}")


def quality(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a similarity or a norm.

    It can be compared only on the same texts. A mean must lie between its extremes.
    """
    extremes = [
        one
        for word in ("lowest", "highest")
        for one in evidence.published.figures
        if (one.quantity, one.model) == (f"{word} category similarity", figure.model)
    ]
    similar = figure.quantity == "cohesion" or "category similarity" in figure.quantity
    for one in extremes if similar else ():
        below = one.quantity.startswith("lowest") and figure.high < one.low
        if below or (one.quantity.startswith("highest") and figure.low > one.high):
            return Finding("refuted", f"{figure.shown} is beyond the {one.quantity}, {one.shown}")
    ours, theirs = evidence.texts, evidence.published.texts
    if ours != theirs:
        shown = (
            f"other texts: {ours[:8]} here, {theirs[:8]} there; with those, --recipe=reference-2025 judges it"
        )
        return Finding("not comparable", shown)
    return _measured(figure, evidence, f"texts {theirs[:8]}")


def batch_size(figure: Figure, evidence: Evidence) -> Finding:
    """Judge the batch size: the published rate divided by the published tokens per text."""
    rate, tokens = (evidence.value(quantity, figure.model) for quantity in (THROUGHPUT, PER_TEXT))
    return compare(figure, round(rate / tokens), f"{rate:,.0f} / {tokens:,.0f} = {rate / tokens:.1f}")


def tokens_per_text(figure: Figure, evidence: Evidence) -> Finding:
    """Judge the tokens per text: the tokens of a batch divided by its texts.

    Tokens per second divided by texts are not tokens per text.
    """
    rate, size = (evidence.value(quantity, figure.model) for quantity in (THROUGHPUT, BATCH))
    seconds = evidence.value("time per batch of 32, ms", figure.model) / 1e3
    tokens = rate * seconds / size
    shown = f"{rate:,.0f} / {size:g} = {rate / size:,.0f} tokens a second for each text, not tokens of a text"
    return compare(figure, tokens, f"{shown}; in the {seconds * 1e3:g} ms of a batch it has {tokens:.1f}")


def batch_time(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a time: the tokens of the batch, by the published length of a text, divided by the rate."""
    rate, tokens = (evidence.value(quantity, figure.model) for quantity in (THROUGHPUT, PER_TEXT))
    size = evidence.value(BATCH, figure.model) if "batch of" in figure.quantity else 1
    value = 1e3 * size * tokens / rate
    return compare(figure, value, f"{size:g} x {tokens:,.0f} tokens a text / {rate:,.0f} = {value:,.0f} ms")


def parameters(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a ratio of parameters by the models' names, and show the ratio by their shapes."""
    big, small = (evidence.model(name) for name in _ratio(figure))
    nominal = [float(re.findall(r"([\d.]+)B$", model)[0]) for model in (big, small)]
    counts = []
    for model in (big, small):
        config = evidence.config(model)
        table = config["vocab_size"] * config["hidden_size"]
        counts.append((linear_flops_per_token(config) / 2 + table) / 1e9)
    named = nominal[0] / nominal[1]
    shapes = f"by the shapes {counts[0]:.2f} / {counts[1]:.3g} billion = {counts[0] / counts[1]:.2f}"
    return compare(figure, named, f"by name {nominal[0]:g} / {nominal[1]:g} = {named:.2f}; {shapes}")


def throughput_ratio(figure: Figure, evidence: Evidence) -> Finding:
    """Judge a ratio of throughputs: one published rate divided by another."""
    fast, slow = (evidence.value(THROUGHPUT, evidence.model(name)) for name in _ratio(figure))
    return compare(figure, fast / slow, f"{fast:,.0f} / {slow:,.0f} = {fast / slow:.2f}")


def _ratio(figure: Figure) -> list[str]:
    return figure.quantity.partition(", ")[2].split(" over ")


def sentences(figure: Figure, evidence: Evidence) -> Finding:
    """Judge sentences per second: the rate divided by the tokens of a sentence."""
    rate, each = evidence.value(THROUGHPUT, figure.model), evidence.sentence_tokens
    few = rate / figure.middle
    shown = f"it takes sentences of {few:.1f} tokens; the gate's have {each:.1f}: {rate:,.0f} / {each:.1f}"
    return compare(figure, rate / each, f"{shown} = {rate / each:,.0f}")


def unstated(claim: Figure | Statement, evidence: Evidence) -> Finding:  # noqa: ARG001  (a rule's signature)
    """Judge a claim by its conditions: without them it cannot be measured again."""
    outcome: Outcome = "not comparable" if claim.lacks else "not reproduced here"
    return Finding(
        outcome, f"not stated: {', '.join(claim.lacks)}" if claim.lacks else "it could be measured"
    )


QUANTITIES: Mapping[
    str, Callable[[Figure, Evidence], Finding]
] = {  # beginning of a quantity -> its rule; the longest match counts
    "dimension": dimension,
    THROUGHPUT: throughput,
    "throughput, ": throughput_ratio,
    "throughput of ": unstated,
    "throughput of MLX": throughput_range,
    LATENCY: latency,
    "cache speedup": cache_speedup,
    "mean norm": quality,
    "deviation of norms": quality,
    "cohesion": quality,
    "category similarity: ": quality,
    "highest category similarity": quality,
    "lowest category similarity": quality,
    "memory bandwidth saved": bandwidth_saved,
    BATCH: batch_size,
    PER_TEXT: tokens_per_text,
    "time per ": batch_time,
    "parameters, ": parameters,
    "sentences per second": sentences,
}


def rule_of(quantity: str) -> str:
    """Return the longest key of QUANTITIES that the quantity begins with, or "" if there is none."""
    return max((key for key in QUANTITIES if quantity.startswith(key)), key=len, default="")
