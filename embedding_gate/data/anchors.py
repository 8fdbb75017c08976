"""Anchors: figures that others published of a model, each with its source. docs/anchors.md explains them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from embedding_gate.errors import FixtureError

__all__ = [
    "Anchors",
    "Cosines",
    "Role",
    "Source",
    "Vectors",
    "anchors_of",
    "read_all_anchors",
    "read_anchors",
]

Role = Literal["", "query", "document"]
Numbers = tuple[float, ...]
# What a conversion adds to a model's name if the weights stay the same but for their rounding.
_CONVERTED = re.compile(r"-(mlx|bf16|fp16|bfloat16|float16|fp32|float32)$", re.IGNORECASE)
_ROUNDED = {"bf16": "bfloat16", "bfloat16": "bfloat16", "fp16": "float16", "float16": "float16"}


class Cosines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cosines of queries (Q) with documents (D), or of the queries with each other if there is no document.

    values: (Q, D), or (Q, Q). digits: decimals that were printed.
    roles: whether the texts go through the model's own prompts for queries and documents. If not, the texts
        are the exact input: a prompt stands in the text.
    dimensions: to how many components the vectors were cut first; 0 for none.
    wrong: in which way the figures were made with another recipe. A right model must disagree with them.
    """

    queries: tuple[str, ...]
    values: tuple[Numbers, ...]
    digits: int
    documents: tuple[str, ...] = ()
    roles: bool = False
    dimensions: int = 0
    wrong: str = ""

    def __post_init__(self) -> None:
        _check_shape(self.values, len(self.queries), len(self.documents or self.queries))


class Vectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first k components of N vectors. k may be all of them.

    values: (N, k). digits: decimals that were printed. scaled: whether the whole vectors have length 1.
    role: the model's own prompt that the texts go through; "" if the texts are the exact input.
    wrong: as for cosines.
    """

    texts: tuple[str, ...]
    values: tuple[Numbers, ...]
    digits: int
    scaled: bool
    role: Role = ""
    wrong: str = ""

    def __post_init__(self) -> None:
        _check_shape(self.values, len(self.texts), len(self.values[0]) if self.values else 0)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that figures were read from.

    repository, path, commit: where. commit is "" if the copy that was read names none; note then says which.
    licence: of the repository. precision: what the source computed in. bar: for "unstated", the largest
    difference of a component that the source itself allows; 0 if it says none.
    difference: how far off the source's own implementation is known to be, as a direction; note says why.
    """

    repository: str
    path: str
    commit: str
    licence: str
    precision: Literal["float32", "float16", "bfloat16", "unstated"]
    bar: float = 0.0
    difference: float = 0.0
    note: str = ""
    cosines: tuple[Cosines, ...] = ()
    vectors: tuple[Vectors, ...] = ()

    @property
    def figures(self) -> Iterator[Cosines | Vectors]:
        """All figures of the source."""
        yield from self.cosines
        yield from self.vectors


class Anchors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was published of one model.

    model: owner/name on the hub. width: the length of its vectors; 0 where no source says it.
    shape: what its config.json says, where that could be read.
    """

    model: str
    source: tuple[Source, ...]
    width: int = 0
    shape: dict[str, int | str] = {}

    def __post_init__(self) -> None:
        if not any(not figure.wrong for source in self.source for figure in source.figures):
            raise ValueError("holds no figure")
        for source in self.source:
            for vectors in source.vectors:
                if len(vectors.values[0]) > self.width > 0:
                    raise ValueError(f"a vector of {source.repository} is longer than width {self.width}")

    @property
    def texts(self) -> dict[Role, list[str]]:
        """All texts of the figures, each once, by the prompt that they go through."""
        found: dict[Role, dict[str, None]] = {"": {}, "query": {}, "document": {}}
        for source in self.source:
            for cosines in source.cosines:
                found["query" if cosines.roles else ""] |= dict.fromkeys(cosines.queries)
                found["document" if cosines.roles else ""] |= dict.fromkeys(cosines.documents)
            for vectors in source.vectors:
                found[vectors.role] |= dict.fromkeys(vectors.texts)
        return {role: list(texts) for role, texts in found.items() if texts}

    @property
    def name(self) -> str:
        """The model's name without its owner."""
        return self.model.rpartition("/")[2]


def _check_shape(values: tuple[Numbers, ...], rows: int, columns: int) -> None:
    if not rows or not columns or len(values) != rows or {len(row) for row in values} != {columns}:
        raise ValueError(f"values must have {rows} rows of {columns} numbers")


def read_anchors(path: Path) -> Anchors:
    """Read the anchors of one model.

    Raises:
        FixtureError: the file is missing or malformed; names the key.

    """
    try:
        anchors = msgspec.toml.decode(path.read_bytes(), type=Anchors)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error})", hint="correct the file") from error
    if anchors.name != path.stem:
        what = f"is named {path.stem}, but is about {anchors.name}"
        raise FixtureError(path, what, hint="name the file as the model")
    return anchors


def read_all_anchors(folder: Path) -> list[Anchors]:
    """Read the anchors of all models, in the order of their names.

    Raises:
        FixtureError: a file is malformed.

    """
    return [read_anchors(path) for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem.lower())]


def anchors_of(folder: Path, name: str) -> tuple[Anchors | None, str]:
    """Return the anchors of the model that goes by this name, and the precision that its name says.

    A name decides, and nothing in the files: a config.json names the model that this one was tuned from. The
    ending of a conversion is left out. One that says fewer bits is not: such weights are another model.

    Raises:
        FixtureError: a file is malformed.

    """
    precision = ""
    while found := _CONVERTED.search(name):
        precision = precision or _ROUNDED.get(found[1].lower(), "")
        name = name[: found.start()]
    for path in folder.glob("*.toml"):
        if path.stem.casefold() == name.casefold():
            return read_anchors(path), precision
    return None, ""
