"""The types of what is said of claims and of the gate itself: the kill matrix, and what a change moves."""

from typing import Annotated, Literal

from msgspec import Meta

from embedding_gate.report.schema.models import Data, Measurement

__all__ = ["Claim", "Fault", "FaultGate", "Judge", "KillMatrix", "PassOrFail", "Strongest"]

PassOrFail = Literal["pass", "fail"]


class Claim(Data):
    """The verdict on a published claim. devices: families of which one at least could do it."""

    section: str
    subject: str
    published: str
    outcome: str
    arithmetic: str
    devices: list[str]
    expected: str
    red: bool


class FaultGate(Data):
    """What one gate, or one check alone, kills. alone: the faults that nothing else kills."""

    name: str
    kills: int
    faults: int
    alarms: int
    variants: int
    alone: list[str]
    alone_without_goldens: list[str]


class Strongest(Data):
    """The check that is the farthest beyond what right implementations measure, in their spreads."""

    check: str
    benign_spreads: Measurement


class Fault(Data):
    """An injected fault, or a benign variant.

    outcome: of a fault killed or survived, of a benign variant passed or false alarm. marks: one for each
    check: x red, o red in some runs, . green, blank where it does not judge this model.
    """

    name: str
    cause: str
    what: str
    where: str
    source: str
    model: str
    precision: str | None
    benign: bool
    killers: list[str]
    marks: Annotated[str, Meta(pattern="^[xo. ]*$")]
    outcome: Literal["killed", "survived", "passed", "false alarm"]
    usual_kind_red: bool
    strongest: Strongest


class KillMatrix(Data):
    """What pytest -m faults found."""

    checks: list[str]
    gates: list[FaultGate]
    faults: list[Fault]


class Judge(Data):
    """What a pull request changes of the gate itself, and both verdicts.

    base: the commit that judges. changed: files of the gate. moved: thresholds, from what to what, and
    files, with counts of lines. digest: of those files and the base's verdict; a person approves it.
    head_verdict: null where the gate is the base's.
    """

    base: str
    changed: list[str]
    moved: list[str]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    approved: bool
    base_verdict: PassOrFail
    head_verdict: PassOrFail | None
