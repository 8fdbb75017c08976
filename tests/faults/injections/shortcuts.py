"""Faults that skip work in a measured round, or do it while the clock is not running.

They are injected into the library that the measurements use, on the simulated machine of simulated.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embeddings
from benchmarks.harness.engine import EmbedderEngine
from benchmarks.harness.fresh import FreshTexts
from embeddings.backend import mx
from embeddings.cache import VectorCache
from embeddings.embedder import Embedder
from embeddings.models import Decoder
from embeddings.tokens import TokenizedTexts
from tests.faults import simulated
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import replace_encode, time_encode

Vectors = NDArray[np.float32]
Kept = dict[str, NDArray[np.float32]]

fault = partial(faults_of("shortcuts"), model=TINY_DECODER)


@fault(
    "cached results timed",
    "time",
    "the cache is never off",
    kills=("repeated texts",),
    source="vllm-project/vllm#53920",
)
def cached(patch: Patch) -> None:
    kept = VectorCache()
    time_encode(patch, lambda right, self, texts, **_: right(self, texts, cache=kept))


def from_kept(patch: Patch, kept: Kept, *, once: bool) -> None:
    """Return stored vectors that were computed before the clock started, once or always."""

    def encode(right: Any, self: EmbedderEngine, texts: Sequence[str], **options: Any) -> Vectors:
        found = {text: kept[text] for text in texts if text in kept}
        if new := [text for text in texts if text not in found]:
            found |= dict(zip(new, right(self, new, **options), strict=True))
        for text in texts if once else ():
            kept.pop(text, None)
        return np.array([found[text] for text in texts])

    time_encode(patch, encode)


@fault("texts known ahead", "time", "half of what the usual seed draws is prepared", kills=("second seed",))
def known_ahead(patch: Patch) -> None:
    right, kept, usual = FreshTexts.__call__, Kept(), list[FreshTexts]()

    def draw(self: FreshTexts, count: int, tokens: int) -> list[str]:
        drawn = right(self, count, tokens)
        usual.append(self)
        if self is usual[0]:
            kept.update(zip(drawn[1::2], simulated.model().encode(drawn[1::2]), strict=True))
        return drawn

    patch.setattr(FreshTexts, "__call__", draw)
    from_kept(patch, kept, once=False)


def when_counted(some: slice, *, once: bool) -> Callable[[Patch], None]:
    """Encode some texts when their tokens are counted. This happens before the clock starts."""

    def inject(patch: Patch) -> None:
        right, kept = EmbedderEngine.tokenize, Kept()

        def tokenize(self: EmbedderEngine, texts: Sequence[str]) -> TokenizedTexts:
            if len(texts) <= simulated.PLAN.probe[0]:  # not the word list that texts are built from
                kept.update(zip(texts[some], self.embedder.encode(texts[some]), strict=True))
            return right(self, texts)

        patch.setattr(EmbedderEngine, "tokenize", tokenize)
        from_kept(patch, kept, once=once)

    return inject


fault(
    "texts computed when counted",
    "time",
    "the tokenizer's call does the work, before the clock runs",
    kills=("growing work", "roofline"),
)(when_counted(slice(None), once=False))
fault(
    "half of the texts computed when counted",
    "time",
    "the same of every other text, and used once: a repeated one is slower",
    kills=("repeated texts",),
)(when_counted(slice(1, None, 2), once=True))


@fault("only the first texts computed", "time", "four; others get their vectors", kills=("real tokens",))
def first_texts(patch: Patch) -> None:
    def encode(right: Any, self: Embedder, texts: Sequence[str], **options: Any) -> Vectors:
        return np.resize(right(self, texts[:4], **options), (len(texts), self.dimension))

    replace_encode(patch, encode)


@fault("buffer returned before it is filled", "time", "zeros, for a while", kills=(simulated.RULES,))
def unfilled_buffer(patch: Patch) -> None:
    time_encode(patch, lambda _, self, texts, **__: np.zeros((len(texts), self.dimension), np.float32))


def by_another(patch: Patch, make: Callable[[Embedder], Embedder]) -> None:
    """Encode in the timed rounds with a different model than the one that is checked untimed."""

    def encode(right: Any, self: EmbedderEngine, texts: Sequence[str], **options: Any) -> Any:
        return right(EmbedderEngine(make(self.embedder)), texts, **options)

    time_encode(patch, encode)


@fault("half precision when timed", "time", "in the rounds alone", kills=("untimed vectors",))
def half_precision_when_timed(patch: Patch) -> None:
    half = embeddings.load(TINY_DECODER, precision="bfloat16")
    by_another(patch, lambda _: half)


@fault("half precision called single", "time", "everywhere, and not in the table", kills=("precision",))
def half_precision(patch: Patch) -> None:
    half = embeddings.load(TINY_DECODER, precision="bfloat16")
    patch.setattr(simulated, "model", lambda: half)


@fault("half of each text read when timed", "time", "in the rounds alone", kills=("untimed vectors",))
def half_of_each_text(patch: Patch) -> None:
    half = simulated.model().with_max_tokens(simulated.PLAN.probe[1] // 2)
    by_another(patch, lambda _: half)


def hurry(patch: Patch, when: Callable[[int, int], bool]) -> None:
    """Run only the first layer in some calls. ``when`` selects them by call number and number of texts."""
    right, calls = Decoder.__call__, [0]

    def call(self: Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        calls[0] += 1
        layers = self.trunk.layers
        if when(calls[0], ids.shape[0]):
            self.trunk.layers = layers[:1]
        try:
            return right(self, ids, lengths)
        finally:
            self.trunk.layers = layers

    patch.setattr(Decoder, "__call__", call)


@fault("layers skipped in large batches", "time", "of four texts or more", kills=("untimed vectors",))
def hurried_in_large_batches(patch: Patch) -> None:
    hurry(patch, lambda _, texts: texts >= 4)


@fault("layers skipped but in the last round", "time", "which is looked at", kills=("untimed vectors",))
def hurried_now_and_then(patch: Patch) -> None:
    hurry(patch, lambda number, _: number <= simulated.PLAN.latency_rounds)  # the first call is the warm-up
