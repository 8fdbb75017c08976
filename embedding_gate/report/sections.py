"""The report, section by section, as blocks that no format has shaped yet."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from embedding_gate.report import change_sections, proof_sections, quality_sections, speed_sections, verdicts
from embedding_gate.report.blocks import Document, Section, grouped
from embedding_gate.report.schema.record import Record

__all__ = ["document", "sections"]

GATE = "pytest -m quality --report=DIR"
BENCHMARKS = "pytest --benchmark-only --report=DIR"


class Part(NamedTuple):
    """A section of the report: what makes it, and, where a run leaves it out, which command fills it."""

    make: Callable[[Record], Section | None]
    name: str = ""
    command: str = ""


ORDER: Sequence[Part] = (
    Part(verdicts.verdict),
    Part(change_sections.judge),
    Part(change_sections.performance),
    Part(change_sections.origin),
    Part(change_sections.reindex),
    Part(change_sections.compared),
    Part(speed_sections.summary, "speed", BENCHMARKS),
    Part(quality_sections.metrics, "quality of the vectors", GATE),
    Part(quality_sections.coherence, "coherence", GATE),
    Part(quality_sections.categories, "similarities by category", GATE),
    Part(speed_sections.analysis, "roofline", BENCHMARKS),
    Part(speed_sections.sizes, "two sizes", f"{BENCHMARKS} --model=SMALL --model=LARGE"),
    Part(speed_sections.practice, "a recommended model", GATE),
    Part(speed_sections.comparison, "other systems", "make peers"),
    Part(verdicts.conclusion),
    Part(verdicts.checks, "every check", GATE),
    Part(proof_sections.kill_matrix, "kill matrix", "pytest -m faults --report=DIR"),
    Part(proof_sections.claims, "published claims", "pytest -m claims --report=DIR"),
    Part(proof_sections.history, "earlier runs", "pytest -m quality --history=FILE --report=DIR"),
)


def sections(record: Record) -> list[Section]:
    """Return the sections that a run fills, in the order in which they are read."""
    return [section for part in ORDER if (section := part.make(record))]


def document(record: Record) -> Document:
    """Return the whole report of a record."""
    names = [model.name for model in record.models] or [one.model for one in record.speed]
    title = ": ".join(["embedding-gate", *([", ".join(dict.fromkeys(names))] if names else [])])
    return Document(title, record.verdict, sections(record), _missing(record))


def _missing(record: Record) -> str:
    """Say in one line what this run did not measure, and which commands do."""
    absent = [part for part in ORDER if part.name and not part.make(record)]
    told = [
        f"{', '.join(part.name for part in parts)} (`{command}`)"
        for command, parts in grouped(absent, lambda part: part.command).items()
    ]
    return f"Not in this run: {'; '.join(told)}." if told else ""
