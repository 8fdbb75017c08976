"""What four pull requests get: ``python -m tests.end_to_end.four_pull_requests DIR``, in three minutes.

One changes nothing that is judged, one pools wrongly, one pools wrongly and moves every threshold that this
missed; and one only takes out what made the library slow. Each is judged in a clone of this repository's last
commit; reports and summaries are written into DIR.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.against.record import SLOWED
from embedding_gate.git import git
from embedding_gate.pull_request.changes import THRESHOLDS
from embedding_gate.verdicts.threshold_file import VERSION

ROOT = Path(__file__).resolve().parents[2]
POOLING, EMBEDDER = "embeddings/pooling.py", "embeddings/embedder.py"
SLOWDOWN = 0.25  # of the base that the last pull request repairs
RIGHT = "    return mx.where(real[..., None], hidden, 0).sum(axis=1) / lengths[:, None]\n"
WRONG = (
    "    return mx.where(real[..., None], hidden, 0)[:, 0]\n"  # the first token, under the name of the mean
)


def judged(clone: Path, report: Path) -> dict[str, Any]:
    """Judge the clone's work tree by its commit, and return the record."""
    return shown(clone, report, ["embedding_gate.pull_request", "--base", "HEAD"])


def compared(clone: Path, report: Path) -> dict[str, Any]:
    """Measure the clone's work tree beside its commit, and return the record."""
    return shown(clone, report, ["pytest", "--benchmark-only", "--against=HEAD"])


def shown(clone: Path, report: Path, command: Sequence[str]) -> dict[str, Any]:
    """Run a module that writes a report, show it as GitHub would, and return the record."""
    shutil.rmtree(report, ignore_errors=True)  # what an earlier proof left is not of this one
    report.mkdir(parents=True)
    written = Path("build") / report.name  # the page names its command: one that works in any clone
    with (report / "run.log").open("wb") as log:
        run = [sys.executable, "-m", *command, f"--report={written}"]
        subprocess.run(run, cwd=clone, stdout=log, stderr=subprocess.STDOUT, check=False)
    shutil.copytree(clone / written, report, dirs_exist_ok=True)
    variables = {**os.environ, "GITHUB_STEP_SUMMARY": str(report / "summary.md")}
    with (report / "annotations.txt").open("wb") as log:
        run = [sys.executable, "-m", "embedding_gate.pull_request.github", str(report / "report.json")]
        subprocess.run(run, cwd=clone, env=variables, stdout=log, check=True)
    record = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert isinstance(record, dict)
    return record


def commit_slowed(clone: Path) -> None:
    """Commit the clone's last commit made slower, and leave the work tree as fast as it was."""
    git(clone, "checkout", "-q", "--", ".")
    embedder = clone / EMBEDDER
    right = embedder.read_text(encoding="utf-8")
    embedder.write_text(right + SLOWED.format(factor=1 + SLOWDOWN), encoding="utf-8")
    git(clone, "-c", "user.name=proof", "-c", "user.email=proof@example.org", "commit", "-qam", "slow")
    embedder.write_text(right, encoding="utf-8")


def hidden(thresholds: str, model: str, missed: Sequence[Mapping[str, Any]]) -> str:
    """Return the file of thresholds in which each missed threshold is set from what the fault measures."""
    flat = [
        {**threshold, "check": check}
        for threshold in tomllib.loads(thresholds)["threshold"]
        for check in ([threshold["check"]] if isinstance(threshold["check"], str) else threshold["check"])
    ]
    for verdict in missed:
        bound = [
            threshold
            for threshold in flat
            if threshold["check"] == verdict["check"] and threshold["model"] in (model, "any")
        ]
        if verdict["measured"] is None or not bound:
            continue
        threshold = min(bound, key=lambda one: one["model"] == "any")
        around = (round(verdict["measured"] - 0.001, 4), round(verdict["measured"] + 0.001, 4))
        threshold |= {"measured": round(verdict["measured"], 4)}
        threshold |= {
            name: at for name, at in zip(("at_least", "at_most"), around, strict=True) if name in threshold
        }
        threshold |= {"band": list(around)} if "band" in threshold else {}
    return f"version = {VERSION}\n" + "\n".join(
        "[[threshold]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in threshold.items())
        for threshold in flat
    )


def main(folder: Path) -> int:
    """Judge the four, print what came of them, and return 0 where each got what it should."""
    with TemporaryDirectory(prefix="proof-") as scratch:
        clone = Path(scratch) / "clone"
        git(ROOT, "clone", "-q", "--no-hardlinks", str(ROOT), str(clone))
        pooling, thresholds = clone / POOLING, clone / THRESHOLDS
        unchanged = judged(clone, folder / "unchanged")
        right = pooling.read_text(encoding="utf-8")
        assert RIGHT in right
        pooling.write_text(right.replace(RIGHT, WRONG), encoding="utf-8")
        wrong = judged(clone, folder / "wrong")
        missed = [one for one in wrong["models"][0]["verdicts"] if one["red"]]
        moved = hidden(thresholds.read_text(encoding="utf-8"), wrong["models"][0]["name"], missed)
        thresholds.write_text(moved, encoding="utf-8")
        twice = judged(clone, folder / "hidden")
        commit_slowed(clone)
        faster = compared(clone, folder / "faster")
    fault, judge = wrong["models"][0]["looks_like"][0], twice["judge"]
    print(f"unchanged: {unchanged['verdict']}")
    print(f"wrong pooling: {wrong['verdict']}, {len(missed)} checks red, {fault}")
    print(f"wrong pooling, thresholds moved: {twice['verdict']}, {len(twice['reasons'])} reasons")
    print(f"  {len(judge['moved'])} lines of what moved; by the base's judge: {judge['base_verdict']}")
    print(f"  by its own: {judge['head_verdict']}; approved: {judge['approved']}")
    print(f"only faster: {faster['verdict']}")
    for row in faster["against"]["rows"]:
        print(f"  {row['benchmark']}: {row['evidence'] or 'no difference that is sure'}")
    says = any(row["evidence"].startswith("faster") for row in faster["against"]["rows"])
    red_twice = twice["reasons"][0].startswith("the judge changed") and len(twice["reasons"]) > 1
    expected = (
        unchanged["verdict"] == faster["verdict"] == "pass" and wrong["verdict"] == "fail" and red_twice
    )
    return 0 if expected and says and "first-token pooling" in fault else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.end_to_end.four_pull_requests DIR")
    sys.exit(main(Path(sys.argv[1]).resolve()))
