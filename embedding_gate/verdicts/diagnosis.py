"""What a red run looks like: the known faults with the most similar pattern of red and green checks.

This is a search for nearest neighbours. The similarity of two patterns is the share of their red checks on
which they agree, from 0 to 1. It is 1 if the same checks are red, each as far beyond its threshold and for
the same reason. A check counts only if both runs gave it a verdict. One exception: a red check that the known
fault's record does not mention, because it was recorded on another kind of model, counts half against the
fault.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from embedding_gate.errors import FixtureError
from embedding_gate.verdicts.thresholds import Verdict

__all__ = ["Likely", "Pattern", "Red", "Signature", "likely", "looks_like", "pattern_of", "read_signatures"]

NAMED = 3
OF_ONE_CAUSE = 1  # of those named: the cause is where to look, and three places say more than one
LEAST = 0.2  # alike: right faults on other texts 0.48 to 1 (make signatures), faults of no like 0.06 to 0.25
FARTHEST = 7.0  # decades beyond a threshold; an exact threshold (a count that must be 0) has no nearer
APART = 2.0  # decades between two measurements that have nothing but their colour in common

Beyond = float | Literal["NaN", "ERROR"]


@dataclass(frozen=True)
class Red:
    """How red a check is.

    beyond: how far beyond its threshold, in decades; or "NaN", or "ERROR".
    words: of what was found, numbers and paths left out: the kind of the worst text, names of weights.
    """

    beyond: Beyond
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pattern:
    """What the checks of a run said, each by its worst part. One that gave no verdict is in neither."""

    red: Mapping[str, Red]
    green: frozenset[str]

    @property
    def judged(self) -> frozenset[str]:
        """The checks that gave a verdict."""
        return self.green | self.red.keys()


@dataclass(frozen=True)
class Signature:
    """A known fault, what it is a fault of, and what the checks said of it."""

    name: str
    cause: str
    pattern: Pattern


@dataclass(frozen=True)
class Likely:
    """A fault that a run looks like. alike: the share of the red checks on which they agree, above 0 to 1."""

    name: str
    cause: str
    alike: float


def pattern_of(verdicts: Iterable[Verdict]) -> Pattern:
    """Return the pattern of a run. What was not judged is no evidence."""
    red: dict[str, Red] = {}
    judged = set()
    for verdict in verdicts:
        check = verdict.check.partition(":")[0]
        if verdict.judged:
            judged.add(check)
        if verdict.red and (check not in red or _badness(_red(verdict)) > _badness(red[check])):
            red[check] = _red(verdict)
    return Pattern(red, frozenset(judged - red.keys()))


def _red(verdict: Verdict) -> Red:
    # A word of a path would say on which machine a fault was recorded.
    names = re.sub(r"\S*[/\\]\S*", "", verdict.evidence.lower())
    words = frozenset(re.findall(r"[a-z]{3,}", names))
    if verdict.outcome == "ERROR":
        return Red("ERROR", words)
    if math.isnan(verdict.measured):
        return Red("NaN", words)
    beyond = -math.log10(verdict.margin) if verdict.margin > 0 else FARTHEST
    return Red(min(max(beyond, 0.0), FARTHEST), words)


def _badness(red: Red) -> tuple[bool, float]:
    return (True, 0.0) if isinstance(red.beyond, str) else (False, red.beyond)


def alike(run: Pattern, known: Pattern) -> float:
    """Return the share of the red checks of either on which both agree, from 0 to 1."""
    agreed = looked_at = 0.0
    for check in run.red.keys() | known.red.keys():
        if check in run.red and check in known.red:
            agreed += _agreement(run.red[check], known.red[check])
            looked_at += 1
        elif check in run.green or check in known.green:
            looked_at += 1
        elif check in run.red:  # not judged when the fault was recorded
            looked_at += 0.5
    return agreed / looked_at if looked_at else 0.0


def _agreement(one: Red, other: Red) -> float:
    """Return how far two red verdicts of one check agree, from 3/8 for that alone to 1."""
    if isinstance(one.beyond, str) or isinstance(other.beyond, str):
        how_far = float(one.beyond == other.beyond)
    else:
        how_far = max(0.0, 1 - abs(one.beyond - other.beyond) / APART)
    said = one.words | other.words
    same_words = len(one.words & other.words) / len(said) if said else 1.0
    return (0.5 + 0.5 * how_far) * (0.75 + 0.25 * same_words)


def likely(run: Pattern, signatures: Iterable[Signature]) -> list[Likely]:
    """Return the known faults that a run looks like, the likeliest first: at most three, one of a cause.

    None where nothing is red, and none that has nothing in common with the run. Of equals, those come first
    that were recorded with more of the run's checks.
    """

    def rank(signature: Signature) -> tuple[float, int, str]:
        common = run.judged & signature.pattern.judged
        return (-round(alike(run, signature.pattern), 9), -len(common), signature.name)

    ranked = sorted((rank(one), one) for one in signatures)
    named: list[Likely] = []
    causes: Counter[str] = Counter()
    for (score, *_), one in ranked:
        if score < 0 and causes[one.cause] < OF_ONE_CAUSE and len(named) < NAMED:
            named.append(Likely(one.name, one.cause, -score))
            causes[one.cause] += 1
    return named


def looks_like(verdicts: Sequence[Verdict], signatures: Iterable[Signature]) -> list[str]:
    """Return the line that goes beneath a red table, none beneath a green one.

    What fits less than LEAST is named apart: it shares some red check with the run, and little else.
    """
    if not any(verdict.red for verdict in verdicts):
        return []
    found = likely(pattern_of(verdicts), signatures)
    like, unlike = (
        ", ".join(f"{one.name} ({one.cause})" for one in found if (one.alike >= LEAST) == enough)
        for enough in (True, False)
    )
    if like:
        return [f"  looks like: {like}{'; less likely: ' if unlike else ''}{unlike}"]
    return [f"  looks like no known fault{'; the nearest: ' if unlike else ''}{unlike}"]


def as_json(signatures: Iterable[Signature]) -> str:
    """Write signatures, one a line. A check that is neither red nor unjudged was green."""
    ordered = sorted(signatures, key=lambda one: (one.cause, one.name))
    checks = sorted({check for one in ordered for check in (*one.pattern.red, *one.pattern.green)})
    rows = [
        {
            "cause": one.cause,
            "name": one.name,
            "red": {
                check: [
                    red.beyond if isinstance(red.beyond, str) else round(red.beyond, 1),
                    " ".join(sorted(red.words)),
                ]
                for check, red in sorted(one.pattern.red.items())
            },
            "unjudged": [c for c in checks if c not in one.pattern.red and c not in one.pattern.green],
        }
        for one in ordered
    ]
    faults = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"checks": {json.dumps(checks)},\n"faults": [\n{faults}\n]}}\n'


def read_signatures(path: Path) -> list[Signature]:
    """Read the signatures of the known faults.

    Raises:
        FixtureError: the file is missing or malformed.

    """
    hint = "restore the file, or make it again (make signatures)"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        checks = frozenset(document["checks"])
        return [_signature(row, checks) for row in document["faults"]]
    except OSError as error:
        raise FixtureError(path, f"cannot be read ({error.strerror})", hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint=hint) from error


def _signature(row: Mapping[str, Any], checks: frozenset[str]) -> Signature:
    red = {
        check: Red(_beyond(beyond), frozenset(words.split())) for check, (beyond, words) in row["red"].items()
    }
    return Signature(
        str(row["name"]), str(row["cause"]), Pattern(red, checks - red.keys() - set(row["unjudged"]))
    )


def _beyond(value: Any) -> Beyond:
    if value in ("NaN", "ERROR"):
        return "NaN" if value == "NaN" else "ERROR"
    return float(value)
