"""The audits: what makes a run of measurements red. Each is a figure and a threshold, as in MLPerf's tests.

Source: https://github.com/mlcommons/inference/tree/master/compliance (TEST01 compares vectors sampled in the
timed run, TEST04 looks for cached results, TEST05 takes another seed). An audit only computes with what was
recorded.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from benchmarks.harness.findings import Findings
from benchmarks.harness.records import Probe, Record
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import ANY_MODEL, Threshold

__all__ = ["AUDITS", "STRAY", "judge", "median_interval", "thresholds"]

CONFIDENCE = 0.98
BITS = {"float32": 32, "bfloat16": 16, "float16": 16}


Measured = tuple[float, str]  # the figure, and the evidence that is printed under a red row
NOTHING: Measured = (math.nan, "no benchmark that it judges was run: add a throughput or the latency")


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval of the true median at 98 %, by the sign test: two of the values.

    It makes no assumption about the distribution (Conover, "Practical nonparametric statistics", section
    3.2). So a short time in which the machine did something else moves it by a rank at most. It needs at
    least seven values; with fewer the interval is infinite.
    """
    ordered, rank = sorted(values), 0
    tail, total = 0, 2 ** len(ordered)
    while (tail := tail + math.comb(len(ordered), rank)) / total <= (1 - CONFIDENCE) / 2:
        rank += 1
    return (ordered[rank - 1], ordered[-rank]) if rank else (-math.inf, math.inf)


def repeated_texts(found: Findings) -> Measured:
    """By what factor repeated texts are surely faster than new ones, or surely slower.

    Faster shows a cache. Slower shows that the new texts were prepared before.
    """
    return _apart(_probe(found).new, _probe(found).repeated)


def second_seed(found: Findings) -> Measured:
    """By what factor texts of another seed are surely faster or slower."""
    return _apart(_probe(found).new, _probe(found).other_seed)


def growing_work(found: Findings) -> Measured:
    """The extra time of four times the texts, over the time of their extra FLOPs at the best matmul rate."""
    probe = _probe(found)
    longer = median(more - less for more, less in zip(probe.new, probe.quarter, strict=True))
    texts = probe.batch - probe.batch // 4
    least = texts * probe.length * found.flops(probe.length) / found.peak
    return longer / least, f"{longer * 1e3:.4g} ms for {texts} x {probe.length} tokens more"


def untimed_vectors(found: Findings) -> Measured:
    """The largest difference between vectors of timed rounds and those of an untimed run."""
    return _worst((record.stray, record.kind) for record in _spied(found))


def real_tokens(found: Findings) -> Measured:
    """The largest difference between counted tokens and the tokens that the model got (its masks' sum)."""
    pairs = [(record.tokens, record.seen or 0, record.kind) for record in _spied(found)]
    if found.uneven is not None:
        pairs.append((*found.uneven, "texts of many lengths"))
    counted = ((abs(n - seen), f"{what}: counted {n}, the model had {seen}") for n, seen, what in pairs)
    return _worst(counted) if found.uneven is not None else (math.nan, "no texts of many lengths were run")


def precision(found: Findings) -> Measured:
    """How many bits the hidden states have fewer than the reported precision."""
    return _worst((BITS[found.precision] - one.bits, f"{one.kind}: {one.bits} bits") for one in _spied(found))


def warm_up(found: Findings) -> Measured:
    """The smallest number of untimed calls that a shape had before its first round."""
    least, what = _worst((-(record.warm_ups or 0), f"{record.shape}") for record in _spied(found))
    return -least, what


def first_round(found: Findings) -> Measured:
    """The first round over the median round, in the median benchmark. A warm-up that was timed raises all."""
    ratios = [record.first_over_median for record in found.computed]
    return (median(ratios), "") if ratios else NOTHING


def wall_time(found: Findings) -> Measured:
    """The share by which the reported seconds of a round differ from those that passed, in the median."""
    return _worst((_untold(one), f"{one.kind} {one.shape}") for one in found.computed)


def recomputed(found: Findings) -> Measured:
    """The share by which a reported rate differs from tokens over the seconds of the median round."""
    return _worst((abs(one.rate * median(one.seconds) / one.tokens - 1), one.what) for one in found.reported)


def roofline(found: Findings) -> Measured:
    """The largest share of the session's best matrix product that a benchmark reaches."""
    return _worst((found.share(one, found.peak), f"{one.kind} {one.shape}") for one in found.computed)


def device_peak(found: Findings) -> Measured:
    """The largest share of the chip's published peak that a benchmark or a matrix product reaches."""
    best = found.device.best if found.device else math.nan
    shares = [(found.share(one, best), f"{one.kind} {one.shape}") for one in found.computed]
    return _worst([*shares, (found.peak / best, "the matrix product")] if shares else [])


AUDITS: Mapping[str, Callable[[Findings], Measured]] = {
    audit.__name__.replace("_", " "): audit
    for audit in (
        repeated_texts,
        second_seed,
        growing_work,
        untimed_vectors,
        real_tokens,
        precision,
        warm_up,
        first_round,
        wall_time,
        recomputed,
        roofline,
        device_peak,
    )
}


def judge(model: str, found: Findings) -> Gate:
    """Return the lower end of the interval of the median ratio of paired times; and the interval in words."""
    gate = Gate(model, thresholds(found))
    for name in gate.thresholds:
        try:
            with gate.claim(name):
                measured, evidence = AUDITS[name](found)
                gate.require(measured, evidence=evidence)
        except (CheckFailed, ValueError, ZeroDivisionError):
            continue  # the gate has recorded it as a verdict
    return gate


AA = "nine runs of all-MiniLM-L6-v2 on two shared cores"

# Largest difference between two runs, by precision: the gate's thresholds of "alone or mixed" in
# thresholds.toml.
STRAY = {"float32": (2e-6, 3.5e-7), "bfloat16": (0.02, 0.009), "float16": (0.0025, 0.0012)}


def thresholds(found: Findings) -> dict[str, Threshold]:
    """Return the threshold of each audit that can judge this model on this device: audit -> threshold."""
    stray, strayed = STRAY["float16" if found.tf32 and found.precision == "float32" else found.precision]
    made = [
        _threshold(
            "repeated texts", 0.991, "five more such runs, either way; 10 % is caching (TEST04)", at_most=1.1
        ),
        _threshold("second seed", 0.999, AA, at_most=1.1),
        _threshold(
            "growing work", 1.3, f"{AA} 1.72 to 2.07, the 0.6B shape 1.3; half the least", at_least=0.5
        ),
        _threshold("untimed vectors", strayed, "alone or mixed, thresholds.toml", at_most=stray),
        _threshold("real tokens", 0, "a count", at_most=0),
        _threshold("precision", 0, "a count", at_most=0),
        _threshold("warm up", 1, "a count", at_least=1),
        _threshold("first round", 1.17, f"{AA}; rounds of 20 ms 1.17", at_most=1.5),
        _threshold(
            "wall time", 0.0076, "rounds of 2.7 ms of the tiny decoder; of 20 ms 0.0036", at_most=0.05
        ),
        _threshold("recomputed", 0, "arithmetic", at_most=1e-9),
        _threshold("roofline", 0.42, f"{AA}; above 1 is impossible", at_most=1),
    ]
    if found.device:
        made.append(
            _threshold(
                "device peak", 0.78, "an H100's matrix product (benchmarks/README.md): 768 of 989", at_most=1
            )
        )
    return {threshold.check: threshold for threshold in made}


def _threshold(
    check: str, measured: float, source: str, *, at_least: float = -math.inf, at_most: float = math.inf
) -> Threshold:
    return Threshold(check, ANY_MODEL, measured, source, at_least=at_least, at_most=at_most)


def _probe(found: Findings) -> Probe:
    if found.probe is None:
        raise ValueError("the interleaved rounds were not run")
    return found.probe


def _spied(found: Findings) -> list[Record]:
    return [record for record in found.records if record.seen is not None]


def _untold(record: Record) -> float:
    """Return the share of a round that its clock left out or added. It is 1 if a round is missing."""
    if len(record.seconds) != len(record.elapsed):
        return 1.0
    return abs(1 - median(told / passed for told, passed in zip(record.seconds, record.elapsed, strict=True)))


def _apart(one: Sequence[float], other: Sequence[float]) -> Measured:
    return max(_surely(one, other), _surely(other, one))


def _surely(slower: Sequence[float], faster: Sequence[float]) -> Measured:
    """Return the lower end of the interval of the median ratio of paired times; the interval in words."""
    ratios = [one / other for one, other in zip(slower, faster, strict=True)]
    low, high = median_interval(ratios)
    return low, f"median {median(ratios):.3f}, surely {low:.3f} to {high:.3f}"


def _worst(found: Iterable[Measured]) -> Measured:
    """Return the largest figure. A NaN counts as the largest. Without any figure the result is NaN."""
    return max(found, key=lambda pair: (math.isnan(pair[0]), pair[0]), default=NOTHING)
