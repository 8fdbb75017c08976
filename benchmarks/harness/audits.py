"""The audits, which can make a run of measurements red.

Each audit is a figure and a threshold, as in MLPerf's tests.

Source: https://github.com/mlcommons/inference/tree/master/compliance (TEST01 compares vectors sampled in the
timed run, TEST04 looks for cached results, TEST05 uses another seed). An audit only computes with recorded
data.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from benchmarks.harness.findings import Findings
from benchmarks.harness.intervals import APART, surely
from benchmarks.harness.records import Probe, Record
from embedding_gate.endpoint.endpoint import SAME
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import ANY_MODEL, Threshold

__all__ = ["AUDITS", "STRAY", "judge", "thresholds"]

BITS = {"float32": 32, "bfloat16": 16, "float16": 16}


Measured = tuple[float, str]  # the figure, and the evidence that is printed under a red row
NOTHING: Measured = (math.nan, "no benchmark that it judges was run: add a throughput or the latency")


def repeated_texts(found: Findings) -> Measured:
    """Return by what factor repeated texts are surely faster or slower than new texts.

    If they are slower, the new texts were prepared.
    """
    ratio, words = _apart(_probe(found).new, _probe(found).repeated)
    return ratio, f"{words}; the subject has a cache" if found.own_cache else words


def second_seed(found: Findings) -> Measured:
    """Return by what factor texts of another seed are surely faster or slower."""
    return _apart(_probe(found).new, _probe(found).other_seed)


def growing_work(found: Findings) -> Measured:
    """Return the extra time of four times the texts, divided by its minimum at the best matmul rate.

    If the device is not known, return instead how many times longer texts with four times the tokens take.
    The number of vectors is the same, so the time to send them does not grow.
    """
    probe = _probe(found)
    if "weights" not in found.offers:
        ratio = median(more / less for more, less in zip(probe.new, probe.quarter, strict=True))
        batch, length = probe.less
        what = f"{probe.batch} x {probe.length} tokens over {batch} x {length}"
        return ratio, f"{what}: its time does not depend on the texts, or it pads all to one length"
    longer = median(more - less for more, less in zip(probe.new, probe.quarter, strict=True))
    texts = probe.batch - probe.batch // 4
    least = texts * probe.length * found.flops(probe.length) / found.peak
    return longer / least, f"{longer * 1e3:.4g} ms for {texts} x {probe.length} tokens more"


def untimed_vectors(found: Findings) -> Measured:
    """Return the largest difference between vectors of timed rounds and those of an untimed run."""
    return _worst((record.stray or 0.0, f"{record.kind} {record.shape}") for record in _compared(found))


def real_tokens(found: Findings) -> Measured:
    """Return the largest difference between counted tokens and tokens that the model got (sum of masks)."""
    pairs = [(record.tokens, record.seen or 0, record.kind) for record in _compared(found)]
    if found.uneven is not None:
        pairs.append((*found.uneven, "texts of many lengths"))
    counted = ((abs(n - seen), f"{what}: counted {n}, the model had {seen}") for n, seen, what in pairs)
    return _worst(counted) if found.uneven is not None else (math.nan, "no texts of many lengths were run")


def precision(found: Findings) -> Measured:
    """Return how many bits the hidden states have fewer than the reported precision."""
    return _worst(
        (BITS[found.precision] - one.bits, f"{one.kind}: {one.bits} bits") for one in _compared(found)
    )


def warm_up(found: Findings) -> Measured:
    """Return the smallest number of untimed calls that a shape had before its first round."""
    least, what = _worst((-(record.warm_ups or 0), f"{record.shape}") for record in _compared(found))
    return -least, what


def first_round(found: Findings) -> Measured:
    """Return the first round divided by the median round, as the median over all benchmarks.

    A timed warm-up raises this ratio in all benchmarks.
    """
    ratios = [record.first_over_median for record in found.computed]
    return (median(ratios), "") if ratios else NOTHING


def wall_time(found: Findings) -> Measured:
    """Return the median share by which the reported seconds of a round differ from the elapsed seconds."""
    return _worst((_untold(one), f"{one.kind} {one.shape}") for one in found.computed)


def recomputed(found: Findings) -> Measured:
    """Return the share by which a reported rate differs from tokens / seconds of the median round."""
    return _worst((abs(one.rate * median(one.seconds) / one.tokens - 1), one.what) for one in found.reported)


def roofline(found: Findings) -> Measured:
    """Return the largest share of the run's best matmul rate that a benchmark reaches."""
    return _worst((found.share(one, found.peak), f"{one.kind} {one.shape}") for one in found.computed)


def device_peak(found: Findings) -> Measured:
    """Return the largest share of the chip's published peak that a benchmark or a matmul reaches."""
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


INSIDE: Mapping[str, Sequence[str]] = {  # what an audit must see inside the model
    "real tokens": ("hidden states",),
    "precision": ("hidden states",),
    "roofline": ("weights",),
    "device peak": ("weights",),
}


def judge(model: str, found: Findings) -> Gate:
    """Run each audit. An audit that cannot be computed is red. An audit that was left out is unread.

    Some audits need to see more of the model than its vectors. They are "not offered" if only vectors are
    seen.
    """
    gate = Gate(model, thresholds(found))
    for name in gate.thresholds:
        try:
            with gate.claim(name):
                if lacking := [one for one in INSIDE.get(name, ()) if one not in found.offers]:
                    gate.not_offered(lacking)
                    continue
                measured, evidence = AUDITS[name](found)
                gate.require(measured, evidence=evidence)
        except (CheckFailed, ValueError, ZeroDivisionError):
            continue  # the gate has recorded it as a verdict
    return gate


GROWING = 6.0, "the embedded model behind the tests' server, three turns on two busy cores: 6.0 to 7.7"
AA = "nine runs of all-MiniLM-L6-v2 on two shared cores"

# Largest difference between two runs, by precision (threshold, measured): as for "alone or mixed" in
# thresholds.toml.
STRAY = {"float32": (2e-6, 3.5e-7), "bfloat16": (0.02, 0.009), "float16": (0.0025, 0.0012)}


def thresholds(found: Findings) -> dict[str, Threshold]:
    """Return audit -> threshold, for each audit that can judge this model on this device."""
    stray, strayed = STRAY["float16" if found.tf32 and found.precision == "float32" else found.precision]
    growing = _threshold(
        "growing work", 1.3, f"{AA} 1.72 to 2.07, the 0.6B shape 1.3; half the least", at_least=0.5
    )
    if "weights" not in found.offers:
        stray = max(stray, SAME)  # only the user states its precision
        growing = _threshold("growing work", *GROWING, at_least=1.1)
    made = [
        _threshold(
            "repeated texts",
            0.991,
            "five more such runs, either way; 10 % is caching (TEST04)",
            at_most=APART,
        ),
        _threshold("second seed", 0.999, AA, at_most=APART),
        growing,
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
    if found.device or "weights" not in found.offers:
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


def _compared(found: Findings) -> list[Record]:
    return [record for record in found.records if record.stray is not None]


def _untold(record: Record) -> float:
    """Return the share of a round that its clock omitted or added. It is 1 if a round is missing."""
    if len(record.seconds) != len(record.elapsed):
        return 1.0
    return abs(1 - median(told / passed for told, passed in zip(record.seconds, record.elapsed, strict=True)))


def _apart(one: Sequence[float], other: Sequence[float]) -> Measured:
    return max(surely(one, other), surely(other, one))


def _worst(found: Iterable[Measured]) -> Measured:
    """Return the largest figure. A NaN counts as the largest. Without any figure the result is NaN."""
    return max(found, key=lambda pair: (math.isnan(pair[0]), pair[0]), default=NOTHING)
