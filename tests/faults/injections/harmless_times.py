"""Harmless changes of the model's run time: no audit may be red."""

import itertools
from collections.abc import Callable
from random import Random

from tests.faults.registry import TINY_DECODER, Patch, harmless
from tests.faults.seams import leave_unevaluated, scratch
from tests.faults.simulated import Machine

harmless("unevaluated graph, waited for", "time", "by the meter's rule", model=TINY_DECODER)(
    leave_unevaluated
)


@harmless("slow model", "time", "twice the time for the same work", model=TINY_DECODER)
def slow_model(patch: Patch) -> None:
    patch.setattr(Machine, "share", Machine.share / 2)


def forward_passes(take: Callable[[int], float]) -> Callable[[Patch], None]:
    """Let the n-th forward pass take ``take(n)`` times its normal time."""

    def inject(patch: Patch) -> None:
        numbers = itertools.count()
        patch.setattr(Machine, "noise", lambda _: take(next(numbers)))

    return inject


harmless("one slow round in ten", "time", "of ten times the time", model=TINY_DECODER)(
    forward_passes(lambda number: 10 if number % 10 == 7 else 1)
)
harmless("throttled machine", "time", "0.2 % slower with each round", model=TINY_DECODER)(
    forward_passes(lambda number: 1.002**number)
)


@harmless("noisy machine", "time", "rounds take up to 20 % longer", model=TINY_DECODER)
def noisy_machine(patch: Patch) -> None:
    random = Random(scratch.seed)  # noqa: S311
    forward_passes(lambda _: random.uniform(1, 1.2))(patch)
