"""Signatures of the catalogue's faults, and how many faults they name rightly.

``make signatures`` judges every fault on two slices of the texts. The verdicts on one slice become the
signatures, which the gate reads. The verdicts on the other become the recorded proof. Tests of the
catalogue's statistics use the recorded proof, because a live run has some verdicts so close to a threshold
that they depend on the processor.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedding_gate import own_files
from embedding_gate.register import live_tests
from embedding_gate.subjects.offers import unoffered
from embedding_gate.verdicts.diagnosis import Pattern, Signature, as_json, likely, pattern_of, read_signatures
from embedding_gate.verdicts.gate import check_name
from embedding_gate.verdicts.thresholds import Verdict
from tests.faults.catalogue import BY_NAME, FAULTS
from tests.faults.matrix import BARE, Outcome, judged

__all__ = ["PROOF", "Named", "as_outcome", "named", "out_of_date", "seen", "signature_of"]

PROOF = Path(__file__).with_name("proof.json")
SLICES = {own_files.SIGNATURES: 1, PROOF: 0}  # of the texts; the proof judges slice 0
SEEDS = {own_files.SIGNATURES: 1000, PROOF: 0}  # of faults that draw random numbers


@dataclass(frozen=True)
class Named:
    """How many faults were among the first three that were named, on every seed.

    missed: fault -> what was named instead.
    """

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


def signature_of(outcome: Outcome) -> Signature:
    """Return what the checks said of a fault."""
    return Signature(outcome.name, BY_NAME[outcome.name].cause, pattern_of(outcome.verdicts))


def as_outcome(recorded: Signature) -> Outcome:
    """Return a recorded run as an outcome. It has red and green checks, and no figures."""
    red = [Verdict(check, math.nan, "", 0.0, "FAIL") for check in recorded.pattern.red]
    green = [Verdict(check, math.nan, "", math.inf, "pass") for check in recorded.pattern.green]
    return Outcome(recorded.name, 0, (*red, *green), {})


def seen(recorded: Iterable[Signature], offers: Collection[str]) -> list[Signature]:
    """Return recorded runs as far as a subject with these offers shows them.

    A run without a red check is left out.
    """
    checks = {
        check_name(name) for name, test in live_tests().items() if not unoffered(test, frozenset(offers))
    }
    cut = [
        Pattern(
            {check: red for check, red in one.pattern.red.items() if check in checks},
            one.pattern.green & checks,
        )
        for one in recorded
    ]
    return [replace(one, pattern=pattern) for one, pattern in zip(recorded, cut, strict=True) if pattern.red]


def named(runs: Iterable[Signature], signatures: Sequence[Signature], *, left_out: bool) -> Named:
    """Tell for each fault whether it is among the first three that are named.

    Faults of the measurements were recorded on the simulated machine that judges them. It would prove nothing
    that they are named, so only their causes are looked for.

    left_out: leave out the fault's own signature, and look for its cause.
    """
    faults, missed = set(), {}
    for run in runs:
        fault = BY_NAME[run.name]
        if fault.benign or (fault.where == "time" and not left_out):
            continue
        others = [one for one in signatures if not (left_out and one.name == fault.name)]
        found = likely(run.pattern, others)
        faults.add(fault.name)
        if not any(one.cause == fault.cause if left_out else one.name == fault.name for one in found):
            missed[f"{fault.name} ({fault.cause})"] = (
                ", ".join(f"{one.name} ({one.cause})" for one in found) or "nothing known"
            )
    asked = "its cause, the fault itself left out" if left_out else "the fault, by other texts"
    return Named(asked, len(faults), missed)


def out_of_date(signatures: Iterable[Signature]) -> list[str]:
    """Say which faults have no signature, and which signatures have no fault any more."""
    known = {(one.name, one.cause) for one in signatures}
    there = {(fault.name, fault.cause) for fault in FAULTS}
    return [f"lacks {name} ({cause})" for name, cause in sorted(there - known)] + [
        f"has {name} ({cause}), which is gone" for name, cause in sorted(known - there)
    ]


def shares() -> list[str]:
    """Say how many faults of the recorded proof the signatures name, also where vectors alone are seen."""
    proof, signatures = read_signatures(PROOF), read_signatures(own_files.SIGNATURES)
    found = [named(proof, signatures, left_out=left_out).lines[0] for left_out in (False, True)]
    function = named(seen(proof, BARE), signatures, left_out=False).lines[0]
    return [*found, f"{function}, through a function"]


def main() -> None:
    """Judge every fault on both slices, write the signatures and the proof, and print how many are named."""
    for file, number in SLICES.items():
        runs = [(fault.name, SEEDS[file] if fault.random else 0) for fault in FAULTS]
        with judged(runs, number) as futures:
            found = [signature_of(future.result()) for future in futures.values()]
        file.write_text(as_json(found), encoding="utf-8")
        print(f"{file.relative_to(own_files.ROOT)}: {len(found)} faults")
    print(*shares(), sep="\n")


if __name__ == "__main__":
    main()
