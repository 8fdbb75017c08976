"""The tree of errors. Each message is one line: where it happened, what is wrong, how to fix it.

EmbeddingsError
├── ModelError            a model cannot be found, read or trusted
│   ├── ModelNotFound         no such name in the catalog and no such folder
│   ├── DamagedModel          a file of the model's folder is missing or cannot be read
│   ├── HashMismatch          a file does not have the hash that the catalog pins
│   ├── UnsupportedModel      the folder declares something that this library does not support
│   └── WeightMismatch        a weight is missing, unexpected, or has another shape
├── OutOfMemory           a batch does not fit even after the token budget was halved
├── CacheError            a cache file is not a cache, is damaged, or cannot be read
│   └── CacheNotWritable      the file can be read but not written
└── InputError            a text or an option of a call is not valid (also a ValueError)

There are three warnings. TruncationWarning: texts were longer than the model reads and were cut.
MemoryWarning: a batch did not fit in memory, and smaller batches are used. CacheWarning: vectors were
computed but could not be stored.
"""

import re
import sys
import warnings
from functools import partial
from typing import Any


class EmbeddingsError(Exception):
    """The base class of every error that this package raises on purpose."""

    def __init__(self, where: object, what: str, *, hint: str) -> None:
        self.where, self.what, self.hint = str(where), what, hint
        super().__init__(re.sub(r"\s*[\r\n]\s*", " ", f"{where}: {what}; {hint}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(
            type(self), self.where, self.what, hint=self.hint
        ), ()  # so that another process can receive it


class ModelError(EmbeddingsError):
    """A model cannot be found, read or trusted."""


class ModelNotFound(ModelError):
    """The name is not in the catalog and is not a folder."""


class DamagedModel(ModelError):
    """A file of the model's folder is missing or cannot be read."""


class HashMismatch(ModelError):
    """A file does not have the hash that the catalog pins."""


class UnsupportedModel(ModelError):
    """The folder declares something that this library does not support."""


class WeightMismatch(ModelError):
    """A weight is missing or unexpected, or its shape differs from the configuration."""


class OutOfMemory(EmbeddingsError):
    """A batch does not fit in the device's memory even after the token budget was halved."""


class MemoryWarning(UserWarning):
    """A batch did not fit in the device's memory. The rest of the call uses half the token budget."""


class CacheError(EmbeddingsError):
    """A cache file is not a cache, is damaged, or cannot be read."""


class CacheNotWritable(CacheError):
    """A cache file cannot be written: disk full, file read-only, or locked too long by another process."""


class CacheWarning(UserWarning):
    """Vectors were computed and are returned, but the cache file could not store them."""


class InputError(EmbeddingsError, ValueError):
    """A text or an option of a call is not valid."""


class TruncationWarning(UserWarning):
    """``cut`` of ``texts`` texts were longer than the model reads and lost ``dropped`` tokens in total."""

    def __init__(self, *, texts: int, cut: int, dropped: int, max_tokens: int) -> None:
        self.texts, self.cut, self.dropped = texts, cut, dropped
        super().__init__(
            f"{cut} of {texts} texts were cut at {max_tokens} tokens; {dropped} tokens were dropped"
        )


def warn(warning: Warning) -> None:
    """Give a warning that points to the line outside this library that called it."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)
