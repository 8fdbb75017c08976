"""New texts of an exact number of tokens, and the register of texts that the process has seen.

A text is drawn word by word until it has the right number of tokens. The model's own tokenizer counts it
before it is used. So no text is padded, and nothing is cut off.
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

ATTEMPTS = 100  # how many times texts are drawn before the error says that there are none


@cache
def fixture_words() -> tuple[str, ...]:
    """Return the words of the fixture's sentences and paragraphs, in alphabetical order."""
    lines = (FIXTURES / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    plain = (row["text"] for row in rows if row["kind"] in ("sentence", "paragraph"))
    return tuple(sorted({word for text in plain for word in text.split()}))


class Seen:
    """The texts that models of this process have seen."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._digests

    def claim(self, texts: Collection[str]) -> None:
        """Note texts that a model will now see for the first time.

        Raises:
            InputError: one of them was shown before, or comes twice.

        """
        digests = {_digest(text) for text in texts}
        if len(digests) < len(texts) or digests & self._digests:
            raise InputError("texts", "one was shown before in this process", hint="draw new ones")
        self._digests |= digests

    def again(self, texts: Collection[str]) -> None:
        """Check texts that are shown again on purpose, to measure the cache or repeated texts.

        Raises:
            InputError: one of them was never shown.

        """
        if any(text not in self for text in texts):
            raise InputError("texts", "one that is to be shown again is new", hint="show it first")


class FreshTexts:
    """Draws new texts of an exact number of tokens. The same seed gives the same texts.

    tokenize: the model's own tokenizer.
    seed: each model of a process needs its own. Otherwise the second would draw the first model's texts.
    """

    def __init__(
        self, tokenize: Callable[[Sequence[str]], TokenizedTexts], seen: Seen, seed: str = ""
    ) -> None:
        self._tokenize, self._seen, self._random = tokenize, seen, random.Random(seed)  # noqa: S311
        words = fixture_words()
        alone = tokenize(words).lengths
        # The tokens of a word that follows another word.
        costs = tokenize([f"{word} {word}" for word in words]).lengths - alone
        order = np.argsort(costs, kind="stable")
        order = order[costs[order] > 0]
        self._words = [words[row] for row in order]
        self._alone, self._costs = alone[order].tolist(), costs[order].tolist()

    def __call__(self, count: int, tokens: int) -> list[str]:
        """Return ``count`` new texts, each of exactly ``tokens`` tokens with special tokens.

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
        """Return a text that should have so many tokens. It is shorter if no word fits at the end."""
        first = self._random.randrange(len(self._words))
        chosen, left = [self._words[first]], tokens - self._alone[first]
        while left > 0 and (fitting := bisect_right(self._costs, left)):
            place = self._random.randrange(fitting)
            chosen.append(self._words[place])
            left -= self._costs[place]
        return " ".join(chosen)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
