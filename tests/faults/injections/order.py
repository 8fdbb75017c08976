"""Which vector belongs to which text, and how many there are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
    replace_encode,
)

fault = faults_of("order")


@fault(
    "output in length order",
    "out",
    "vectors come back in the order of the batches",
    kills=("parity", "permuted", "alone or mixed", "texts by chance"),
    source="googleapis/js-genai#1207",
)
def length_order(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[np.argsort(-self.tokenize(texts).lengths, kind="stable")]

    replace_encode(patch, encode)


@fault(
    "repeats dropped",
    "out",
    "a long list is encoded once per distinct text, and comes back shorter",
    kills=("many texts",),
)
def repeats_dropped(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return right(self, list(dict.fromkeys(texts)) if len(texts) > 64 else texts, **options)

    replace_encode(patch, encode)
