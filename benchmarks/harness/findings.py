"""All that was recorded of one model. The audits judge it, and the tables show it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.harness.intervals import APART, surely
from benchmarks.harness.records import Probe, Record
from embedding_gate.roofline import Device, mfu
from embedding_gate.subjects.offers import LIBRARY

__all__ = ["Findings", "Reported"]


class Reported(NamedTuple):
    """A reported rate in tokens/s, the tokens of a round, and the seconds of each round."""

    what: str
    rate: float
    tokens: int
    seconds: Sequence[float]


@dataclass
class Findings:
    """All that was recorded of one model.

    precision: of the computation. tf32: whether float32 products use only the ten bits of float16.
    flops: length of a text in tokens -> FLOPs of a token.
    reported: each rate of the table and the JSON, with the rounds from which it must follow.
    probe: interleaved rounds. uneven: tokens of texts of many lengths, as counted and as the model got them.
    peak: the best matrix product of the session, FLOP/s. device: what is published of the chip.
    offers: what can be seen of the model (subjects/offers.py). Of another subject it is little.
    """

    precision: str
    flops: Callable[[int], float]
    records: list[Record] = field(default_factory=list)
    reported: list[Reported] = field(default_factory=list)
    probe: Probe | None = None
    uneven: tuple[int, int] | None = None
    peak: float = math.nan
    device: Device | None = None
    tf32: bool = False
    offers: frozenset[str] = LIBRARY

    @property
    def computed(self) -> list[Record]:
        """The records in which the model computed every round, without a cache."""
        return [one for one in self.records if one.warm_ups is not None and not one.uncached]

    @property
    def own_cache(self) -> Record | None:
        """Repeated texts beside new ones, where a subject's own cache surely has them; None elsewhere."""
        probe = self.probe
        if probe is None or "cache" in self.offers or surely(probe.new, probe.repeated)[0] <= APART:
            return None
        tokens, seconds, uncached = probe.batch * probe.length, [*probe.repeated], [*probe.new]
        return Record("own cache", probe.batch, probe.length, tokens, seconds=seconds, uncached=uncached)

    @property
    def shown(self) -> list[Record]:
        """All that the tables and the report show."""
        return [*self.records, *([self.own_cache] if self.own_cache else [])]

    def share(self, record: Record, peak: float) -> float:
        """Return the share of a peak, FLOP/s, that a record's rate is: MFU. NaN where no peak is known."""
        return mfu(record.rate, self.flops(record.length), peak)
