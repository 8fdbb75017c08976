"""Records what a run asks of a model: texts, options and threads of each call, and what is not finite."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.differences import name_non_finite
from embedding_gate.subjects.protocols import Encoder

__all__ = ["Made", "Recorder", "count", "note_batch", "options_in_words", "watched"]

Result = TypeVar("Result", bound=Sequence[Any] | NDArray[np.float32])
_here = threading.local()  # .made: the call that this thread is making


@dataclass
class Made:
    """One call, as it was made.

    number: of the call among all calls of the run, from 1. claim: the check that made it.
    of: what was asked: "" for the judged model, else a name.
    texts: how many. threads: how many were alive; idle: and when the run began. asked_for: "" for vectors.
    batches: the tokens (B,) of each batch's texts, if batches are watched.
    non_finite: "NaN in 2 of 7 vectors", or "".
    """

    number: int
    claim: str
    of: str
    texts: int
    options: Mapping[str, Any]
    threads: int
    idle: int = 1
    asked_for: str = ""
    batches: list[NDArray[np.int64]] = field(default_factory=list)
    non_finite: str = ""

    def __str__(self) -> str:
        """Say the call in words: "7 texts, truncate_dim=8"."""
        threads = [f"{self.threads} threads alive"] if self.threads > self.idle else []
        of = [f"of {self.of}"] if self.of else []
        asked_for = [self.asked_for] if self.asked_for else []
        return ", ".join(
            [count(self.texts, "text"), *of, *asked_for, *options_in_words(self.options), *threads]
        )


class Recorder:
    """All calls of one run. Threads may share it."""

    def __init__(self) -> None:
        self.calls: list[Made] = []
        self.claim = ""
        self._lock, self._idle = threading.Lock(), threading.active_count()

    def begin(self, claim: str) -> None:
        """Say which check makes the calls that follow."""
        self.claim = claim

    def record(
        self,
        call: Callable[[], Result],
        texts: Sequence[str],
        options: Mapping[str, Any],
        of: str,
        asked_for: str = "",
    ) -> Result:
        """Make a call, and record it."""
        given = {name: value for name, value in options.items() if value is not None}
        with self._lock:
            number = len(self.calls) + 1
            texts_asked = length_hint(texts, 0)  # what is no list of texts must reach the model, too
            threads = threading.active_count()
            made = Made(number, self.claim, of, texts_asked, given, threads, self._idle, asked_for)
            self.calls.append(made)
        _here.made = made
        try:
            result = call()
        finally:
            _here.made = None
        made.non_finite = name_non_finite(result)
        return result

    def non_finite(self, *, earlier: bool) -> str:
        """Say in which calls vectors were not finite, those of the running check first.

        earlier: whether calls of earlier checks count too, if the running check saw none.
        """
        spoilt = [made for made in self.calls if made.non_finite]
        now = [made for made in spoilt if made.claim == self.claim] or (spoilt if earlier else [])
        if not now:
            return ""
        more = f", and in {len(now) - 1} more calls" if len(now) > 1 else ""
        least = min(now, key=lambda made: made.texts)
        return f"{least.non_finite} of a call ({least}){more}"


class _Watched:
    """An encoder whose calls are recorded."""

    def __init__(self, encoder: Encoder, recorder: Recorder, of: str) -> None:
        self._encoder, self._recorder, self._of = encoder, recorder, of

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        def call() -> NDArray[np.float32]:
            return self._encoder.encode(texts, **options)

        return self._recorder.record(call, texts, options, self._of)

    def hidden_states(self, texts: Sequence[str], **options: Any) -> list[NDArray[np.float32]]:
        def call() -> list[NDArray[np.float32]]:
            return self._encoder.hidden_states(texts, **options)

        return self._recorder.record(call, texts, options, self._of, "hidden states")

    def with_max_tokens(self, max_tokens: int) -> Encoder:
        return watched(self._encoder.with_max_tokens(max_tokens), self._recorder, self._of)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)


def watched(encoder: Encoder, recorder: Recorder, of: str = "") -> Encoder:
    """Return the same encoder, whose calls are recorded. of: what it is, if it is not the judged model."""
    if isinstance(encoder, _Watched):
        return encoder
    return cast("Encoder", _Watched(encoder, recorder, of))


def note_batch(lengths: NDArray[np.int64]) -> None:
    """Note the tokens (B,) of the texts of a batch that this thread computes."""
    if (made := getattr(_here, "made", None)) is not None:
        made.batches.append(lengths)


def count(number: int, what: str) -> str:
    """Return "1 text", "7 texts"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def options_in_words(options: Mapping[str, Any]) -> list[str]:
    """Return "truncate_dim=8", "cache" for each option of a call."""
    plain = (str, int, bool)
    return [
        f"{name}={value!r}" if isinstance(value, plain) else name for name, value in sorted(options.items())
    ]
