"""Shows a report on GitHub: ``python -m embedding_gate.pull_request.github DIR/report.json`` in a workflow.

The summary of the job goes to the file that GITHUB_STEP_SUMMARY names, outputs to that of GITHUB_OUTPUT, and
annotations to the standard output, where GitHub reads them. Without these variables all is printed.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedding_gate.errors import GateError
from embedding_gate.own_files import ROOT
from embedding_gate.report.record import read_record
from embedding_gate.report.schema.models import Model, Verdict
from embedding_gate.report.schema.proof import Judge
from embedding_gate.report.schema.record import Record
from embedding_gate.report.schema.speed import Row
from embedding_gate.report.verdicts import unlisted_reasons
from embedding_gate.verdicts.table import tally

__all__ = ["annotations", "main", "outputs", "summary"]

LIMIT = 1024 * 1024  # bytes of a step's summary; GitHub does not show a longer one at all
CUT = "\n\n*Cut here: the rest is in the report among the artifacts of this run.*\n"
THRESHOLDS = "fixtures/against.toml"
MOST = 10  # annotations of one kind in a step; GitHub drops the rest
_PLACE = re.compile(r"([\w./-]+\.(?:jsonl|json|toml|tsv|csv)), line (\d+)")
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True)
class Annotation:
    """A remark on a line of a file. file and line are empty if it belongs to no line."""

    kind: str
    title: str
    text: str
    file: str = ""
    line: str = ""

    def __str__(self) -> str:
        places = {"file": self.file, "line": self.line, "title": self.title}
        properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in places.items() if value)
        return f"::{self.kind} {properties}::{_escaped(self.text)}"


def _escaped(text: str, also: str = "") -> str:
    escapes = {**_ESCAPES, **{one: f"%{ord(one):02X}" for one in also}}
    return "".join(escapes.get(letter, letter) for letter in text)


def annotations(record: Record, root: Path = ROOT) -> list[str]:
    """Return a workflow command for each failure, on the line of its threshold or of its text.

    root: the folder of the fixtures in which the texts are looked up.
    """
    errors, warnings = [], []
    judge = record.judge
    if judge and judge.changed and not judge.approved:
        text = f"approve exactly this with the digest {judge.digest}\n" + "\n".join(judge.moved)
        errors.append(Annotation("error", "the judge changed", text, judge.changed[0]))
    for model in record.models:
        for verdict in model.red:
            file, line = _place(model.threshold_lines.get(verdict.check, ""))
            errors.append(Annotation("error", verdict.check, _said(model, verdict), file, line))
            warnings += list(_texts_of(verdict, root))
    for row in record.against.rows if record.against else ():
        if row.outcome != "pass":
            errors.append(_slower(row, root))
    for reason in record.reasons:
        if place := _PLACE.search(reason):
            errors.append(Annotation("error", "fixture", reason, *place.groups()))
    if not errors:
        errors = [Annotation("error", "gate", reason) for reason in record.reasons]
    return [*_most(errors), *_most(list(dict.fromkeys(warnings)))]


def _place(at: str) -> tuple[str, str]:
    """Return file and line of "fixtures/thresholds.toml:123"."""
    file, _, line = at.rpartition(":")
    return file, line


def _said(model: Model, verdict: Verdict) -> str:
    lines = [
        f"{model.name}: measured {_number(verdict.measured)}, required {verdict.required}",
        *([verdict.evidence] if verdict.evidence else []),
        *model.looks_like,
    ]
    return "\n".join(lines)


def _slower(row: Row, root: Path) -> Annotation:
    """Return an annotation for a benchmark that is too slow, on the line of its own or default threshold."""
    ratio = " to ".join(_number(getattr(row, name)) for name in ("low", "high"))
    text = f"time over the other's {_number(row.ratio)} ({ratio}), at most {_number(row.threshold)}"
    lines = (root / THRESHOLDS).read_text(encoding="utf-8").split("\n")
    names = [line.partition("=")[0].strip().strip('"') for line in lines]
    named = row.benchmark if row.benchmark in names else "default"
    said = f"{text}; {row.evidence}" if row.evidence else text
    return Annotation("error", row.benchmark, said, THRESHOLDS, str(names.index(named) + 1))


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.3g}"


def _texts_of(verdict: Verdict, root: Path) -> Iterator[Annotation]:
    """Find the texts that the evidence names, as "worst: format-19", in the fixtures that hold them."""
    named = set(re.findall(r"[\w-]+-\d+", verdict.evidence))
    for path in sorted((root / "fixtures").rglob("*.jsonl")) if named else ():
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            found = json.loads(line) if line.strip() else {}
            if named & {found.get("id"), found.get("_id")}:
                where = path.relative_to(root).as_posix()
                yield Annotation("warning", verdict.check, verdict.evidence, where, str(number))


def _most(found: Sequence[Annotation]) -> list[str]:
    """Return at most as many as GitHub shows. The last one says how many are left out."""
    if len(found) <= MOST:
        return [str(one) for one in found]
    left = len(found) - MOST + 1
    rest = Annotation(found[0].kind, "and more", f"{left} more are in the summary of the job")
    return [*(str(one) for one in found[: MOST - 1]), str(rest)]


def summary(record: Record, page: str = "") -> str:
    """Return the summary in Markdown: what is red and why, what moved, and then the page of the report."""
    red = record.verdict != "pass"
    answers = "".join(f"; {_plain(model.reindex.line)}" for model in record.models if model.reindex)
    lines = [f"## {'FAIL' if red else 'pass'}: embedding gate{answers}", ""]
    lines += [f"- {_plain(reason)}" for reason in unlisted_reasons(record)]
    for model in record.models:
        lines += ["", f"### {_plain(model.name)}", "", *map(_plain, model.looks_like), ""]
        lines += _table(model)
    if judge := record.judge:
        lines += ["", "### Judged by the base", "", *_judge(judge)]
    text = "\n".join(lines) + "\n" + (f"\n---\n\n{page.rstrip()}\n" if page else "")
    return _cut(text)


def _table(model: Model) -> list[str]:
    """Return the red verdicts as a table, and how many there are of each kind."""
    lines = [tally(one.outcome for one in model.verdicts), ""]
    if model.red:
        lines += ["| check | measured | required | verdict | evidence |", "|---|---|---|---|---|"]
    for one in model.red:
        cells = (one.check, _number(one.measured), one.required, one.outcome, one.evidence)
        lines.append("| " + " | ".join(map(_plain, cells)) + " |")
    return lines


def _judge(judge: Judge) -> list[str]:
    if not judge.changed:
        return [f"The judge is that of {judge.base[:12]}, unchanged."]
    state = "approved" if judge.approved else "NOT APPROVED"
    return [
        f"**The judge changed: {state}.** By the base's judge ({judge.base[:12]}): "
        f"{judge.base_verdict}; by the head's own: {judge.head_verdict}. Digest: `{judge.digest}`",
        "",
        *(f"- {_plain(line)}" for line in judge.moved),
    ]


def _plain(text: str) -> str:
    """Return the text on one line, escaped so that Markdown shows it unchanged."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|*_`\[\]#@~$])", r"\\\1", line)


def _cut(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) < LIMIT:
        return text
    kept = data[: LIMIT - len(CUT.encode()) - 1].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + CUT


def outputs(record: Record) -> str:
    """Return the outputs of the step: verdict, and the digest that a person could approve."""
    judge = record.judge
    digest = judge.digest if judge and judge.changed else ""
    return f"verdict={record.verdict}\ndigest={digest}\n"


def main(argv: Sequence[str]) -> int:
    """Show the report of a file. Return 0 if it could be shown, whatever its verdict, else 2."""
    if len(argv) != 1:
        print("usage: python -m embedding_gate.pull_request.github DIR/report.json", file=sys.stderr)
        return 2
    path = Path(argv[0])
    try:
        record = read_record(path)
        beside = path.with_name("report.md")
        page = beside.read_text(encoding="utf-8") if beside.is_file() else ""
        _hand("GITHUB_STEP_SUMMARY", lambda: summary(record, page))
        _hand("GITHUB_OUTPUT", lambda: outputs(record))
    except GateError as error:
        print(Annotation("error", "gate", str(error)))
        return 2
    for line in annotations(record):
        print(line)
    return 0


def _hand(variable: str, make: Callable[[], str]) -> None:
    """Append a text to the file that a GitHub variable names, or print it if the variable is not set."""
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(make())
    else:
        print(make())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
