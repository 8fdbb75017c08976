"""Faults on unusual texts that nobody expects."""

from collections.abc import Sequence
from typing import Any

from embeddings import tokens
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
    kills=("hostile texts",),
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
    kills=("hostile texts",),
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
    kills=("hostile texts",),
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
