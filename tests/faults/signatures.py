"""Signatures of the catalogue's faults, and how many faults they name rightly.

``make signatures`` judges every fault on two slices of the texts. The verdicts on one slice become the
signatures, which the gate reads. The verdicts on the other become the recorded proof. Tests of the
catalogue's statistics use the recorded proof, because a live run has some verdicts so close to a threshold
that they depend on the processor.
"""

import argparse
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
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

__all__ = ["PROOF", "Named", "as_outcome", "judged_by_all", "named", "out_of_date", "seen", "signature_of"]

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


def judged_by_all(recorded: Iterable[Signature]) -> list[Signature]:
    """Return the records that have more than the verdicts of the named checks (--named-only)."""
    return [one for one in recorded if one.pattern.judged - set(BY_NAME[one.name].killers)]


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
    proof, signatures = judged_by_all(read_signatures(PROOF)), read_signatures(own_files.SIGNATURES)
    found = [named(proof, signatures, left_out=left_out).lines[0] for left_out in (False, True)]
    function = named(seen(proof, BARE), signatures, left_out=False).lines[0]
    return [*found, f"{function}, through a function"]


def recorded(file: Path, *, again: bool) -> dict[str, Signature]:
    """Return the signatures of a file by the names of their faults. again: none, so that all are judged."""
    there = {(fault.name, fault.cause) for fault in FAULTS}
    known = [] if again or not file.exists() else read_signatures(file)
    return {one.name: one for one in known if (one.name, one.cause) in there}


def lacking(known: Mapping[str, Signature]) -> dict[str, list[str]]:
    """Return the faults of which verdicts are lacking: fault -> the checks that gave none.

    A check that judges nothing for a fault is among them each time. It then costs next to nothing.
    """
    checks = [check_name(name) for name in live_tests()]
    found: dict[str, list[str]] = {}
    for fault in FAULTS:
        if (one := known.get(fault.name)) is None:
            found[fault.name] = []  # judged by all
        elif fault.where != "time":
            found[fault.name] = [check for check in checks if check not in one.pattern.judged]
    return found


def lacking_killers(known: Mapping[str, Signature]) -> dict[str, list[str]]:
    """Return the faults that lack a verdict of a check that is named for them: fault -> these checks."""
    found = {
        fault.name: [
            check
            for check in fault.killers
            if (one := known.get(fault.name)) is None or check not in one.pattern.judged
        ]
        for fault in FAULTS
    }
    return {name: checks for name, checks in found.items() if checks}


def merged(before: Signature | None, found: Signature) -> Signature:
    """Return a signature with the verdicts of both; where both have one, the later."""
    if before is None:
        return found
    red = {**before.pattern.red, **found.pattern.red}
    green = (before.pattern.green - found.pattern.red.keys()) | found.pattern.green
    return replace(found, pattern=Pattern(red, green))


def record(file: Path, number: int, *, again: bool, named_only: bool) -> None:
    """Judge the faults on a slice of the texts, and write what the checks say after every tenth of them."""
    known = recorded(file, again=again)
    only = lacking_killers(known) if named_only else lacking(known)
    runs = [(fault.name, SEEDS[file] if fault.random else 0) for fault in FAULTS if fault.name in only]
    with judged(runs, number, only=only) as futures:
        for done, future in enumerate(futures.values(), start=1):
            found = signature_of(future.result())
            known[found.name] = merged(known.get(found.name), found)
            if done in (len(runs), done // 10 * 10):
                file.write_text(as_json(known.values()), encoding="utf-8")
    print(f"{file.name}: {len(runs)} of {len(known)} faults judged")


def main() -> None:
    """Judge every fault on both slices, write the signatures and the proof, and print how many are named."""
    parser = argparse.ArgumentParser(description="record what the gate says of each fault")
    parser.add_argument("--lacking", action="store_true", help="judge what the files lack, and keep the rest")
    parser.add_argument(
        "--named-only", action="store_true", help="of those, the verdicts that are named for a fault"
    )
    parser.add_argument("--proof", action="store_true", help="record the proof alone")
    given = parser.parse_args()
    again = not (given.lacking or given.named_only)
    for file, number in SLICES.items():
        if file == PROOF or not given.proof:
            record(file, number, again=again, named_only=given.named_only)
    print(*shares(), sep="\n")


if __name__ == "__main__":
    main()
