"""Another subject as the measurements see it: a function, another library, a server. Its vectors are all."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embedding_gate.adapter import find, name_of
from embedding_gate.data.declared import read_declared
from embedding_gate.outside import connect
from embedding_gate.own_files import Options
from embedding_gate.subjects.black_box import Client
from embedding_gate.tokenizer import OwnTokenizer
from embeddings.tokens import TokenizedTexts

__all__ = ["OutsideEngine", "open_outside_engine"]

TRIES = 3  # calls that say whether it is slow


class OutsideEngine:
    """A subject, whose texts are counted by the judge's own tokenizer.

    model: the one that it claims to be.

    Raises:
        SubjectError: it gives no vector.

    """

    def __init__(self, client: Client, tokenizer: OwnTokenizer, model: str) -> None:
        self.client, self.model, self.limit = client, model, tokenizer.max_tokens
        self.name, self.offers = client.name, client.offers
        self._tokenizer = tokenizer
        self.dimension = int(client.encode(["a text"]).shape[1])

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> NDArray[np.float32]:
        """Return vectors (N, D).

        Raises:
            LookupError: a cache is given, which no such subject takes.

        """
        if cache is not None:
            raise LookupError("a cache is not offered")
        return self.client.encode(texts)

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return the ids that the model sees of each text, by the judge's tokenizer."""
        found = self._tokenizer.tokenize(texts)
        return TokenizedTexts(found.ids, found.dropped)

    def count(self, texts: Sequence[str]) -> int:
        """Count the real tokens of all texts together, by the judge's tokenizer."""
        return int(self._tokenizer.count_tokens(texts).sum())

    def spied(self, texts: Sequence[str]) -> Spied:
        """Encode. Nothing is seen of the inside."""
        return Spied(self.encode(texts), None, 0)

    def with_max_tokens(self, max_tokens: int) -> "OutsideEngine":
        """Raise an error, for no such subject takes a lower limit.

        Raises:
            LookupError: always.

        """
        raise LookupError(f"a limit of {max_tokens} tokens is not offered")

    def seconds_of_a_call(self) -> float:
        """Tell roughly how long a call with a short text takes."""
        seconds = []
        for number in range(TRIES):
            start = time.perf_counter()
            self.encode([f"the text of a call, number {number}"])
            seconds.append(time.perf_counter() - start)
        return median(seconds)


def open_outside_engine(model: str, options: Options) -> OutsideEngine:
    """Open the subject of ``options``, which claims to be a model.

    Raises:
        GateError: it cannot be opened, or gives no vector.
        EmbeddingsError: there is no such model.

    """
    name, folder = name_of(model), find(model)
    tokenizer = OwnTokenizer(folder, read_declared(folder))
    return OutsideEngine(connect(options, name, folder), tokenizer, name)
