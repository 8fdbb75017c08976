"""What a section of the report is made of, whether it becomes HTML or Markdown. All of it is plain text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Block", "Items", "Picture", "Section", "Table", "Text", "absent", "number", "percent"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of sentences; ``more`` is how many were left out of it."""

    items: Sequence[str]
    more: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of cells beneath a header. Columns whose cells are all numbers or "-" are set to the right."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """The place of a picture, by its name; where it is not there, nothing is shown."""

    name: str


Block = Text | Items | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands beneath it."""

    title: str
    blocks: Sequence[Block] = field(default_factory=list)


def absent(what: str, command: str) -> list[Block]:
    """Say what this run did not measure, and which command does."""
    return [Text(f"{what}: not in this run; `{command}` fills this section.")]


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
