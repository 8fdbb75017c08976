"""The judge's own tokenizer of a model.

It tells how long texts are, where only vectors are seen of the subject.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embedding_gate.data.declared import Declared
from embedding_gate.errors import FixtureError

__all__ = ["OwnTokenizer"]


@dataclass(frozen=True)
class _Ids:
    ids: list[NDArray[np.int32]]
    dropped: NDArray[np.int64]


class OwnTokenizer:
    """The tokenizer.json of a folder, with the limit, the prompts and the end token that the folder declares.

    Raises:
        FixtureError: the file is missing or malformed, or lacks what a text needs.

    """

    def __init__(self, folder: Path, declared: Declared) -> None:
        path = folder / "tokenizer.json"
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise FixtureError(path, f"is no tokenizer ({error})", hint="restore the file") from error
        self._path = path
        self.max_tokens, self._prompts = declared.max_tokens, declared.prompts
        end = self._tokenizer.token_to_id(declared.end_token) if declared.end_token else None
        self._end = [] if end is None or self._tokenizer.encode("").ids[-1:] == [end] else [end]
        self._special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(declared.max_tokens - len(self._end))

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> _Ids:
        """Return the token ids of texts, and how many tokens were cut off."""
        prefix = self._prompts.get(prompt_name or "", "")
        try:
            found = self._tokenizer.encode_batch_fast([prefix + text for text in texts])
            ids = [np.array([*one.ids, *self._end], dtype=np.int32) for one in found]
        except Exception as error:
            raise FixtureError(
                self._path, f"cannot tokenize a text ({error})", hint="restore the file"
            ) from error
        dropped = [sum(len(rest.ids) - self._special for rest in one.overflowing) for one in found]
        return _Ids(ids, np.array(dropped, dtype=np.int64))

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Count the tokens (N,) of texts, special tokens included, cut-off ones not."""
        return np.array([len(ids) for ids in self.tokenize(texts).ids], dtype=np.int64)
