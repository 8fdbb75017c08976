"""Faults that come with time: after so many calls, texts or shapes."""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.backend import mx
from embeddings.models import bert, decoder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import drawn, replace_encode

fault = faults_of("uptime")
Vectors = NDArray[np.float32]


def change_later(patch: Patch, late: Callable[[int], bool], change: Callable[[Vectors], Vectors]) -> None:
    """Change the vectors of calls that ``late`` selects by their number, from 1."""
    numbers = itertools.count(1)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        number, vectors = next(numbers), right(self, texts, **options)
        return change(vectors) if late(number) else vectors

    replace_encode(patch, encode)


def half(vectors: Vectors) -> Vectors:
    """Round vectors to half precision."""
    return vectors.astype(np.float16).astype(np.float32)


@fault(
    "half precision after some calls", "out", "as many as a seed draws", kills=("many calls",), random=True
)
def half_later(patch: Patch) -> None:
    begun = drawn(20, 50)
    change_later(patch, lambda number: number > begun, half)


@fault(
    "each 20th call left empty",
    "out",
    "a buffer that nothing was written to",
    kills=("many calls", "call sizes"),
)
def each_20th(patch: Patch) -> None:
    change_later(patch, lambda number: number % 20 == 0, np.zeros_like)


@fault("result of 32 calls ago", "out", "a ring of results has 32 places", kills=("many calls",))
def ring_of_results(patch: Patch) -> None:
    ring: deque[Vectors] = deque(maxlen=32)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        old = ring[0] if len(ring) == ring.maxlen else vectors
        ring.append(vectors.copy())
        return old.copy() if old.shape == vectors.shape else vectors

    replace_encode(patch, encode)


@fault(
    "zeros after some texts",
    "out",
    "a buffer for as many as a seed draws is full",
    kills=("call sizes",),
    random=True,
)
def zeros_later(patch: Patch) -> None:
    most, texts_so_far = drawn(200, 2000), [0]

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        texts_so_far[0] += len(vectors)
        return np.zeros_like(vectors) if texts_so_far[0] > most else vectors

    replace_encode(patch, encode)


@fault(
    "another path after many shapes",
    "fwd",
    "a fallback computes shapes that come after the first 40, in half precision",
    kills=("call sizes", "padded lengths"),
    source="jundot/omlx#3731",
    remembers=True,
)
def after_many_shapes(patch: Patch) -> None:
    right, shapes = bert.Bert.__call__, set[tuple[int, ...]]()

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        shape, hidden = tuple(ids.shape), right(self, ids, lengths)
        if len(shapes) < 40:
            shapes.add(shape)
        return hidden if shape in shapes else hidden.astype(mx.float16).astype(mx.float32)

    patch.setattr(bert.Bert, "__call__", call)


@fault(
    "keys of the last call attended to",
    "fwd",
    "a decoder's cache is not emptied between two calls",
    kills=("repeated", "many calls"),
    source="ferranpons/Llamatik#172",
    model=TINY_DECODER,
    remembers=True,
)
def state_between_calls(patch: Patch) -> None:
    right, before = decoder.Decoder.__call__, list[Any]()

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        left = mx.broadcast_to(before[0], (ids.shape[0], 4)) if before else ids[:, :0]
        return right(self, mx.concatenate([left, ids], axis=1), lengths)[:, left.shape[1] :]

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if texts and isinstance(texts, list):
            last = self.tokenize(texts[-1:]).ids[0]
            before[:] = [mx.array(np.resize(last, 4))]
        return vectors

    patch.setattr(decoder.Decoder, "__call__", call)
    replace_encode(patch, encode)


@fault(
    "running mean subtracted",
    "out",
    "a norm over all vectors so far was left in training mode",
    kills=("repeated", "many calls", "parity"),
)
def running_mean(patch: Patch) -> None:
    means: dict[int, Vectors] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if not len(vectors):
            return vectors
        width = vectors.shape[1]
        means[width] = 0.9 * means.get(width, np.zeros(width, np.float32)) + 0.1 * vectors.mean(axis=0)
        away = vectors - 0.1 * means[width]
        return np.float32(away / np.linalg.norm(away, axis=1, keepdims=True))

    replace_encode(patch, encode)


@fault(
    "hidden states kept",
    "fwd",
    "what each call computed stays on the device",
    kills=("memory of many calls",),
    source="waybarrios/vllm-mlx#667",
)
@fault(
    "graphs kept",
    "fwd",
    "the graph of each call of a decoder is held, with all that it computed",
    kills=("memory of many calls",),
    source="Blaizzy/mlx-embeddings#74",
    model=TINY_DECODER,
)
def hidden_states_kept(patch: Patch) -> None:
    kept: list[mx.array] = []
    for kind in (bert.Bert, decoder.Decoder):

        def call(self: Any, ids: mx.array, lengths: mx.array, right: Any = kind.__call__) -> mx.array:
            hidden: mx.array = right(self, ids, lengths)
            kept.append(hidden)
            return hidden

        patch.setattr(kind, "__call__", call)


@fault(
    "places of a full memo given twice",
    "out",
    "24 results are kept, and a place that is overwritten is still found by its old text",
    kills=("call sizes", "many threads"),
)
def places_given_twice(patch: Patch) -> None:
    places: dict[tuple[Any, ...], int] = {}
    kept: dict[int, Vectors] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        for row, text in enumerate(texts):
            key = (id(self.model), vectors.shape[1], str(sorted(options)), text)
            if key not in places:
                places[key] = len(places) % 24
                kept[places[key]] = vectors[row].copy()
            elif kept[places[key]].shape == vectors[row].shape:
                vectors[row] = kept[places[key]]
        return vectors

    replace_encode(patch, encode)
