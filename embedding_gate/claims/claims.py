"""Verdicts on published claims, each with its arithmetic and with the verdict that was expected."""

from collections import Counter
from dataclasses import dataclass

from embedding_gate.claims.evidence import Evidence, Finding
from embedding_gate.claims.figure_rules import QUANTITIES, rule_of
from embedding_gate.claims.published import Figure, Published, Statement
from embedding_gate.claims.statement_rules import STATEMENTS

__all__ = ["Claim", "idle_rules", "judge_claims"]


@dataclass(frozen=True)
class Claim:
    """A published figure or statement, and the verdict on it.

    subject: the quantity with its model, or the words of the statement. published: the figure, or "".
    expected, expected_on: the verdict and the families of devices that the data states.
    """

    section: str
    subject: str
    published: str
    finding: Finding
    expected: str
    expected_on: tuple[str, ...]

    @property
    def families(self) -> tuple[str, ...]:
        """The families with at least one device that could do it, in the order of the table of peaks."""
        return tuple(dict.fromkeys(chip.family for chip in self.finding.chips))

    @property
    def red(self) -> bool:
        """Whether the verdict is missing or differs from the expected one."""
        found = (self.finding.outcome, self.families)
        return self.finding.outcome == "not judged" or found != (self.expected, self.expected_on)


def judge_claims(evidence: Evidence) -> list[Claim]:
    """Judge every figure and statement, section by section.

    Raises:
        FixtureError: a figure is missing that another figure is computed from.

    """
    entries: list[Figure | Statement] = [*evidence.published.figures, *evidence.published.statements]
    order = list(dict.fromkeys(entry.section for entry in entries))
    return [_claim(entry, evidence) for entry in sorted(entries, key=lambda one: order.index(one.section))]


def _claim(entry: Figure | Statement, evidence: Evidence) -> Claim:
    if isinstance(entry, Figure):
        size = entry.model.rpartition("-")[2]
        subject, shown = f"{size} {entry.quantity}".strip(), entry.shown
        finding = (
            QUANTITIES[rule](entry, evidence)
            if (rule := rule_of(entry.quantity))
            else Finding("not judged", f"no rule computes {entry.quantity}")
        )
    else:
        subject, shown = f'"{entry.text}"', ""
        finding = (
            STATEMENTS[entry.check](entry, evidence)
            if entry.check in STATEMENTS
            else Finding("not judged", f"no rule is called {entry.check}")
        )
    return Claim(entry.section, subject, shown, finding, entry.verdict, entry.possible_on)


def idle_rules(published: Published) -> list[str]:
    """Name the rules that no claim uses, because their claims were removed."""
    used = Counter(rule_of(figure.quantity) for figure in published.figures)
    used.update(statement.check for statement in published.statements)
    return [rule for rule in (*QUANTITIES, *STATEMENTS) if not used[rule]]
