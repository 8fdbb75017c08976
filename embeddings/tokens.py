"""Turns texts into token ids with the model's own tokenizer. Tokens that are cut off are counted."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, processors

from embeddings.errors import DamagedModel, InputError, TruncationWarning, warn

__all__ = ["TextTokenizer", "TokenizedTexts", "checked_texts", "warn_of_truncation"]


@dataclass(frozen=True)
class TokenizedTexts:
    """N tokenized texts.

    ids: N arrays (T,) int32 of the tokens that the model reads, with special tokens.
    dropped: (N,) int64, tokens cut off from each text's end.
    """

    ids: list[NDArray[np.int32]]
    dropped: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens that the model reads of each text, (N,)."""
        return np.array([len(ids) for ids in self.ids], dtype=np.int64)


class TextTokenizer:
    """The tokenizer of a model's folder. It cuts texts at ``max_tokens``, with special tokens.

    end_token: the token that every text must end with. It is added if the shipped tokenizer does not add it.
    """

    def __init__(self, path: Path, *, max_tokens: int, end_token: str | None = None) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise DamagedModel(
                path, f"not a readable tokenizer ({error})", hint="fetch the file again"
            ) from error
        if end_token is not None:
            self._end_in(path, end_token)
        self._special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_tokens <= self._special:
            raise DamagedModel(
                path,
                f"the longest text of {max_tokens} tokens leaves no room beside "
                f"{self._special} special tokens",
                hint="correct max_seq_length",
            )
        self._path = path
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def _end_in(self, path: Path, token: str) -> None:
        """Make every text end with this token, exactly once. Templates of some early conversions lack it."""
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise DamagedModel(path, f"has no {token}, which texts must end in", hint="fetch the file again")
        if self._tokenizer.encode("").ids[-1:] == [number]:
            return
        template = processors.TemplateProcessing(single=f"$A {token}", special_tokens=[(token, number)])
        shipped = self._tokenizer.post_processor
        self._tokenizer.post_processor = processors.Sequence([shipped, template]) if shipped else template

    @property
    def vocabulary_size(self) -> int:
        """The largest id that a text can give, plus 1. The tokens around a text have their ids elsewhere."""
        ids = self._tokenizer.get_vocab(with_added_tokens=True).values()
        return max([*ids, *self.special_ids], default=-1) + 1

    @property
    def normalizer(self) -> dict[str, Any]:
        """The configuration of the normalizer as tokenizer.json has it; empty if there is none."""
        shipped = self._tokenizer.normalizer
        return dict(json.loads(shipped.__getstate__())) if shipped else {}

    def normalize(self, text: str) -> str:
        """Return the text as the normalizer changes it before it is split."""
        shipped = self._tokenizer.normalizer
        return str(shipped.normalize_str(text)) if shipped else text

    @property
    def special_ids(self) -> list[int]:
        """The ids of the empty text: the special tokens that stand around each text."""
        return list(self._tokenizer.encode("").ids)

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None if there is no such token."""
        number = self._tokenizer.token_to_id(token)
        return None if number is None else int(number)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 (32 bytes) of the tokenizer as it was loaded, with the limit and the end token."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).digest()

    def __call__(self, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenize texts.

        Raises:
            InputError: not a sequence of strings, or a string is not valid Unicode or gives no token.
            DamagedModel: tokenizer.json lacks what a text needs, as the token for unknown words.

        """
        checked = checked_texts(texts)
        try:
            encodings = self._tokenizer.encode_batch_fast(checked)  # fast: no character offsets
        except Exception as error:
            raise DamagedModel(
                self._path, f"cannot tokenize a text ({error})", hint="fetch the file again"
            ) from error
        for index, encoding in enumerate(encodings):
            if not encoding.ids:  # only with a tokenizer that adds no special token
                raise InputError(f"texts[{index}]", "gives no token at all", hint="leave it out")
        return TokenizedTexts(
            ids=[np.array(encoding.ids, dtype=np.int32) for encoding in encodings],
            dropped=np.array(
                [
                    sum(len(rest.ids) - self._special for rest in encoding.overflowing)
                    for encoding in encodings
                ],
                dtype=np.int64,
            ),
        )


def warn_of_truncation(dropped: NDArray[np.int64], max_tokens: int) -> None:
    """Warn if texts were cut at the limit. dropped: (N,) tokens that each text lost.

    Warns:
        TruncationWarning: says how many texts were cut and how many tokens were lost.

    """
    if cut := int((dropped > 0).sum()):
        warn(
            TruncationWarning(texts=len(dropped), cut=cut, dropped=int(dropped.sum()), max_tokens=max_tokens)
        )


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list.

    Raises:
        InputError: texts is not a sequence of strings, or a string is not valid Unicode.

    """
    if isinstance(texts, str):
        raise InputError("texts", "must be a sequence of strings, got one string", hint="wrap it in a list")
    try:
        checked = list(texts)
    except TypeError as error:
        kind = type(texts).__name__
        raise InputError("texts", f"must be a sequence of strings, got {kind}", hint="pass a list") from error
    for index, text in enumerate(checked):
        if not isinstance(text, str):
            raise InputError(
                f"texts[{index}]",
                f"must be a string, got {type(text).__name__}",
                hint="convert it or leave it out",
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"texts[{index}]",
                f"character {error.start} is a lone surrogate, U+{ord(text[error.start]):04X}",
                hint="replace it, for example by text.encode('utf-8', 'replace').decode()",
            ) from error
    return checked
