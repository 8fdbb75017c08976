"""Cross-size validation: whether rates fall from size to size as the work per token grows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from embedding_gate.claims.published import Published
from embedding_gate.errors import InputError
from embedding_gate.roofline import flops_per_token

__all__ = ["Step", "cross_size", "published_step", "scaling_table"]


@dataclass(frozen=True)
class Step:
    """The step from one size to the next larger size.

    measured: how many times slower the larger model is. predicted: how many times more FLOPs its tokens take.
    """

    smaller: str
    larger: str
    measured: float
    predicted: float

    @property
    def mfu(self) -> float:
        """The larger model's MFU divided by the smaller one's: 1 if rates fall exactly as FLOPs grow."""
        return self.predicted / self.measured


def cross_size(
    rates: Mapping[str, float], configs: Mapping[str, Mapping[str, Any]], tokens: float
) -> list[Step]:
    """Compare the ratio of neighbouring sizes' rates with the ratio of their FLOPs.

    rates: size -> tokens/s. configs: size -> config.json. tokens: the tokens of a text; 0 if lengths
    are not known, and then attention is left out. The step of the smallest size comes first.

    Raises:
        InputError: a rate is not above 0, or a size has no configuration.

    """
    for size, rate in rates.items():
        if not rate > 0 or size not in configs:
            raise InputError(size, f"needs a rate above 0 and a config.json, got {rate}", hint="give both")
    flops = {size: flops_per_token(configs[size], tokens) for size in rates}
    order = sorted(rates, key=flops.__getitem__)
    return [
        Step(small, large, rates[small] / rates[large], flops[large] / flops[small])
        for small, large in pairwise(order)
    ]


def scaling_table(steps: Sequence[Step], published: Published) -> list[str]:
    """Return a line for each step: times slower, as measured, as FLOPs predict, and as published.

    A model of the published results is shown by its size, such as "0.6B". Another model is shown by its name.
    """
    if not steps:
        return []
    pairs = [(_size(step.smaller, published), _size(step.larger, published)) for step in steps]
    names = ["times slower", *(" to ".join(pair) for pair in pairs)]
    width = max(map(len, names))
    lines = [f"  {names[0]:<{width}}  measured  by FLOPs  published  MFU of the larger over the smaller"]
    for step, name in zip(steps, names[1:], strict=True):
        said = published_step(step, published) or "-"
        lines.append(
            f"  {name:<{width}}  {step.measured:>8.3g}  {step.predicted:>8.3g}  {said:>9}  {step.mfu:.3g}"
        )
    return lines


def published_step(step: Step, published: Published) -> str | None:
    """Return how many times slower the larger size is in the published results, as printed, or None."""
    quantity = f"throughput, {_size(step.smaller, published)} over {_size(step.larger, published)}"
    return next((figure.shown for figure in published.figures if figure.quantity == quantity), None)


def _size(name: str, published: Published) -> str:
    """Return the size at the end of a published model's name, or the unchanged name."""
    found = re.search(r"[\d.]+B$", published.model(name))
    return found.group() if found else name
