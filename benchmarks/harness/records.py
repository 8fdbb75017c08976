"""What was measured, as data: the rounds of a benchmark, and rounds that only the audits need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, NamedTuple

__all__ = ["PERCENTILES", "Probe", "Record", "Spied"]

# Percentile -> rounds that it needs, so that the second largest round bounds it with 99 % confidence: the
# least n for which p^n + n (1 - p) p^(n - 1) <= 0.01, as in MLPerf Inference's early stopping
# (https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc).
PERCENTILES = {90: 64, 95: 130, 99: 662}


class Spied(NamedTuple):
    """An untimed run: vectors (N, D), unmasked tokens that the model got, and bits of its hidden states."""

    vectors: Any
    tokens: int
    bits: int


@dataclass
class Record:
    """The rounds of one benchmark of one model.

    kind: what was measured: "throughput", "latency", "cache: memory", "tokenization", "load" ...
    batch, length: texts of a round, and tokens of each.
    tokens: real tokens of a round, as the tokenizer counts them.
    warm_ups: untimed calls of this shape before the first round.
    seconds: of each round, until vectors (batch, D) were in host memory.
    elapsed: seconds of each round by the meter's own clock, from when its texts were ready to its end.
    uncached: seconds of the same texts without the cache, if the cache is measured.
    seen: tokens that the model got in an untimed run of the last round's texts; None without such a run.
    bits: of each number of the hidden states in that untimed run.
    stray: the largest difference of two pairs: vectors of the last round and of that untimed run; one vector
        of each round and its vector in a batch of such texts.
    peak_bytes: the most memory that the process had, if it is measured. device_peak_bytes: of MLX's arrays.
    """

    kind: str
    batch: int
    length: int
    tokens: int = 0
    warm_ups: int | None = None
    seconds: list[float] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    uncached: list[float] = field(default_factory=list)
    seen: int | None = None
    bits: int = 0
    stray: float = 0.0
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
    def percentiles(self) -> dict[int, float]:
        """Percentile -> seconds, for the percentiles for which there are enough rounds."""
        enough = [percent for percent, least in PERCENTILES.items() if len(self.seconds) >= least]
        return {percent: quantiles(self.seconds, n=100)[percent - 1] for percent in enough}

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
    quarter: seconds of a quarter as many new texts.
    batch, length: texts of a round (of quarter: a quarter of them), and tokens of each.
    """

    batch: int
    length: int
    new: Sequence[float]
    repeated: Sequence[float]
    other_seed: Sequence[float]
    quarter: Sequence[float]
