"""Texts of an exact number of tokens that the process has not seen, and the register of those it has.

A text is drawn word by word up to the very number, and counted by the model's own tokenizer before it is
used: full to its length, not padded, nothing cut off.
"""

import hashlib
import json
import random
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from functools import cache

import numpy as np

from embedding_gate.errors import InputError
from embedding_gate.own_files import FIXTURES
from embeddings.tokens import TokenizedTexts

__all__ = ["FreshTexts", "Seen"]

ATTEMPTS = 100  # times as many texts are drawn as are asked for, before it is said that there are none


@cache
def fixture_words() -> tuple[str, ...]:
    """Return the words of the fixture's sentences and paragraphs, in alphabetical order."""
    lines = (FIXTURES / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    plain = (row["text"] for row in rows if row["kind"] in ("sentence", "paragraph"))
    return tuple(sorted({word for text in plain for word in text.split()}))


class Seen:
    """The texts that models of this process have been given."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._digests

    def claim(self, texts: Collection[str]) -> None:
        """Note texts that are about to be shown for the first time.

        Raises:
            InputError: one of them was shown before, or comes twice.

        """
        digests = {_digest(text) for text in texts}
        if len(digests) < len(texts) or digests & self._digests:
            raise InputError("texts", "one was shown before in this process", hint="draw new ones")
        self._digests |= digests

    def again(self, texts: Collection[str]) -> None:
        """Say that texts are shown again on purpose: what the cache and the repeats are measured on.

        Raises:
            InputError: one of them was never shown.

        """
        if any(text not in self for text in texts):
            raise InputError("texts", "one that is to be shown again is new", hint="show it first")


class FreshTexts:
    """Draws texts of an exact number of tokens, none of them seen before; the same for the same seed.

    tokenize: by the model's own tokenizer.
    seed: another for each model of a process, or the second would draw what the first has shown.
    """

    def __init__(
        self, tokenize: Callable[[Sequence[str]], TokenizedTexts], seen: Seen, seed: str = ""
    ) -> None:
        self._tokenize, self._seen, self._random = tokenize, seen, random.Random(seed)  # noqa: S311
        words = fixture_words()
        alone = tokenize(words).lengths
        costs = tokenize([f"{word} {word}" for word in words]).lengths - alone  # of a word that follows one
        order = np.argsort(costs, kind="stable")
        order = order[costs[order] > 0]
        self._words = [words[row] for row in order]
        self._alone, self._costs = alone[order].tolist(), costs[order].tolist()

    def __call__(self, count: int, tokens: int) -> list[str]:
        """Return so many new texts, each of exactly so many tokens, special ones included.

        Raises:
            InputError: there are no such texts.

        """
        found: dict[str, None] = {}
        for _ in range(ATTEMPTS):
            drawn = [self._draw(tokens) for _ in range(count - len(found))]
            lengths = self._tokenize(drawn)
            for text, length, cut in zip(drawn, lengths.lengths, lengths.dropped, strict=True):
                if length == tokens and not cut and text not in self._seen:
                    found[text] = None
            if len(found) == count:
                return list(found)
        raise InputError("texts", f"no {count} new ones of exactly {tokens} tokens", hint="take longer ones")

    def _draw(self, tokens: int) -> str:
        """Return a text that should have so many tokens; a shorter one where no word fits what is left."""
        first = self._random.randrange(len(self._words))
        chosen, left = [self._words[first]], tokens - self._alone[first]
        while left > 0 and (fitting := bisect_right(self._costs, left)):
            place = self._random.randrange(fitting)
            chosen.append(self._words[place])
            left -= self._costs[place]
        return " ".join(chosen)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
