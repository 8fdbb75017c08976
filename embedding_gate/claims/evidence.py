"""The evidence for judging published claims, and the roofline that limits rates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from embedding_gate.claims.published import Figure, Published
from embedding_gate.errors import FixtureError
from embedding_gate.roofline import Device, linear_flops_per_token

__all__ = [
    "BATCH",
    "LATENCY",
    "PER_TEXT",
    "THROUGHPUT",
    "Evidence",
    "Finding",
    "Outcome",
    "by_device",
    "compare",
    "under_the_roof",
]

CLAIMED = "Apple"  # the results are for Apple Silicon; devices of other makers are listed for contrast
Outcome = Literal[
    "reproduced",  # arithmetic or a measurement gives the same value
    "refuted",  # arithmetic gives another value
    "refuted by source",
    "possible",  # a device of the claimed maker could have done it
    "impossible",  # no listed device could have done it
    "not comparable",  # it is about other texts, or does not name them
    "not reproduced here",  # it could be measured, but was not measured here
    "not judged",  # there is no rule for it
]


THROUGHPUT, LATENCY = "throughput, tokens/s", "latency, ms"
PER_TEXT, BATCH = "tokens per text", "batch size, texts"


@dataclass(frozen=True)
class Finding:
    """The verdict, its arithmetic, and the chips that could do it if it depends on the device."""

    outcome: Outcome
    arithmetic: str
    chips: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The data for judging claims.

    configs: published model -> config.json of the checkpoint, with its quantization.
    texts: SHA-256 of the gate's texts, joined by line feeds. sentence_tokens: tokens of one of their
    sentences.
    documents: source -> its text. measured: (model, quantity) -> the value measured here.
    """

    published: Published
    configs: Mapping[str, Mapping[str, Any]]
    devices: Sequence[Device]
    texts: str
    sentence_tokens: float
    documents: Mapping[str, str]
    measured: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def figure(self, quantity: str, model: str) -> Figure:
        """Return the first published figure of that quantity.

        Raises:
            FixtureError: there is none.

        """
        for figure in self.published.figures:
            if (figure.quantity, figure.model) == (quantity, model):
                return figure
        raise FixtureError("published figures", f"no {quantity} of {model}", hint="restore it")

    def value(self, quantity: str, model: str) -> float:
        """Return the value of the first published figure of that quantity."""
        return self.figure(quantity, model).middle

    def config(self, model: str) -> Mapping[str, Any]:
        """Return a model's config.json.

        Raises:
            FixtureError: there is none.

        """
        if model not in self.configs:
            raise FixtureError(model or "published figures", "no such model's config.json", hint="name one")
        return self.configs[model]

    def model(self, name: str) -> str:
        """Return the published model that has this name."""
        return self.published.names.get(name.casefold(), name)


def compare(figure: Figure, value: float, arithmetic: str) -> Finding:
    """Return whether a value equals the published value, to the printed digits."""
    return Finding("reproduced" if figure.low <= value <= figure.high else "refuted", arithmetic)


def by_device(chips: Iterable[Device], arithmetic: str) -> Finding:
    """Return whether one of the chips that could do it is of the claimed maker."""
    able = tuple(chips)
    claimed = any(chip.family.startswith(CLAIMED) for chip in able)
    return Finding("possible" if claimed else "impossible", arithmetic, able)


def under_the_roof(pairs: Iterable[tuple[str, float]], evidence: Evidence, note: str = "") -> Finding:
    """Judge several rates (model, tokens/s) of one device: each must be below the device's roofline.

    Only linear layers count, because the lengths of texts are not known. Attention would add more work.
    """
    needs = {model: (rate, linear_flops_per_token(evidence.config(model))) for model, rate in pairs}
    shown = "; ".join(
        f"{rate:,.0f} tokens/s x {flops / 1e9:.3g} GFLOP = {rate * flops / 1e12:.3g} TFLOP/s"
        for rate, flops in needs.values()
    )
    apple = [device for device in evidence.devices if device.family.startswith(CLAIMED)]
    best = max(apple, key=lambda device: device.best)
    able = (chip for chip in evidence.devices if all(chip.allows(*need) for need in needs.values()))
    most = f"{best.name} ({best.released}) has {best.best / 1e12:.3g}, the most of any {CLAIMED} chip"
    return by_device(able, f"{shown}; {most}{note}")
