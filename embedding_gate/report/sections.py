"""The report, section by section, as blocks that no format has shaped yet."""

from collections.abc import Mapping
from typing import Any

from embedding_gate.report import change_sections, proof_sections, quality_sections, speed_sections, verdicts
from embedding_gate.report.blocks import Section

__all__ = ["sections"]


def sections(record: Mapping[str, Any]) -> list[Section]:
    """Return the sections of a record, in the order in which they are read."""
    return [
        verdicts.verdict(record),
        *change_sections.judge(record),
        *change_sections.performance(record),
        speed_sections.summary(record),
        quality_sections.metrics(record),
        quality_sections.coherence(record),
        quality_sections.categories(record),
        speed_sections.analysis(record),
        speed_sections.sizes(record),
        speed_sections.practice(record),
        speed_sections.comparison(record),
        verdicts.conclusion(record),
        verdicts.checks(record),
        proof_sections.kill_matrix(record),
        proof_sections.claims(record),
        proof_sections.history(record),
    ]
