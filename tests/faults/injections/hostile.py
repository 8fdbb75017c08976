"""Texts that nobody expects."""

from collections.abc import Sequence
from typing import Any

from embeddings import tokens
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
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
