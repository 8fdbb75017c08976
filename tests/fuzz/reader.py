"""What a reader is to the fuzzer, and the folder that readers may write."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["Reader", "reader_of", "scratch"]


@dataclass(frozen=True)
class Reader:
    """One reader. read: reads a file whose content is given; it may raise the project's own errors."""

    name: str
    contents: tuple[bytes, ...]
    read: Callable[[bytes], object]


@cache
def scratch() -> Path:
    """Return the one folder that readers may write."""
    return Path(mkdtemp(prefix="fuzz-")).resolve()


def reader_of(
    root: Path, name: str, contents: list[bytes], file: str, read: Callable[[Path], object]
) -> Reader:
    """Return a reader of a file of its own."""
    folder = root / name.replace(" ", "-")
    folder.mkdir(exist_ok=True)

    def read_content(content: bytes) -> object:
        (folder / file).write_bytes(content)
        return read(folder / file)

    return Reader(name, tuple(contents), read_content)
