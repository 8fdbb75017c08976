"""A server as its contract is checked: the client, and the judge's own tokenizer and texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedding_gate.endpoint.client import Client, Reply
from embedding_gate.errors import EndpointError

__all__ = ["Answer", "Endpoint", "TokenIds", "distinct_texts", "same"]

Vector = NDArray[np.float32]
LONGEST = 8192  # tokens of the longest limit that a text is made to pass
TEXTS = 48  # that a contract is checked with
SAME = 1e-3  # largest difference of a component between vectors of one text; float16 and batches move less


class TokenIds(Protocol):
    """Token ids of N texts, special tokens included, cut at the model's limit."""

    @property
    def ids(self) -> list[NDArray[np.int32]]:
        """N arrays (T,)."""


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    vectors: (D,) of each text in order, or None where the server refused or failed.
    refused: whether it is a 4xx with a JSON object.
    problem: what is wrong with an answer that is neither vectors nor a refusal, or "".
    """

    reply: Reply | None
    vectors: list[Vector] | None
    refused: bool
    problem: str

    @property
    def short(self) -> str:
        """What came, in a few words."""
        if self.vectors is not None:
            width = len(self.vectors[0]) if self.vectors else 0
            return f"{len(self.vectors)} vector{'s'[: len(self.vectors) != 1]} of {width}"
        return self.problem or (self.reply.short if self.reply else "nothing")


@dataclass
class Endpoint:
    """A server under judgement.

    reopen: opens another client of the same server, with connections of its own.
    tokenize: the reference tokenizer, of the model's folder and never of the server.
    limit: tokens of the longest text that the model reads, special tokens included.
    texts: 40 or more texts, no two with the same vector: see distinct_texts.
    """

    client: Client
    reopen: Callable[[], Client] = field(repr=False)
    tokenize: Callable[[Sequence[str]], TokenIds] = field(repr=False)
    limit: int
    texts: Sequence[str]
    _alone: dict[str, Vector] = field(default_factory=dict, repr=False)

    @property
    def offers(self) -> frozenset[str]:
        """What the form of API has."""
        return self.client.offers

    def lacks(self, name: str) -> str:
        """Return why a check does not apply, or "" if the form of API has what it is about."""
        return "" if name in self.offers else f"the {self.client.form.name} form has no {name}"

    def body(self, inputs: Any, **more: Any) -> dict[str, Any]:
        """Return a request."""
        return self.client.form.body(inputs, self.client.model, **more)

    def ask(self, inputs: Any, count: int, *, client: Client | None = None, **more: Any) -> Answer:
        """Ask for the vectors of ``count`` texts. more: further fields of the request."""
        return self.send(self.body(inputs, **more), count, client=client)

    def send(self, body: Any, count: int, *, client: Client | None = None) -> Answer:
        """Send a request, whatever is in it, and judge the form of what comes."""
        client = client or self.client
        try:
            return self.judge(client.post(body), count)
        except EndpointError as error:
            return Answer(None, None, refused=False, problem=error.what)

    def judge(self, reply: Reply, count: int) -> Answer:
        """Judge the form of an answer."""
        if 400 <= reply.status < 500:
            refused = isinstance(reply.json, dict) and bool(reply.json)
            return Answer(reply, None, refused, "" if refused else f"no JSON error: {reply.short}")
        try:
            vectors = self.client.vectors(reply, count)
        except EndpointError as error:
            return Answer(reply, None, refused=False, problem=error.what)
        if any(not vector.any() for vector in vectors):
            return Answer(reply, None, refused=False, problem="gave a vector of zeros")
        return Answer(reply, vectors, refused=False, problem="")

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the reference token ids of texts, cut at the limit."""
        return [[int(one) for one in ids] for ids in self.tokenize(texts).ids]

    def alone(self, text: str) -> Vector:
        """Return a text's vector (D,) from a request of its own, made once.

        Raises:
            EndpointError: the server does not give it.

        """
        if text not in self._alone:
            self._alone[text] = self.client.encode([text])[0]
        return self._alone[text]

    def strangers(self, vectors: Sequence[Vector] | None, texts: Sequence[str]) -> list[int]:
        """Return the numbers of the texts that did not get the vectors that they get alone."""
        if vectors is None or len(vectors) != len(texts):
            return list(range(len(texts)))
        return [
            row
            for row, (found, text) in enumerate(zip(vectors, texts, strict=True))
            if not same(found, self.alone(text))
        ]

    @cached_property
    def _words(self) -> list[str]:
        words = dict.fromkeys(word for text in self.texts for word in text.split() if word.isalpha())
        return ["word", *words]

    @cached_property
    def _single(self) -> list[str]:
        """Words that add one token each to a text."""
        base, *counts = map(len, self.tokens(["word", *(f"word {word}" for word in self._words)]))
        return [word for word, count in zip(self._words, counts, strict=True) if count == base + 1]

    def _text(self, count: int) -> str:
        """Make a text of so many words."""
        words = self._single or self._words
        return " ".join(["word", *(words[number % len(words)] for number in range(count - 1))])

    @cached_property
    def exact(self) -> str:
        """The beginning of ``over``: exactly as many tokens as the model reads; "" if none was found."""
        if not self.over:
            return ""
        text = self._text(self.limit - len(self.tokens(["word"])[0]) + 1)
        whole, more, shorter = self.tokens([text, self.over, text.rpartition(" ")[0]])
        return text if len(whole) == self.limit == len(shorter) + 1 and whole == more else ""

    @cached_property
    def over(self) -> str:
        """A text of more tokens than the model reads; "" if it would be longer than most servers take."""
        return self._text(2 * self.limit) if self.limit <= LONGEST else ""


def distinct_texts(texts: Sequence[str], tokenize: Callable[[Sequence[str]], TokenIds]) -> list[str]:
    """Return up to 48 of the texts, no two with the same token ids."""
    ids = tokenize(texts).ids
    found = {tuple(row.tolist()): text for row, text in reversed([*zip(ids, texts, strict=True)])}
    kept = set(found.values())
    return [text for text in texts if text in kept][:TEXTS]


def same(one: Vector, other: Vector, tolerance: float = SAME) -> bool:
    """Tell whether two vectors are those of one text."""
    return one.shape == other.shape and bool(np.abs(one - other).max() <= tolerance)
