"""Helpers to read a page as a browser does, and records to show on it."""

from html.parser import HTMLParser

from msgspec.structs import replace

from embedding_gate.report.history import line_of
from embedding_gate.report.html import page
from embedding_gate.report.palette import Figure
from embedding_gate.report.schema.record import Record
from embedding_gate.report.sections import document


class Read(HTMLParser):
    """The parts of a page that a browser reads: its elements, their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element, and mark it as open."""
        self.elements.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that it closes the element that was opened last."""
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        """Record text."""
        self.text += data


def show(record: Record, **pictures: list[Figure]) -> str:
    """Return the page for a record."""
    return page(document(record), pictures=pictures, plotly="x")


def with_history(record: Record) -> Record:
    """Return a record that has an earlier run."""
    return replace(record, history=[line_of(record), line_of(record)])
