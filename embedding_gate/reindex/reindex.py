"""What is judged, beside what its vectors were before."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from embedding_gate.reindex.verdict import ANSWERS, Answer, Verdict

__all__ = ["REQUIRED", "Reindex"]

REQUIRED: tuple[Answer, ...] = ("same", "compatible")  # what --require may ask for


@dataclass
class Reindex:
    """The comparison with a snapshot, or with another live model.

    beside: what it is compared with, as the user named it. compare: makes the comparison, when it is first
    asked for. required: the worst answer that is no failure, or None if the answer is information.
    """

    beside: str
    compare: Callable[[], Verdict]
    required: Answer | None = None

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.compare()

    @property
    def too_far(self) -> int:
        """By how many answers it is worse than required."""
        worst = ANSWERS.index(self.required or ANSWERS[-1])
        return max(ANSWERS.index(self.verdict.answer) - worst, 0)

    def lines(self) -> list[str]:
        """Return what the reader of the table should know."""
        head = f"  beside {self.beside}: {self.verdict.line}"
        return [head, *(f"    {line}" for line in self.verdict.lines())]

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"beside": self.beside, "required": self.required, **self.verdict.as_data()}
