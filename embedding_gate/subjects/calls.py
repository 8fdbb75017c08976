"""Calls that a check makes, and what it says of those that went wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import Any, Protocol

import numpy as np

from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.recorder import count, options_in_words
from embedding_gate.verdicts.gate import Gate

__all__ = ["Call", "at_once", "judge_calls", "smallest"]

TRIES = 40  # calls that look for a smaller one that fails, too
SHOWN = 60  # characters of a text that evidence shows: enough to find it among the gate's texts


@dataclass(frozen=True)
class Call:
    """A call of encode.

    threads: how many threads make it at the same moment.
    """

    texts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1

    def __str__(self) -> str:
        """Say the call in words: "64 texts, batch_tokens=1048576"."""
        threads = [f"from {self.threads} threads"] if self.threads > 1 else []
        return ", ".join([count(len(self.texts), "text"), *options_in_words(self.options), *threads])


class Judged(Protocol):
    """As much of a subject as decides how its calls are judged.

    effort: says whether to look for the smallest call that fails.
    refusal: what the subject raises for a call that it does not take. A smaller call may be one.
    """

    effort: Effort
    refusal: type[Exception]


def judge_calls(
    subject: Judged, gate: Gate, calls: Iterable[Call], difference: Callable[[Call], float]
) -> None:
    """Require of the running claim that each call gives each text its vector.

    difference: makes a call, and returns how far the worst vector is from what it must be.

    Raises:
        CheckFailed: a call does not, or there is no threshold.

    """
    bound, worst, failed, made = gate.bound(), 0.0, list[Call](), 0

    def fails(call: Call) -> bool:
        try:
            return not difference(call) <= bound  # also true for NaN
        except subject.refusal:
            return False

    for call in calls:
        made, found = made + 1, difference(call)
        worst = np.maximum(worst, found)  # NaN stays
        if not found <= bound:
            failed.append(call)
    evidence = _told(failed, made) if failed else f"{count(made, 'call')}"
    if failed and subject.effort.shrink:
        least = smallest(min(failed, key=lambda call: len(call.texts)), fails)
        evidence += f"; smallest: {least}"
        evidence += f", {[_beginning(text) for text in least.texts]!r}" if len(least.texts) <= 3 else ""
    gate.require(float(worst), evidence=evidence)


def _beginning(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def at_once(threads: int, work: Callable[[int], float]) -> float:
    """Let so many threads begin at the same moment, and return the largest that their work gives, or NaN.

    work: gets the number of its thread, from 0.
    """
    start = Barrier(threads)

    def begun(thread: int) -> float:
        start.wait(timeout=60)
        return work(thread)

    with ThreadPoolExecutor(threads) as pool:
        return float(np.max(list(pool.map(begun, range(threads)))))


def smallest(call: Call, fails: Callable[[Call], bool]) -> Call:
    """Return the smallest call that fails among those that take threads, options or texts away from this one.

    At most TRIES calls are tried.
    """
    left = TRIES
    candidates = _simpler(call)
    while left and (candidate := next(candidates, None)):
        left -= 1
        if fails(candidate):
            call, candidates = candidate, _simpler(candidate)
    return call


def _simpler(call: Call) -> Iterator[Call]:
    if call.threads > 1:  # each takes as long as the check: fewer texts and options only without threads
        yield replace(call, threads=1)
        yield replace(call, threads=call.threads // 2)
        return
    for name in call.options:
        yield replace(call, options={key: value for key, value in call.options.items() if key != name})
    cut = len(call.texts) // 2
    while cut:
        yield replace(call, texts=call.texts[cut:])
        yield replace(call, texts=call.texts[:-cut])
        cut //= 2


def _told(failed: Sequence[Call], made: int) -> str:
    some = "; ".join(map(str, failed[:3]))
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"wrong in {len(failed)} of {count(made, 'call')}: {some}{more}"
