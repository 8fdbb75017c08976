"""What the report is made of, whether it becomes HTML or Markdown. All of it is plain text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

__all__ = [
    "Block",
    "Columns",
    "Document",
    "Items",
    "Picture",
    "Section",
    "Table",
    "Text",
    "grouped",
    "number",
    "percent",
    "table",
]

T = TypeVar("T")
Columns = Mapping[str, Callable[[T], str]]  # header -> the cell of a thing


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar = "text"
    text: str


@dataclass(frozen=True)
class Items:
    """A list of sentences; ``more`` is how many were left out of it."""

    kind: ClassVar = "items"
    items: Sequence[str]
    more: int = 0

    @property
    def lines(self) -> list[str]:
        """The sentences, and one that counts those left out."""
        return [*self.items, *([f"... and {self.more} more, in report.json"] if self.more else [])]


@dataclass(frozen=True)
class Table:
    """Rows of cells beneath a header. Columns whose cells are all numbers or "-" are set to the right.

    folded: the page shows the caption alone, until a reader asks for the rows.
    """

    kind: ClassVar = "table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """The place of a picture, by its name; where it is not there, nothing is shown."""

    kind: ClassVar = "picture"
    name: str


Block = Text | Items | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands beneath it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A whole report. verdict: pass or fail; missing: the line that says what this run did not measure."""

    title: str
    verdict: str
    sections: Sequence[Section]
    missing: str = ""


def table(caption: str, columns: Columns[T], found: Iterable[T], *, folded: bool = False) -> Table:
    """Make a table that has a row for each thing found."""
    rows = [[cell(one) for cell in columns.values()] for one in found]
    return Table(caption, tuple(columns), rows, folded)


def grouped(found: Iterable[T], name: Callable[[T], str]) -> dict[str, list[T]]:
    """Return the things found by their names, in the order in which these first appear."""
    groups: dict[str, list[T]] = {}
    for one in found:
        groups.setdefault(name(one), []).append(one)
    return groups


def number(value: float | None, digits: int = 3) -> str:
    """Return significant digits, thousands with commas; "-" where there is no number."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{float(f'{value:.{digits}g}'):,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float | None) -> str:
    """Return a share as a percentage; "-" where there is none."""
    return "-" if share is None else f"{share:.1%}"
