"""Judges libraries and servers made by others: ``make subjects``, or ``make subjects SUBJECTS="NAME ..."``.

``subjects.toml`` says what they are. Each has an environment of its own, made from ``requirements/NAME.txt``.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from embedding_gate.adapter import find
from embedding_gate.own_files import ROOT
from embedding_gate.report.record import read_record
from embedding_gate.report.schema.models import Verdict
from embedding_gate.signals import end_group, stoppable
from embedding_gate.text_table import aligned
from embeddings.catalog import DEFAULT_MODEL

HERE = Path(__file__).resolve().parent
REPORTS = ROOT / "build" / "subjects"
PATIENCE = 180  # seconds in which a server starts, its imports and the model included
HEADER = ("subject", "versions", "passed", "red", "not offered", "others", "verdict")


class Real(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A subject made by others.

    subject, served_as: as the options of these names. prepare, serve: the commands of its environment that
    make what it needs, and that start it, if it is a server. environment: variables of these commands. All
    may hold {folder}, {model} and {port}.
    red: the checks that are red by its own fault, as docs/subjects.md shows. No others may be.
    """

    subject: str
    served_as: str = ""
    prepare: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    red: frozenset[str] = frozenset()


def reals() -> dict[str, Real]:
    """Return name -> subject."""
    return msgspec.toml.decode((HERE / "subjects.toml").read_bytes(), type=dict[str, Real])


def requirements(name: str) -> list[str]:
    """Return the packages of an environment, as name==version."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition(";")[0].strip() for line in lines if line and not line.startswith("#")]


def set_up(name: str) -> Path:
    """Make the environment of a subject, once; return its folder of programs."""
    folder = ROOT / ".venv-subjects" / name
    script = ROOT / "tests" / "reference" / "environment.sh"
    subprocess.run([script, folder, HERE / "requirements" / f"{name}.txt"], check=True)
    return folder / "bin"


def command(words: Sequence[str], programs: Path, values: Mapping[str, object]) -> list[str]:
    """Return a command of an environment."""
    program, *others = (word.format(**values) for word in words)
    return [str(programs / program), *others]


@contextmanager
def started(name: str, real: Real, programs: Path, values: Mapping[str, object]) -> Iterator[None]:
    """Make what the subject needs, and let it run, if it is a server."""
    surroundings = {**os.environ, **real.environment}
    if real.prepare:
        subprocess.run(command(real.prepare, programs, values), cwd=ROOT, env=surroundings, check=True)
    if not real.serve:
        yield
        return
    with (REPORTS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command(real.serve, programs, values),
            cwd=ROOT,
            env=surroundings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(process, int(str(values["port"])), log.name)
            yield
        finally:
            end_group(process, patience=5)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"the server does not answer on port {port}: read {log}")


def judge(name: str) -> list[Verdict] | None:
    """Run the gate on a subject; return what it found, or None if the subject could not be opened."""
    real, programs, report = reals()[name], set_up(name), REPORTS / name / "report.json"
    values = {"folder": find(DEFAULT_MODEL), "model": DEFAULT_MODEL, "port": _free_port()}
    options = {
        "model": DEFAULT_MODEL,
        "subject": real.subject,
        "served-as": real.served_as,
        "report": str(report.parent),
    }
    options["python"] = "" if real.serve else str(programs / "python")
    given = [f"--{option}={value.format(**values)}" for option, value in options.items() if value]
    report.unlink(missing_ok=True)
    with started(name, real, programs, values):
        print(f"\n{name}", flush=True)
        subprocess.run([sys.executable, "-m", "embedding_gate", *given], cwd=ROOT, check=False)
    return read_record(report).models[0].verdicts if report.exists() else None


def row(name: str, found: Sequence[Verdict] | None, expected: frozenset[str]) -> tuple[str, ...]:
    """Return the line of a subject beneath HEADER."""
    versions = ", ".join(requirements(name)).replace("==", " ")
    if found is None:
        return (name, versions, "-", "-", "-", "-", "not opened")
    outcomes = [one.outcome for one in found]
    red = {one.check.partition(":")[0] for one in found if one.red}
    counts = [outcomes.count("pass"), sum(one.red for one in found), outcomes.count("not offered")]
    strange = ", ".join(sorted(red ^ expected))
    verdict = f"not as expected: {strange}" if strange else "as expected" if red else "pass"
    return (name, versions, *map(str, (*counts, len(outcomes) - sum(counts))), verdict)


def main() -> int:
    """Judge all subjects, or those that are named; return 1 unless each is as expected."""
    known, chosen = reals(), sys.argv[1:]
    if strange := ", ".join(sorted(set(chosen) - known.keys())):
        raise SystemExit(f"{strange}: no such subject; name some of {', '.join(known)}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    with stoppable():  # no server outlives this process
        rows = [row(name, judge(name), known[name].red) for name in chosen or known]
    print("\n" + "\n".join(aligned([HEADER, *rows])))
    return int(any(verdict not in ("pass", "as expected") for *_, verdict in rows))


if __name__ == "__main__":
    sys.exit(main())
