"""Helpers of tests/hard.py: they find kernels that the processor supports, other Pythons, and a plugin."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from embeddings.backend import CHOICE_VARIABLE

__all__ = ["CannotRun", "look_for_kernel", "look_for_taskset", "make_environment", "make_plugin"]

ROOT = Path(__file__).resolve().parents[1]
KERNEL = "OPENBLAS_CORETYPE"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
PROBE = """
from embeddings import backend
one = backend.mx.ones((64, 64))
backend.mx.eval(one @ one)
print(backend.in_use())
"""


class CannotRun(Exception):
    """An error: a run is left out on this machine. The message gives the reason."""


def look_for_kernel(kernel: str) -> None:
    """Multiply with a kernel in another process. A processor that cannot run the kernel kills the process."""
    environment = {**os.environ, KERNEL: kernel, CHOICE_VARIABLE: "openblas"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode < 0:
        raise CannotRun(f"this processor cannot run it ({signal.Signals(-done.returncode).name})")
    if f"{kernel.lower()} kernels" not in done.stdout.lower():
        said = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]
        raise CannotRun(f"there are no such kernels here ({said})")


def look_for_taskset() -> None:
    """Check that the command that keeps a process on one core exists, and that the core is available."""
    if not shutil.which("taskset") or 0 not in os.sched_getaffinity(0):
        raise CannotRun("needs taskset, and core 0")


def make_environment(version: str, folder: Path) -> None:
    """Make an environment for another Python from the lock file, once."""
    locks = sorted(ROOT.glob("requirements*.lock"))
    ready = folder / ".ready"
    if ready.exists() and all(lock.stat().st_mtime < ready.stat().st_mtime for lock in locks):
        return
    asked = [word for lock in locks for word in ("-r", str(lock))]
    run_or_raise([find_python(version), "-m", "venv", "--clear", str(folder)])
    run_or_raise([str(folder / "bin" / "python"), *PIP, "--require-hashes", *asked])
    ready.touch()


def find_python(version: str) -> str:
    """Find a working interpreter on PATH or in pyenv. pyenv's entries on PATH often do not work."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    places = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    for place in (*places, *sorted(pyenv.glob(f"versions/{version}.*/bin/python"))):
        code = "import sys; print(*sys.version_info[:2], sep='.')"
        if place.exists() and version in says([str(place), "-c", code]).split():
            return str(place)
    raise CannotRun(f"there is no Python {version} here")


def make_plugin(folder: Path) -> None:
    """Install the test-shuffling plugin into its own folder, so that no other run loads it."""
    if not (folder / "pytest_randomly").exists():
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = project["optional-dependencies"]["hard"]
        run_or_raise([sys.executable, *PIP, "--target", str(folder), *wanted])


def run_or_raise(command: Sequence[str]) -> None:
    """Run a command that prepares a leg, or raise CannotRun."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun((done.stderr.strip() or "no reason given").rpartition("\n")[2])


def says(command: Sequence[str]) -> str:
    """Return the output of a command, or an empty string if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
