"""Judges a work tree by a base revision: ``python -m embedding_gate.pull_request --base REV``.

Run from a checkout of the base with ``--head PATH``, as the workflow does, nothing of the head is imported
here. Run in the head itself, this file and its list of what is the judge are the head's own: there it tells
a person who means well what the workflow will say.
"""

import argparse
import ast
import importlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from embedding_gate.data.projector import check_writable
from embedding_gate.errors import GateError, InputError
from embedding_gate.git import commit_of, state_of
from embedding_gate.own_files import ROOT
from embedding_gate.pull_request.changes import (
    DIGITS,
    MARK,
    Change,
    approves,
    changes_of,
    digest_of,
    moved_by,
    printable,
)
from embedding_gate.pull_request.files import lay_over, read_commit, read_work_tree
from embedding_gate.pull_request.run import Outcome, run_gate
from embedding_gate.report.record import make_record
from embedding_gate.report.schema.record import Record
from embedding_gate.report.write import write_files, write_report
from embedding_gate.signals import Stopped, stoppable

CATALOG = "embeddings/catalog.py"
NAMED = 20  # changed judge files named in the reason; the record lists all
ELSEWHERE = ("--history", "--projector")  # their output would be in the run's temporary folder
PATHS = ("--model", "--recorded", "--topics", "--sts", "--retrieval", "--thresholds", "--snapshot")
REFUSED = 2  # the exit status if nothing could be judged


@dataclass(frozen=True)
class Judgement:
    """The results of both judges. own: the run of the head's own judge. None: the judge did not change."""

    base: str
    by_base: Outcome
    own: Outcome | None
    changes: Sequence[Change]
    approved: bool
    digest: str

    @property
    def counts(self) -> Outcome:
        """The run that counts: that of the base's judge, unless a person has approved the head's judge."""
        return self.own if self.own and self.approved else self.by_base

    @property
    def reasons(self) -> list[str]:
        """The reasons why it is red. Empty if it is not red."""
        unapproved = [self._changed()] if self.changes and not self.approved else []
        return [printable(reason) for reason in (*unapproved, *self.counts.reasons)]

    def _changed(self) -> str:
        names = ", ".join(change.path for change in self.changes[:NAMED])
        names += f" and {more} more" if (more := len(self.changes) - NAMED) > 0 else ""
        own = self.own.verdict if self.own else "none"
        return (
            f"the judge changed: {names}; verdict of the base's judge: {self.by_base.verdict}, of its own: "
            f"{own}; a person approves exactly this by the label {MARK}{self.digest[:DIGITS]}, or here by "
            f"--approve {self.digest}"
        )

    def as_data(self) -> dict[str, Any]:
        """Return the judgement as data for the record."""
        return {
            "base": self.base,
            "changed": [printable(change.path) for change in self.changes],
            "moved": moved_by(self.changes),
            "digest": self.digest,
            "approved": self.approved,
            "base_verdict": self.by_base.verdict,
            "head_verdict": self.own.verdict if self.own else None,
        }


def arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line. Options that this command does not know go to pytest."""
    parser = argparse.ArgumentParser(
        prog="python -m embedding_gate.pull_request",
        description=__doc__,
        epilog="Other options go to pytest -m quality.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--base", required=True, metavar="REV", help="the revision that judges")
    parser.add_argument(
        "--head", type=Path, default=ROOT, metavar="PATH", help="the work tree that is judged (default: this)"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the report of the run into DIR")
    parser.add_argument(
        "--approve", default="", metavar="DIGEST", help="accept the change of the judge that has this digest"
    )
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="the interpreter with the head's packages"
    )
    asked, options = parser.parse_known_args(argv)
    if clash := [option for option in options if option.startswith(ELSEWHERE)]:
        parser.error(f"{clash[0]}: not for a run that ends with its folder; give it to pytest -m quality")
    return asked, [_whole(option) for option in options]


def _whole(option: str) -> str:
    """Return an option with an absolute path, because the gate runs in another folder."""
    name, _, value = option.partition("=")
    return f"{name}={Path(value).resolve()}" if name in PATHS and value and Path(value).exists() else option


def judge(asked: argparse.Namespace, options: Sequence[str], root: Path) -> Judgement:
    """Run the base's gate on the head's library. If the judge differs, run the head's own gate too.

    Raises:
        InputError: a revision or a folder does not exist, or a judged file is not a plain file.

    """
    commit = commit_of(root, asked.base)
    base, head = read_commit(root, commit), read_work_tree(asked.head)
    if not any(path.startswith("embedding_gate/") for path in base):
        what = "has no package embedding_gate, so its gate cannot judge this tree"
        raise InputError(asked.base, what, hint="name a later revision")
    changes = changes_of(base, head)
    laid = lay_over(base, head)
    named = {"head": _named(head, options) if changes else [], "base": _named(base, options)}
    by_base, own = _gate("the base's judge", laid, asked, [*named["base"], *options]), None
    if changes:
        plain = {path: data for path, data in head.items() if data is not None}
        own = _gate("the head's own judge", plain, asked, [*named["head"], *options])
    digest = digest_of(changes, commit, by_base.verdict, head)
    return Judgement(commit, by_base, own, changes, approves(asked.approve, digest), digest)


def _gate(name: str, tree: Mapping[str, bytes], asked: argparse.Namespace, options: list[str]) -> Outcome:
    print(f"\n--- by {name}: pytest -m quality {shlex.join(options)}", flush=True)
    return run_gate(tree, asked.python, options)


def _named(tree: Mapping[str, bytes | None], options: Sequence[str]) -> list[str]:
    """Return options for the default model and baseline, if the caller named none.

    The default is read from a judged file of the given tree.

    Raises:
        InputError: the file does not name the default in a line of its own. Then the judged library would
            choose.

    """
    missing = [name for name in ("--model", "--baseline") if not any(one.startswith(name) for one in options)]
    if not missing or any(option.startswith("--recorded") for option in options):
        return []
    hint = 'write DEFAULT_MODEL = "NAME" there'
    try:
        lines = ast.parse(tree.get(CATALOG) or b"").body
    except (SyntaxError, ValueError) as error:
        raise InputError(CATALOG, f"cannot be read ({error})", hint=hint) from error
    for line in lines:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        if isinstance(target, ast.Name) and target.id == "DEFAULT_MODEL":
            value = getattr(line, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return [f"{name}={value.value}" for name in missing]
    raise InputError(CATALOG, "no DEFAULT_MODEL is named there", hint=hint)


def record_of(judgement: Judgement, asked: argparse.Namespace, command: str) -> Record:
    """Return the record of the run that counts, with the facts about the judge."""
    record = judgement.counts.record
    if record is None:  # the run left no record
        made = importlib.import_module("embedding_gate.report.plugin").made(command)
        record = make_record(made, [], passed=False)
    at = state_of(asked.head, untracked=True)
    made = {**asdict(record.made), **at, "command": command}
    red = judgement.reasons
    told = {**asdict(record), "reasons": red, "judge": judgement.as_data()}
    return make_record(made, [told], passed=not red)


def write(folder: Path, judgement: Judgement, record: Record) -> None:
    """Write the report, and in subfolders the files that each run wrote.

    Raises:
        InputError: a file cannot be written.

    """
    write_files(folder / "base", judgement.by_base.files)
    if judgement.own:
        write_files(folder / "head", judgement.own.files)
    else:  # delete the files of an earlier run
        for name in judgement.by_base.files:
            (folder / "head" / name).unlink(missing_ok=True)
    write_report(folder, record)


def lines_of(judgement: Judgement) -> list[str]:
    """Return the lines that are printed at the end of the run."""
    judge_, red = judgement.as_data(), judgement.reasons
    lines = ["", f"--- judged by {judgement.base[:12]}", f"the base's judge: {judge_['base_verdict']}"]
    if judgement.changes:
        lines += [f"THE JUDGE CHANGED: {'approved' if judgement.approved else 'not approved'}"]
        lines += [f"  - {line}" for line in judge_["moved"]]
        lines += [f"the head's own judge: {judge_['head_verdict']}", f"digest: {judgement.digest}"]
    lines += [f"FAIL: {reason}" for reason in red]
    return [*lines, "verdict: FAIL" if red else "verdict: pass"]


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    """Judge, report and return the exit status: 0 green, 1 red, 2 not judged, 128 + signal if stopped."""
    asked, options = arguments(argv)
    try:
        with stoppable():
            if asked.report:
                check_writable(asked.report)
            judgement = judge(asked, options, root)
            print("\n".join(lines_of(judgement)), flush=True)
            if asked.report:
                command = shlex.join(["python", "-m", "embedding_gate.pull_request", *argv])
                write(asked.report, judgement, record_of(judgement, asked, command))
    except GateError as error:
        print(f"embedding_gate.pull_request: {error}", file=sys.stderr)
        return REFUSED
    except Stopped as stopped:
        print(f"embedding_gate.pull_request: stopped by {stopped}, and cleared up", file=sys.stderr)
        return 128 + stopped.number
    return 1 if judgement.reasons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
