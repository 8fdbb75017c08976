"""What was measured, as data: the rounds of a benchmark, and rounds that only the audits need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, NamedTuple

__all__ = ["PERCENTILES", "Probe", "Record", "Spied"]

# Percentile -> rounds that it needs, so that the second largest round bounds it with 99 % confidence: the
# least n for which p^n + n (1 - p) p^(n - 1) <= 0.01, as in MLPerf Inference's early stopping
# (https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc).
PERCENTILES = {90: 64, 95: 130, 99: 662}
OF_REQUESTS = {50: 11, 90: 64, 99: 662}  # where a round has several requests, the same by the same rule


class Spied(NamedTuple):
    """An untimed run: vectors (N, D), unmasked tokens that the model got, bits of its hidden states.

    tokens is None, and bits is 0, where only vectors are seen.
    """

    vectors: Any
    tokens: int | None
    bits: int


@dataclass
class Record:
    """The rounds of one benchmark of one model.

    kind: what was measured: "throughput", "latency", "cache: memory", "tokenization", "load" ...
    batch, length: texts of a round, and tokens of each.
    tokens: real tokens of a round, as the tokenizer counts them.
    warm_ups: untimed calls of this shape before the first round.
    seconds: of each round, until vectors (batch, D) were in host memory.
    elapsed: of each round, by the meter's own clock, from when its texts were ready until it was over.
    uncached: seconds of the same texts without the cache, where it is the cache that is measured.
    requests: seconds of each request, where a round has several.
    seen: tokens that the model was handed for the last round's texts in an untimed run; None: not looked at.
    bits: of a number of the hidden states that the model gave then.
    stray: largest difference of that run's vectors from those of the round, and of a text of every round from
        that in a batch of such texts. None: not looked at.
    peak_bytes: the most memory that the process ever had, where that is measured; device_peak_bytes: of
        MLX's arrays.
    """

    kind: str
    batch: int
    length: int
    tokens: int = 0
    warm_ups: int | None = None
    seconds: list[float] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    uncached: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    seen: int | None = None
    bits: int = 0
    stray: float | None = None
    peak_bytes: int = 0
    device_peak_bytes: int = 0

    @property
    def shape(self) -> str:
        """Texts x tokens, as "32 x 64"."""
        return f"{self.batch} x {self.length}"

    @property
    def rate(self) -> float:
        """Real tokens/s of the median round."""
        return self.tokens / median(self.seconds)

    @property
    def first_over_median(self) -> float:
        """The first round over the median of all. It is far above 1 if a warm-up was counted."""
        return self.seconds[0] / median(self.seconds)

    @property
    def speedup(self) -> float | None:
        """Median uncached over median cached time of the same texts; None if no cache was measured."""
        return median(self.uncached) / median(self.seconds) if self.uncached else None

    @property
    def calls(self) -> Sequence[float]:
        """Seconds of each request, or of each round where that is one call."""
        return self.requests or self.seconds

    @property
    def percentiles(self) -> dict[int, float]:
        """Seconds below which so many per cent of the calls lie, of those that there are calls for."""
        wanted: Mapping[int, int] = OF_REQUESTS if self.requests else PERCENTILES
        enough = [percent for percent, least in wanted.items() if len(self.calls) >= least]
        return {percent: quantiles(self.calls, n=100)[percent - 1] for percent in enough}

    def figures(self) -> dict[str, float | int | str]:
        """Return the figures that the JSON holds beside the rounds."""
        found: dict[str, float | int | str] = {"kind": self.kind, "batch": self.batch, "length": self.length}
        found |= {"first_over_median": self.first_over_median}
        if self.tokens:
            found |= {"tokens": self.tokens, "tokens_per_second": self.rate}
        if (speedup := self.speedup) is not None:
            found |= {"cache_speedup": speedup, "uncached_median": median(self.uncached)}
        if self.peak_bytes:
            found |= {"peak_bytes": self.peak_bytes, "device_peak_bytes": self.device_peak_bytes}
        return found | {f"p{percent}": seconds for percent, seconds in self.percentiles.items()}


@dataclass(frozen=True)
class Probe:
    """Interleaved rounds that only the audits need. Element i of each list was timed in turn i.

    new, repeated, other_seed: seconds of new texts, of the same texts again, of new texts of another seed.
    quarter: seconds of a quarter of the work, in new texts of the shape ``less``.
    batch, length: texts of a round (but of quarter), and tokens of each.
    """

    batch: int
    length: int
    new: Sequence[float]
    repeated: Sequence[float]
    other_seed: Sequence[float]
    quarter: Sequence[float]
    less: tuple[int, int] = (0, 0)
