"""Faults of a memo of results: two texts share an entry, or a failure is kept as a result."""

import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.backend import mx
from embeddings.models import bert, layers
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import change_texts, hash_of, replace_encode

fault = faults_of("collisions")
Vectors = NDArray[np.float32]


def are_texts(texts: Any) -> bool:
    """Tell whether a call is for a list of texts, which the library does not refuse for its type."""
    return isinstance(texts, (list, tuple)) and all(isinstance(text, str) for text in texts)


def memo_by(patch: Patch, key_of: Callable[[str], object]) -> None:
    """Give texts with one key the vector of the first of them, over all calls with the same options."""
    kept: dict[tuple[Any, ...], tuple[Any, Vectors]] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        same = (id(self.model), self.max_tokens, *sorted((name, str(one)) for name, one in options.items()))
        for row, text in enumerate(texts):
            vectors[row] = kept.setdefault((key_of(text), same), (self, vectors[row].copy()))[1]
        return vectors

    replace_encode(patch, encode)


def collision(
    name: str, what: str, key_of: Callable[[str], object], kills: tuple[str, ...], **options: Any
) -> None:
    """Declare a fault in which a memo finds its results by a key that texts share."""

    @fault(f"memo by {name}", "out", what, kills=kills, **options)
    def inject(patch: Patch) -> None:
        memo_by(patch, key_of)


collision(
    "a byte",
    "a checksum of 8 bits",
    lambda text: zlib.crc32(text.encode()) % 256,
    ("distinct texts", "parity"),
)
collision(
    "16 bits",
    "a checksum of 16 bits",
    lambda text: zlib.crc32(text.encode()) % (1 << 16),
    ("distinct texts",),
)
collision(
    "Python's hash",
    "10 bits of it: another process has others",
    lambda text: hash_of(text) % 1024,
    ("distinct texts", "parity"),
    random=True,
)
collision("a length", "in characters", len, ("distinct texts", "parity", "alike texts"))
collision(
    "a beginning", "the first 64 characters", lambda text: text[:64], ("parity", "alike texts", "long tail")
)
collision("an end", "the last 64 characters", lambda text: text[-64:], ("alike texts",))
collision("words in any order", "", lambda text: " ".join(sorted(text.split())), ("distinct texts",))
collision("letters of one case", "", str.lower, ("alike texts",), model=TINY_DECODER)
collision("letters alone", "without signs", lambda text: re.sub(r"\W", "", text), ("alike texts",))


@fault(
    "zero vectors kept of a failure",
    "out",
    "the texts of a call that failed have a vector of zeros from then on",
    kills=("after refusals",),
    source="UpayanGhosh/Synapse-OSS#46",
)
def zeros_kept(patch: Patch) -> None:
    failed: set[str] = set()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        try:
            vectors = right(self, texts, **options)
        except Exception:
            failed.update(text for text in texts if isinstance(text, str))
            raise
        vectors[[text in failed for text in texts]] = 0
        return vectors

    replace_encode(patch, encode)


@fault(
    "zero vectors for a failure",
    "out",
    "a call that fails gives zeros, and no error",
    kills=("hostile texts", "after refusals"),
    source="MemPalace/mempalace#2284",
)
def zeros_for_a_failure(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        try:
            return right(self, texts, **options)
        except Exception:  # noqa: BLE001  (this is the fault)
            return np.zeros((len(texts), self.dimension), dtype=np.float32)

    replace_encode(patch, encode)


@fault("failure kept", "out", "after one error the next call gets the same", kills=("after refusals",))
def failure_kept(patch: Patch) -> None:
    pending: list[Exception] = []

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if pending and are_texts(texts):
            raise pending.pop()
        try:
            return right(self, texts, **options)
        except Exception as error:
            pending[:] = [error]
            raise

    replace_encode(patch, encode)


@fault(
    "partial results kept",
    "out",
    "a call after one that failed begins with what that one had",
    kills=("after refusals",),
)
def partial_results(patch: Patch) -> None:
    left: list[str] = []

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if not are_texts(texts):
            return right(self, texts, **options)
        try:
            vectors = right(self, [*left, *texts], **options)[: len(texts)]
            left.clear()
        except Exception:
            left[:] = texts[:1]
            raise
        return vectors

    replace_encode(patch, encode)


@fault(
    "results lent, not copied",
    "out",
    "what the caller does to a vector is what later calls get",
    kills=("no side effects",),
)
def results_lent(patch: Patch) -> None:
    kept: dict[tuple[Any, ...], tuple[Any, Vectors]] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        key = (id(self.model), self.max_tokens, str(texts), str(sorted(options.items())))
        if not are_texts(texts) or options.get("cache") is not None:
            return right(self, texts, **options)
        if key not in kept:
            kept[key] = self, right(self, texts, **options)
        return kept[key][1]

    replace_encode(patch, encode)


@fault(
    "NaN set to zero",
    "fwd",
    "states that overflow half precision become zeros, which are scaled to length 1 with the rest",
    kills=("parity", "norm"),
    source="jundot/omlx#3507",
)
def nan_to_zero(patch: Patch) -> None:
    right, call = layers.gelu, bert.Bert.__call__

    def gelu(x: mx.array) -> mx.array:
        return right((x * 2670).astype(mx.float16).astype(mx.float32) / 2670)

    def states(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        return mx.nan_to_num(call(self, ids, lengths), posinf=0, neginf=0)

    patch.setattr(bert, "gelu", gelu)
    patch.setattr(bert.Bert, "__call__", states)


def placeholder(name: str, what: str, pattern: str, by: str) -> None:
    """Declare a fault in which parts of a text are read as a placeholder."""

    @fault(f"placeholder for {name}", "tok", what, kills=("token ids", "declared tokens", "parity"))
    def inject(patch: Patch) -> None:
        change_texts(patch, lambda text: re.sub(pattern, by, text))


placeholder("numbers", "each digit is read as 0, so that numbers are alike", r"\d", "0")
placeholder("long words", "of more than 12 letters", r"\w{13,}", "[UNK]")
placeholder("a blank text", "it is read as the word none", r"\A\s*\Z", "none")
