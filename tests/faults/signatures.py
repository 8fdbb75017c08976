"""Signatures of the catalogue's faults (``make signatures``), and how many faults they name rightly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embeddings.evaluation.diagnosis import Signature, as_json, likely, pattern_of
from tests import harness
from tests.faults.catalogue import BY_NAME, FAULTS
from tests.faults.matrix import Outcome, judged

__all__ = ["Named", "named", "out_of_date"]

SLICE = 1  # of the texts: another than that which the proof judges
SEED = 1000  # the number of a run that the proof has not


@dataclass(frozen=True)
class Named:
    """How many of the judged faults were among the first three named, on every seed; else, who was."""

    asked: str
    faults: int
    missed: dict[str, str]

    @property
    def share(self) -> float:
        """The share of the faults that were named."""
        return 1 - len(self.missed) / self.faults

    @property
    def lines(self) -> list[str]:
        """What the terminal shows."""
        first = f"  {self.asked}: {self.faults - len(self.missed)} of {self.faults} ({self.share:.1%})"
        return [first, *(f"      {name} looks like {others}" for name, others in self.missed.items())]


def named(outcomes: Iterable[Outcome], signatures: Sequence[Signature], *, left_out: bool) -> Named:
    """Look for each fault among the first three named; or for its cause, its own signature left out.

    Faults of the measurements are judged on a simulated machine, on which they were recorded too: that they
    are named would prove nothing, so that they are looked for only by their causes.
    """
    faults, missed = set(), {}
    for outcome in outcomes:
        fault = BY_NAME[outcome.name]
        if fault.benign or (fault.where == "time" and not left_out):
            continue
        others = [one for one in signatures if not (left_out and one.name == fault.name)]
        found = likely(outcome.verdicts, others)
        faults.add(fault.name)
        if not any(one.cause == fault.cause if left_out else one.name == fault.name for one in found):
            missed[f"{fault.name} ({fault.cause})"] = (
                ", ".join(f"{one.name} ({one.cause})" for one in found) or "nothing known"
            )
    asked = "its cause, the fault itself left out" if left_out else "the fault, by other texts"
    return Named(asked, len(faults), missed)


def out_of_date(signatures: Iterable[Signature]) -> list[str]:
    """Say what the signatures lack of the catalogue, and what they have that is gone from it."""
    known = {(one.name, one.cause) for one in signatures}
    there = {(fault.name, fault.cause) for fault in FAULTS}
    return [f"lacks {name} ({cause})" for name, cause in sorted(there - known)] + [
        f"has {name} ({cause}), which is gone" for name, cause in sorted(known - there)
    ]


def main() -> None:
    """Judge every fault on the other slice, and write what the gate said."""
    runs = [(fault.name, SEED if fault.random else 0) for fault in FAULTS]
    with judged(runs, SLICE) as futures:
        outcomes = [future.result() for future in futures.values()]
    found = [
        Signature(outcome.name, BY_NAME[outcome.name].cause, pattern_of(outcome.verdicts))
        for outcome in outcomes
    ]
    harness.SIGNATURES.write_text(as_json(found), encoding="utf-8")
    print(f"{harness.SIGNATURES.relative_to(harness.ROOT)}: {len(found)} faults")


if __name__ == "__main__":
    main()
