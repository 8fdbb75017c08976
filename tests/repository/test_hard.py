"""The suite in hard surroundings: what is planned, what is left out, and what becomes of a red run."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import hard, surroundings
from tests.hard import Leg, main, plan
from tests.surroundings import CannotRun

PASSES, FAILS = "print('3 passed in 1s')", "print('1 failed, 2 passed in 1s'); raise SystemExit(1)"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hard, "ROOT", tmp_path)
    monkeypatch.setattr(hard, "LOGS", tmp_path / "build" / "hard")
    monkeypatch.setattr(hard, "WHOLE", (("all",),))
    return tmp_path / "build" / "hard"


def stub(folder: Path, name: str, code: str) -> str:
    """Write a Python that runs that code, whatever it is asked for."""
    path = folder / name
    command = shlex.join([sys.executable, "-c", code])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_plan() -> None:
    """Every kernel, one core, a busy machine, each other Python, three orders, MLX's own BLAS."""
    names = [leg.name for leg in plan()]
    assert names[:7] == ["own", "Nehalem", "Sandybridge", "Haswell", "Zen", "one-core", "busy"]
    assert len([name for name in names if name.startswith("python-")]) == 2
    assert names[9:] == ["order-1", "order-2", "order-3", "stock-blas"]
    assert len(set(names)) == len(names)


def test_the_workflow_has_the_cheap_half() -> None:
    """Each kernel under each Python."""
    text = (surroundings.ROOT / ".github" / "workflows" / "hard.yml").read_text(encoding="utf-8")
    assert f"kernel: [own, {', '.join(hard.KERNELS)}]" in text
    assert "python: [{}]".format(", ".join(f'"{version}"' for version in hard.PYTHONS)) in text


def test_a_red_run_stops_nothing_and_is_told(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise CannotRun("no such thing")

    legs = [
        Leg("one", python=stub(tmp_path, "fails", FAILS)),
        Leg("two", missing),
        Leg("three", python=stub(tmp_path, "passes", PASSES)),
        Leg("four", python=stub(tmp_path, "dies", "raise SystemExit(9)")),
    ]
    monkeypatch.setattr(hard, "plan", lambda: iter(legs))
    assert main([]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:4]] == ["one", "two", "three", "four"]
    assert re.search(r"1 failed, 2 passed; \d+ s: RED, see build/hard/one.log$", said[0])
    assert "left out: no such thing" in said[1]
    assert re.search(r"3 passed; \d+ s: green$", said[2])
    assert "ended with 9" in said[3]
    assert said[5:] == ["2 of 4 RED", *(f"  {line}" for line in said[:4])]
    assert (logs / "three.log").read_text(encoding="utf-8") == "3 passed in 1s\n"
    assert main(["--only=three", "--only=two"]) == 0


def test_a_leg_is_red_where_one_of_its_parts_is(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the parts after it run all the same."""
    monkeypatch.setattr(hard, "WHOLE", (("one",), ("two",), ("three",)))
    logs.mkdir(parents=True)
    code = "import sys; two = 'two' in sys.argv; print('2 failed' if two else '1 passed'); sys.exit(two)"
    red, line = hard.run(Leg("a", python=stub(tmp_path, "python", code)), fast=False)
    assert red
    assert re.search(r"1 passed; 2 failed; 1 passed; \d+ s: RED, see build/hard/a.log$", line)


SHOWS = "import os, sys; print(os.environ.get('A'), *sys.argv[1:])"


@pytest.mark.parametrize(
    ("leg", "fast", "expected"),
    [
        (Leg("a"), False, "None -m pytest -p no:cacheprovider all"),
        (Leg("a"), True, "None -m pytest -p no:cacheprovider -m not quality and not faults -n"),
        (Leg("a", fast=True), False, "None -m pytest -p no:cacheprovider -m not quality and not faults -n"),
        (Leg("a", options=("-x",)), False, "None -m pytest -p no:cacheprovider all -x"),
        (Leg("a", environment={"A": "b"}, before=("env",)), True, "b -m pytest"),
    ],
)
def test_what_a_leg_runs(tmp_path: Path, logs: Path, leg: Leg, fast: bool, expected: str) -> None:
    logs.mkdir(parents=True)
    python = stub(tmp_path, "python", SHOWS)
    leg = Leg(
        leg.name,
        python=python,
        before=leg.before,
        options=leg.options,
        environment=leg.environment,
        fast=leg.fast,
    )
    assert not hard.run(leg, fast=fast)[0]
    assert (logs / "a.log").read_text(encoding="utf-8").startswith(expected)


def test_busy_processes_end_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def popen(command: list[str]) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command))
        return started[-1]

    monkeypatch.setattr(hard, "subprocess", SimpleNamespace(Popen=popen))
    with pytest.raises(KeyboardInterrupt), hard.busy(2):
        raise KeyboardInterrupt
    assert len(started) == 2
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", r"cannot run it \(SIGILL\)"),
        ("print('OpenBLAS 1, Haswell kernels, 1 threads')", r"no such kernels here \(OpenBLAS 1, Haswell"),
        ("raise SystemExit('no module')", r"no such kernels here \(no module\)"),
        ("print('OpenBLAS 1, Zen kernels, 1 threads')", ""),
    ],
)
def test_kernels_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    monkeypatch.setattr(sys, "executable", stub(tmp_path, "python", code))
    assert reason_of(lambda: surroundings.look_for_kernel("Zen"), reason)


def test_pythons_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One on PATH that only says where it is not, and a good one among pyenv's; or none at all."""
    shims, bin_folder = tmp_path / "shims", tmp_path / "pyenv" / "versions" / "9.9.1" / "bin"
    shims.mkdir()
    bin_folder.mkdir(parents=True)
    stub(shims, "python9.9", "raise SystemExit('command not found')")
    monkeypatch.setenv("PATH", str(shims))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert reason_of(lambda: surroundings.find_python("9.9"), "no Python 9.9 here")
    good = stub(bin_folder, "python", "print('9.9')")
    assert surroundings.find_python("9.9") == good


def reason_of(call: Callable[[], object], reason: str) -> bool:
    """Tell whether a leg is left out for that reason; for none where it is empty."""
    if not reason:
        return call() is None
    with pytest.raises(CannotRun, match=reason):
        call()
    return True


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hard, "plan", lambda: iter([Leg("one", interrupt)]))
    with pytest.raises(SystemExit, match="stopped while one ran; what it printed is in "):
        main([])


def test_an_unknown_leg_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--only=surprise"])
    assert "argument --only: invalid choice: 'surprise'" in capsys.readouterr().err
