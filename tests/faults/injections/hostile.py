"""Faults on unusual texts that nobody expects."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import tokens
from embeddings.embedder import Embedder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_texts,
    replace_encode,
)

fault = faults_of("hostile")


@fault(
    "empty text dropped",
    "tok",
    "blank texts are skipped, so there are fewer vectors than texts",
    kills=("hostile texts",),
    source="ollama/ollama#3944",
)
def empty_dropped(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return right(self, [text for text in texts if not isinstance(text, str) or text.strip()], **options)

    replace_encode(patch, encode)


@fault(
    "lone surrogate crashes",
    "tok",
    "half an emoji ends in an error from deep inside",
    kills=("hostile texts", "after refusals"),
    source="manticoresoftware/columnar#126",
)
def surrogate_crash(patch: Patch) -> None:
    patch.setattr(tokens, "checked_texts", list)


@fault(
    "text ends at a NUL",
    "tok",
    "what follows a character 0 is lost, as in C",
    kills=("token ids", "parity"),
    model=TINY_DECODER,
)
def text_ends_at_nul(patch: Patch) -> None:
    change_texts(patch, lambda text: text.partition("\0")[0])


@fault(
    "characters of two bytes",
    "tok",
    "emoji and whatever else lies beyond the first 65,536 characters is left out",
    kills=("token ids", "parity"),
)
def characters_of_two_bytes(patch: Patch) -> None:
    change_texts(patch, lambda text: "".join(c for c in text if ord(c) < 1 << 16))


@fault(
    "lone surrogate replaced",
    "tok",
    "half an emoji becomes a question mark, and nobody is told",
    kills=("hostile texts", "after refusals"),
)
def surrogate_replaced(patch: Patch) -> None:
    def replaced(texts: Sequence[str]) -> list[str]:
        return checked([t.encode("utf-8", "replace").decode() if isinstance(t, str) else t for t in texts])

    checked = tokens.checked_texts
    patch.setattr(tokens, "checked_texts", replaced)


@fault(
    "anything taken for a text",
    "tok",
    "None is encoded as the word None, and a string as a list of its letters",
    kills=("hostile texts", "after refusals"),
)
def anything_taken(patch: Patch) -> None:
    checked = tokens.checked_texts
    patch.setattr(tokens, "checked_texts", lambda texts: checked([str(text) for text in texts]))


@fault(
    "zeros for a blank text",
    "out",
    "a text without a word gets a vector of zeros",
    kills=("norm", "parity", "hostile texts"),
)
def zeros_for_a_blank_text(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        vectors[[not text.strip() for text in texts]] = 0
        return vectors

    replace_encode(patch, encode)


@fault(
    "blank text shifts the rest",
    "out",
    "a text without a word gets no vector, and the following texts' vectors move up",
    kills=("parity",),
    source="daniel3303/Equibles#820",
)
def blank_text_shifts(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        kept = [row for row, text in enumerate(texts) if text.strip()]
        return vectors[(kept + [len(texts) - 1] * len(texts))[: len(texts)]]

    replace_encode(patch, encode)


@fault(
    "blank text fails the call",
    "out",
    "an empty text is an error for all texts of the call",
    kills=("hostile texts", "parity"),
    source="huggingface/text-embeddings-inference#145",
)
def blank_text_fails(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if any(isinstance(text, str) and not text.strip() for text in texts):
            raise RuntimeError("input is empty")
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault(
    "counting fails on special tokens",
    "tok",
    "the number of tokens of a text that spells one out is an error",
    kills=("token ids", "declared tokens"),
    source="BerriAI/litellm#29660",
)
def counting_fails(patch: Patch) -> None:
    right = Embedder.count_tokens

    def count_tokens(self: Embedder, texts: Sequence[str], **options: str | None) -> Any:
        if any("[SEP]" in text for text in texts):
            raise ValueError("disallowed special token")
        return right(self, texts, **options)

    patch.setattr(Embedder, "count_tokens", count_tokens)


def count_by(patch: Patch, count: Callable[[tokens.TokenizedTexts], NDArray[np.int64]]) -> None:
    """Count tokens by another rule."""
    patch.setattr(
        Embedder, "count_tokens", lambda self, texts, **options: count(self.tokenize(texts, **options))
    )


@fault(
    "tokens counted before the cut",
    "tok",
    "the count has tokens that the model does not read",
    kills=("token ids", "declared tokens"),
    source="raullenchai/Rapid-MLX#1381",
)
def counted_before_the_cut(patch: Patch) -> None:
    count_by(patch, lambda found: found.lengths + found.dropped)


@fault(
    "padding counted as tokens",
    "tok",
    "each text has as many as the longest",
    kills=("token ids", "declared tokens"),
    source="modelscope/ms-swift#10094",
)
def padding_counted(patch: Patch) -> None:
    count_by(patch, lambda found: np.full_like(found.lengths, found.lengths.max(initial=0)))
