"""One tree of errors. Each message is one line: where it happened, what is wrong, how to fix it.

EmbeddingsError
├── ModelError            a model cannot be had, read or trusted
│   ├── ModelNotFound         no such name in the catalog, no such folder
│   ├── DamagedModel          a file of the model's folder is missing or cannot be read
│   ├── HashMismatch          a file is not the one that the catalog pins
│   ├── UnsupportedModel      the folder declares something that this library does not do
│   └── WeightMismatch        a weight is missing, left over, or of another shape
├── OutOfMemory           a batch does not fit even after the token budget was halved
├── CacheError            a cache's file is not one, is damaged, or cannot be read
│   └── CacheNotWritable      it can be read; what was to be kept in it is not
└── InputError            a text or an option of a call is not acceptable (also a ValueError)

and three warnings: TruncationWarning, texts were longer than the model reads, and were cut; MemoryWarning, a
batch did not fit, and smaller ones are used; CacheWarning, vectors were computed, and could not be kept.
"""

import re
import sys
import warnings
from functools import partial
from typing import Any


class EmbeddingsError(Exception):
    """The root of every error that this package raises on purpose."""

    def __init__(self, where: object, what: str, *, hint: str) -> None:
        self.where, self.what, self.hint = str(where), what, hint
        super().__init__(re.sub(r"\s*[\r\n]\s*", " ", f"{where}: {what}; {hint}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.where, self.what, hint=self.hint), ()  # to pass to another process


class ModelError(EmbeddingsError):
    """A model cannot be had, read or trusted."""


class ModelNotFound(ModelError):
    """Neither a name in the catalog nor a folder."""


class DamagedModel(ModelError):
    """A file of the model's folder is missing or cannot be read."""


class HashMismatch(ModelError):
    """A file is not the one that the catalog pins."""


class UnsupportedModel(ModelError):
    """The folder declares something that this library does not do."""


class WeightMismatch(ModelError):
    """A weight is missing, left over, or of another shape than the configuration says."""


class OutOfMemory(EmbeddingsError):
    """A batch does not fit in the device's memory even after the token budget was halved."""


class MemoryWarning(UserWarning):
    """A batch did not fit in the device's memory; the rest of the call uses batches of half its size."""


class CacheError(EmbeddingsError):
    """A cache's file is not one, is damaged, or cannot be read."""


class CacheNotWritable(CacheError):
    """A cache's file cannot be written: the disk is full, it is read-only, or others held it too long."""


class CacheWarning(UserWarning):
    """Vectors were computed and are returned, and the cache's file could not keep them."""


class InputError(EmbeddingsError, ValueError):
    """A text or an option of a call is not acceptable."""


class TruncationWarning(UserWarning):
    """Texts were longer than the model reads: ``cut`` of ``texts``, which lost ``dropped`` tokens in all."""

    def __init__(self, *, texts: int, cut: int, dropped: int, max_tokens: int) -> None:
        self.texts, self.cut, self.dropped = texts, cut, dropped
        super().__init__(
            f"{cut} of {texts} texts were cut at {max_tokens} tokens; {dropped} tokens were dropped"
        )


def warn(warning: Warning) -> None:
    """Warn, at the line outside this library that called it, from however deep inside."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)
