"""Runs a gate on a tree of files, in its own folder, environment and process group."""

import ast
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from embedding_gate.errors import InputError
from embedding_gate.pull_request.files import altered, write_tree
from embedding_gate.report.record import parsed
from embedding_gate.report.schema.record import Record
from embedding_gate.signals import end_group
from embedding_gate.verdicts.gate import check_name

__all__ = ["Outcome", "run_gate"]

PATIENCE = 10  # seconds that a run has to end after SIGTERM
# A run gets only these environment variables: no token, no file for commands to GitHub, no setting of pytest
# or Python.
KEPT = ("PATH", "HOME", "LANG", "TZ", "USER", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
KEPT_PREFIXES = ("LC_", "HF_", "MLX_", "OMP_", "OPENBLAS_", "EMBEDDING_GATE_", "CUDA_")
DROPPED = "TOKEN"  # in any name: HF_TOKEN gives access to private models, and the gate needs none


CHECKS = ("embedding_gate/checks/test_", "tests/quality/test_")  # where a tree has its checks
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir=.")
# Tests of the parts of the library that the gate's own model does not use: decoders, quantized weights, other
# families.
BESIDES = (
    "tests/embeddings/test_decoder.py",
    "tests/embeddings/test_decoder_folders.py",
    "tests/embeddings/test_decoder_options.py",
    "tests/embeddings/test_families.py",
    "tests/embeddings/test_layers.py",
    "tests/embeddings/test_quantized.py",
)


@dataclass
class Outcome:
    """How a run of a gate ended.

    record: its report.json, or None where none can be read. files: name -> text of what it wrote.
    """

    reasons: list[str]
    record: Record | None = None
    files: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The verdict: "pass" or "fail"."""
        return "fail" if self.reasons else "pass"


def run_gate(tree: Mapping[str, bytes], python: str, options: Sequence[str]) -> Outcome:
    """Write the tree into a temporary folder and run its gate there. Red unless everything ran and passed.

    python: the interpreter, with the packages that the gate needs. options: of pytest, for the gate.
    """
    with TemporaryDirectory(prefix="pull-request-") as scratch:
        folder, report = Path(scratch) / "tree", Path(scratch) / "report"
        folder.mkdir()
        write_tree(tree, folder)
        status = _run([python, *_command(report, options)], folder, Path(scratch))
        files = {
            file.name: file.read_text(encoding="utf-8", errors="replace")
            for file in sorted(report.glob("*"))
            if file.is_file() and not file.is_symlink()
        }
        besides = [path for path in BESIDES if path in tree]
        failed = besides if besides and _run([python, *PYTEST, *besides], folder, Path(scratch)) else []
        touched = altered(tree, folder)
    reasons = [f"{path}: was altered while the gate ran" for path in touched]
    reasons += [f"{', '.join(failed)}: red, see the log"] if failed else []
    if (text := files.get("report.json")) is None:
        return Outcome([*reasons, f"the gate ended with status {status} and left no report"], None, files)
    try:
        record = parsed("report.json of this gate", text)
    except InputError as error:
        return Outcome([*reasons, str(error)], None, files)
    try:
        reasons += _red(status, record, _claims(tree, options))
    except (SyntaxError, ValueError) as error:
        reasons.append(f"the gate's tests cannot be read ({error})")
    return Outcome(reasons, record, files)


def _command(report: Path, options: Sequence[str]) -> list[str]:
    return [
        *PYTEST,
        *("-m", "quality"),
        f"--report={report}",
        f"--junitxml={report / 'junit.xml'}",
        *options,
    ]


def _run(command: Sequence[str], folder: Path, scratch: Path) -> int:
    """Run a command in its own session, end the session with it, and return its exit status.

    Raises:
        InputError: the program cannot be run.

    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in KEPT or name.startswith(KEPT_PREFIXES)) and DROPPED not in name
    }
    # The temporary files of a run are deleted with scratch, also if the run is killed. Python looks for its
    # compiled files in another folder, so no file of the tree can replace the compiled form of another.
    temporary = scratch / "tmp"
    temporary.mkdir(exist_ok=True)
    own = {"TMPDIR": str(temporary), "PYTHONPYCACHEPREFIX": str(scratch / "pyc")}
    surroundings = {**kept, **own, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with _unheard():
        try:
            process = subprocess.Popen(command, cwd=folder, env=surroundings, start_new_session=True)
        except OSError as error:
            hint = "name an interpreter that has the head's packages"
            raise InputError(command[0], f"cannot be run ({error.strerror})", hint=hint) from error
        try:
            return process.wait()
        finally:
            end_group(process, patience=PATIENCE)


@contextmanager
def _unheard() -> Iterator[None]:
    """Stop GitHub from reading commands in a run's output until a secret word ends this."""
    word = secrets.token_hex(16) if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    if word:
        print(f"::stop-commands::{word}", flush=True)
    try:
        yield
    finally:
        if word:
            print(f"::{word}::", flush=True)


def _red(status: int, record: Record, claims: set[str]) -> list[str]:
    """Return why a run is red. A pass is accepted only if every model has a verdict on every claim."""
    reasons = list(record.reasons)
    for model in record.models:
        judged = {verdict.check.partition(":")[0] for verdict in model.verdicts}
        if missing := sorted(claims - judged):
            reasons.append(f"{model.name}: no verdict on {', '.join(missing)}")
    if not record.models:
        reasons.append("no model was judged")
    if not reasons and (status or record.verdict != "pass"):
        reasons.append(f"the gate ended with status {status} and the verdict {record.verdict}")
    return reasons


def _claims(tree: Mapping[str, bytes], options: Sequence[str]) -> set[str]:
    """Return the claims that the gate of a tree makes of a live model, or of recorded vectors."""
    recorded = any(option.startswith("--recorded") for option in options)
    needs = {"topics"} if recorded else {"topics", "subject"}
    return {
        check_name(node.name)
        for path, data in tree.items()
        if path.startswith(CHECKS) and path.endswith(".py")
        for node in ast.parse(data).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if node.args.args and node.args.args[0].arg in needs
    }
