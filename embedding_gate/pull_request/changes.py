"""The changes of a pull request to the judge: files, thresholds, and a digest that a person can approve."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from embedding_gate.pull_request.files import Files
from embedding_gate.pull_request.roles import role

__all__ = ["Change", "approves", "changes_of", "digest_of", "moved_by", "printable"]

THRESHOLDS = "fixtures/thresholds.toml"
DIGITS = 32  # of a digest, at least: 128 bits, and with "judge:" before them they fit in a label
MARK = "judge:"
_Key = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A file of the judge before and after. None: it does not exist or is not a plain file."""

    path: str
    old: bytes | None
    new: bytes | None


def changes_of(base: Files, head: Files) -> list[Change]:
    """Return the files of the judge that differ, by path."""
    paths = sorted(path for path in base.keys() | head.keys() if role(path) == "judge")
    return [
        Change(path, base.get(path), head.get(path))
        for path in paths
        if (path in base) != (path in head)
        or _judging(path, base.get(path)) != _judging(path, head.get(path))
    ]


def _judging(path: str, data: bytes | None) -> object:
    """Return the part of a file that belongs to the judge: pytest's settings in pyproject.toml, else all."""
    if path == "pyproject.toml" and data is not None:
        try:
            return tomllib.loads(data.decode()).get("tool", {}).get("pytest")
        except (ValueError, AttributeError, RecursionError):
            return data
    return data


def digest_of(changes: Iterable[Change], base: str, base_verdict: str, head: Files) -> str:
    """Return the SHA-256 that a person approves: of the base's commit, its judge's verdict, and the changes.

    If that verdict is not a pass, the head's judged files are part of the digest too. So the approval is only
    for the judged files that the person saw, and not for a fault that is added later.
    """
    lines = [base, base_verdict, *(f"{one.path}\0{_sha256(one.old)}\0{_sha256(one.new)}" for one in changes)]
    if base_verdict != "pass":
        judged = sorted((path, data) for path, data in head.items() if role(path) == "judged")
        lines += [f"{path}\0{_sha256(data)}" for path, data in judged]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _sha256(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def approves(words: str, digest: str) -> bool:
    """Return whether a word is the digest or its first 32 or more digits, with or without "judge:"."""
    given = (word.removeprefix(MARK).lower() for word in words.replace(",", " ").split())
    return any(len(word) >= DIGITS and digest.startswith(word) for word in given)


def moved_by(changes: Iterable[Change]) -> list[str]:
    """Return a line for each change: thresholds with old and new value, files with line or byte counts."""
    lines: list[str] = []
    for change in sorted(
        changes, key=lambda one: one.path != THRESHOLDS
    ):  # thresholds first, so that many files do not hide them
        lines.append(f"{change.path}: {_extent(change)}")
        if change.path == THRESHOLDS:
            lines += [f"{change.path}: {line}" for line in _thresholds_moved(change.old, change.new)]
    return [printable(line) for line in lines]


def printable(text: str) -> str:
    """Return text on one line, so that a file or threshold name cannot look like a line of this program."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return shown.replace("##[", "## [")  # GitHub's older commands count anywhere in a line


def _extent(change: Change) -> str:
    how = "added" if change.old is None else "removed or no plain file" if change.new is None else "changed"
    try:
        old, new = ((data or b"").decode().splitlines() for data in (change.old, change.new))
    except UnicodeDecodeError:
        return f"{how}, {len(change.old or b''):,} -> {len(change.new or b''):,} bytes"
    signs = [line[:1] for line in list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]]
    return f"{how}, +{signs.count('+')} -{signs.count('-')} lines"


def _thresholds_moved(old: bytes | None, new: bytes | None) -> Iterator[str]:
    try:
        before, after = _thresholds(old), _thresholds(new)
    except (ValueError, TypeError, AttributeError) as error:
        yield f"cannot be compared threshold by threshold ({error})"
        return
    for key in [*before, *(key for key in after if key not in before)]:
        name = " ".join(filter(None, (f"{key[0]} ({key[1]})", *key[2:4])))
        if key not in after:
            yield f"{name}: {_bound(before[key])} -> removed"
        elif key not in before:
            yield f"{name}: none -> {_bound(after[key])}"
        elif before[key] != after[key]:
            yield f"{name}: {_difference(before[key], after[key])}"


def _thresholds(data: bytes | None) -> dict[_Key, dict[str, Any]]:
    entries = tomllib.loads((data or b"").decode()).get("threshold", [])
    found: dict[_Key, dict[str, Any]] = {}
    for entry in entries:
        checks = entry.get("check")
        for check in checks if isinstance(checks, list) else [checks]:
            key = (
                str(check),
                *(str(entry.get(name, "")) for name in ("model", "recipe", "precision", "fixture")),
            )
            found[key] = {name: value for name, value in entry.items() if name != "check"}
    return found


def _bound(threshold: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {json.dumps(threshold[name], default=str)}"
        for name in ("at_least", "at_most")
        if name in threshold
    )


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return which values differ. A source is a text and too long to show twice."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    shown = [
        "another source" if name == "source" else f"{name} {_shown(old, name)} -> {_shown(new, name)}"
        for name in names
    ]
    return ", ".join(shown)


def _shown(threshold: Mapping[str, Any], name: str) -> str:
    return json.dumps(threshold[name], default=str) if name in threshold else "none"
