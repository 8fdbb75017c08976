"""Harmless changes of a call: results that are kept, calls that share batches, texts in other batches."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batch_runner, batching, embedder, tokens
from embeddings.backend import mx
from embeddings.models import decoder
from tests.faults.registry import TINY_DECODER, Patch, harmless
from tests.faults.seams import replace_encode

Vectors = NDArray[np.float32]


def are_texts(texts: Any) -> bool:
    """Tell whether a call is for texts. The library refuses any other, and that stays."""
    return isinstance(texts, (list, tuple)) and all(isinstance(text, str) for text in texts)


def result_cache(most: int) -> Callable[[Patch], None]:
    """Keep the vectors of the last ``most`` texts over all calls, each by its text and all options.

    A text is computed in the batch of those that the first call for it lacked. What was cut off is kept too,
    so that each call warns.
    """

    def inject(patch: Patch) -> None:
        kept: OrderedDict[tuple[Any, ...], tuple[Any, Vectors, int]] = OrderedDict()
        lock, warn = threading.RLock(), tokens.warn_of_truncation
        cut: list[NDArray[np.int64]] = []
        patch.setattr(embedder, "warn_of_truncation", lambda dropped, _: cut.append(dropped))

        def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
            if not are_texts(texts) or options.get("cache") is not None:
                with lock:
                    cut.clear()
                    vectors = right(self, texts, **options)
                    warn(cut[-1], self.max_tokens)
                return vectors
            same = (id(self.model), self.max_tokens, *sorted(options.items()))
            with lock:
                if lacking := [text for text in dict.fromkeys(texts) if (text, same) not in kept]:
                    vectors = right(self, lacking, **options)
                    kept.update(
                        ((text, same), (self, one, lost))
                        for text, one, lost in zip(lacking, vectors, cut[-1].tolist(), strict=True)
                    )
                found = [kept[text, same] for text in texts]
                while len(kept) > most:
                    kept.popitem(last=False)
            warn(np.array([lost for *_, lost in found], dtype=np.int64), self.max_tokens)
            return np.array([one for _, one, _ in found]) if found else right(self, [], **options)

        replace_encode(patch, encode)

    return inject


harmless("a result cache", "out", "each text is computed once, over all calls")(result_cache(100_000))
harmless("a decoder with a result cache", "out", "the same", model=TINY_DECODER)(result_cache(100_000))
harmless("a small result cache", "out", "of the last 32 texts", model=TINY_DECODER)(result_cache(32))


@harmless("calls wait for each other", "out", "one lock holds for all threads", model=TINY_DECODER)
def one_lock(patch: Patch) -> None:
    lock = threading.RLock()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        with lock:
            return right(self, texts, **options)

    replace_encode(patch, encode)


@harmless(
    "calls of threads merged", "out", "the texts of waiting calls go through in one call", model=TINY_DECODER
)
def merged(patch: Patch) -> None:
    """Let the first of several waiting threads encode the texts of all, as servers do (dynamic batching)."""
    waiting: list[tuple[Any, Sequence[str], dict[str, Any], list[Any]]] = []
    entry, work = threading.Lock(), threading.Lock()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        main = threading.current_thread() is threading.main_thread()
        if main or not are_texts(texts):
            return right(self, texts, **options)
        answer: list[Any] = []
        with entry:
            waiting.append((self, texts, options, answer))
        with work:
            with entry:
                mine = [one for one in waiting if one[0] is self and one[2] == options]
                waiting[:] = [one for one in waiting if one not in mine]
            if mine:
                vectors = right(self, [text for _, some, *_ in mine for text in some], **options)
                for _, some, _, into in mine:
                    into.append(vectors[: len(some)].copy())
                    vectors = vectors[len(some) :]
        return answer[0]

    replace_encode(patch, encode)


@harmless("texts in batches as they come", "out", "not sorted by length, four at a time")
def as_they_come(patch: Patch) -> None:
    def batches(lengths: NDArray[np.int64], _: int) -> list[NDArray[np.int64]]:
        return [np.arange(start, min(start + 4, len(lengths))) for start in range(0, len(lengths), 4)]

    patch.setattr(batch_runner, "token_batches", batches)


@harmless(
    "other batches in each call", "out", "texts are shared out at random, anew each time", model=TINY_DECODER
)
def other_batches(patch: Patch) -> None:
    random = np.random.default_rng(0)

    def batches(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
        order = random.permutation(len(lengths))
        return [order[rows] for rows in batching.token_batches(lengths[order], budget)]

    patch.setattr(batch_runner, "token_batches", batches)


@harmless(
    "shapes of powers of two",
    "out",
    "rows and columns are padded, as where graphs are compiled",
    model=TINY_DECODER,
)
def powers_of_two(patch: Patch) -> None:
    right = decoder.Decoder.__call__

    def rounded(size: int) -> int:
        return 1 << (size - 1).bit_length()

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        rows, columns = ids.shape
        more = (rounded(rows) - rows, rounded(columns) - columns)
        padded = mx.pad(ids, [(0, more[0]), (0, more[1])])
        hidden: mx.array = right(self, padded, mx.pad(lengths, (0, more[0]), constant_values=1))
        return hidden[:rows, :columns]

    patch.setattr(decoder.Decoder, "__call__", call)


@harmless("through JSON", "out", "each number is written in eight decimals and read again")
def through_json(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        rows = json.loads(json.dumps(np.round(vectors.astype(np.float64), 8).tolist()))
        return np.array(rows, dtype=np.float32).reshape(vectors.shape)

    replace_encode(patch, encode)


@harmless(
    "padded on the left, rightly",
    "fwd",
    "padding is not read, and does not count as a position",
    model=TINY_DECODER,
)
def left_padded(patch: Patch) -> None:
    """Roll each text to the end of its row, mask the padding, and roll the states back.

    Rotations depend on the distance of two tokens alone, so positions may begin anywhere. A text that goes
    through in steps stays as it is.
    """
    right = decoder.Decoder.__call__

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        columns = ids.shape[1]
        if columns > decoder.STEP:
            return right(self, ids, lengths)
        place = mx.arange(columns)
        there = (place[None, :] + lengths[:, None]) % columns
        rolled = mx.take_along_axis(ids, there, axis=1)
        real = place[None, :] >= (columns - lengths)[:, None]
        itself = place[:, None] == place[None, :]  # padding reads itself, so that no row reads nothing
        read = mx.logical_and(place[:, None] >= place[None, :], real[:, None, :])
        hidden: mx.array = self.walk(rolled, mx.logical_or(read, itself)[:, None])
        back = (place[None, :] - lengths[:, None]) % columns
        return mx.take_along_axis(hidden, back[..., None], axis=1)

    patch.setattr(decoder.Decoder, "__call__", call)
