"""Texts of an exact number of tokens."""

from collections.abc import Sequence

from embedding_gate.subjects.protocols import Tokenizer

__all__ = ["text_of"]


def text_of(tokens: int, paragraphs: Sequence[str], tokenizer: Tokenizer) -> str:
    """Make a text of exactly this many tokens from the words of some paragraphs.

    Raises:
        ValueError: the tokenizer gives no such text from any of the first hundred starts.

    """
    words = " ".join(paragraphs).split()
    while len(words) < 2 * tokens:
        words += words
    for start in range(100):
        low, high = 1, tokens + 1  # a bisection: the count never falls when a word is added
        while low < high:
            middle = (low + high) // 2
            if _fits(words[start : start + middle], tokens, tokenizer):
                low = middle + 1
            else:
                high = middle
        text = " ".join(words[start : start + low - 1])
        if text and int(tokenizer.count_tokens([text])[0]) == tokens:
            return text
    raise ValueError(f"no text of exactly {tokens} tokens")


def _fits(words: list[str], tokens: int, tokenizer: Tokenizer) -> bool:
    found = tokenizer.tokenize([" ".join(words)])
    return not found.dropped[0] and len(found.ids[0]) <= tokens
