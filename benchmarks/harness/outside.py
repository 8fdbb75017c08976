"""An engine for another subject: a function, another library, or a server. Only its vectors are seen."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embedding_gate.adapter import find, name_of
from embedding_gate.clients import connect
from embedding_gate.data.declared import read_declared
from embedding_gate.own_files import Options
from embedding_gate.subjects.black_box import Client
from embedding_gate.tokenizer import OwnTokenizer
from embeddings.tokens import TokenizedTexts

__all__ = ["OutsideEngine", "open_outside_engine"]

TRIES = 3  # calls that show whether the subject is slow


class OutsideEngine:
    """A subject. The judge's own tokenizer counts the tokens of its texts.

    model: the model that the subject claims to be.

    Raises:
        SubjectError: the subject gives no vector.

    """

    def __init__(self, client: Client, tokenizer: OwnTokenizer, model: str) -> None:
        self.client, self.model, self.limit = client, model, tokenizer.max_tokens
        self.name, self.offers = client.name, client.offers
        self._tokenizer = tokenizer
        self.dimension = int(client.encode(["a text"]).shape[1])

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> NDArray[np.float32]:
        """Return vectors (N, D).

        Raises:
            LookupError: a cache is given. No such subject supports one.

        """
        if cache is not None:
            raise LookupError("a cache is not offered")
        return self.client.encode(texts)

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return the token ids of each text that the model gets, by the judge's tokenizer."""
        found = self._tokenizer.tokenize(texts)
        return TokenizedTexts(found.ids, found.dropped)

    def count(self, texts: Sequence[str]) -> int:
        """Count the real tokens of all texts together, by the judge's tokenizer."""
        return int(self._tokenizer.count_tokens(texts).sum())

    def spied(self, texts: Sequence[str]) -> Spied:
        """Encode texts. The inside of the subject is not visible, so only vectors are returned."""
        return Spied(self.encode(texts), None, 0)

    def with_max_tokens(self, max_tokens: int) -> "OutsideEngine":
        """Raise an error, because no such subject supports a lower limit.

        Raises:
            LookupError: always.

        """
        raise LookupError(f"a limit of {max_tokens} tokens is not offered")

    def seconds_of_a_call(self) -> float:
        """Return roughly how many seconds a call with a short text takes."""
        seconds = []
        for number in range(TRIES):
            start = time.perf_counter()
            self.encode([f"the text of a call, number {number}"])
            seconds.append(time.perf_counter() - start)
        return median(seconds)


def open_outside_engine(model: str, options: Options) -> OutsideEngine:
    """Open the subject of ``options``. It claims to be ``model``.

    Raises:
        GateError: the subject cannot be opened, or it gives no vector.
        EmbeddingsError: there is no such model.

    """
    name, folder = name_of(model), find(model)
    tokenizer = OwnTokenizer(folder, read_declared(folder))
    return OutsideEngine(connect(options, name, folder), tokenizer, name)
