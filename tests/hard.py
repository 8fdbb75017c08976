"""Runs the suite in difficult environments, one after the other: ``python -m tests.hard`` (make hard).

No test may depend on the processor, the load, the number of cores, the version of Python, or the order. So
the suite runs on OpenBLAS's kernels of other processors, on one core, beside busy processes, under other
versions of Python, in random orders, and on MLX's own BLAS. The output of a run is in build/hard/NAME.log. A
red run does not stop the other runs.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from embeddings.backend import CHOICE_VARIABLE
from tests.surroundings import (
    KERNEL,
    CannotRun,
    look_for_kernel,
    look_for_taskset,
    make_environment,
    make_plugin,
)

__all__ = ["Leg", "main", "plan"]

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "hard"
KERNELS = ("Nehalem", "Sandybridge", "Haswell", "Zen")  # SSE, AVX, and AVX2 of two makers
PYTHONS = ("3.11", "3.12", "3.13")
ORDERS, BUSY = 3, 4
# What CI runs: the gate, the project's own tests (with whole runs of the gate), and the proof.
SHARED = ("-n", "auto", "--dist", "worksteal")
WHOLE = (
    ("-m", "quality"),
    ("-m", "not quality and not faults", *SHARED),
    ("-m", "faults", "--seeds=1", "--named-only"),
)
FAST = WHOLE[1:2]


@dataclass(frozen=True)
class Leg:
    """One run of the suite.

    ready: prepares the run, or raises CannotRun. before: words in front of the command.
    options: options of pytest. busy: the number of processes that compute at the same time.
    fast: the run leaves out the gate and the proof.
    """

    name: str
    ready: Callable[[], None] = lambda: None
    python: str = sys.executable
    before: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    busy: int = 0
    fast: bool = False


def plan() -> Iterator[Leg]:
    """Yield the legs."""
    yield Leg("own")
    for kernel in KERNELS:
        yield Leg(
            kernel,
            partial(look_for_kernel, kernel),
            environment={KERNEL: kernel, CHOICE_VARIABLE: "openblas"},
        )
    yield Leg("one-core", look_for_taskset, before=("taskset", "-c", "0"))
    yield Leg("busy", busy=BUSY)
    for version in PYTHONS:
        folder = ROOT / f".venv-hard-{version}"
        if version != f"{sys.version_info.major}.{sys.version_info.minor}":
            python = str(folder / "bin" / "python")
            yield Leg(f"python-{version}", partial(make_environment, version, folder), python)
    plugin = ROOT / ".venv-hard-order"
    for seed in range(1, ORDERS + 1):
        options = (f"--randomly-seed={seed}", "--randomly-dont-reset-seed")
        environment = {"PYTHONPATH": str(plugin)}
        yield Leg(f"order-{seed}", partial(make_plugin, plugin), options=options, environment=environment)
    yield Leg("stock-blas", environment={CHOICE_VARIABLE: "stock"}, fast=True)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep the given number of processes computing."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def run(leg: Leg, *, fast: bool) -> tuple[bool, str]:
    """Run a leg and print its line. Return whether it is red, and that line."""
    start, log = time.monotonic(), LOGS / f"{leg.name}.log"
    try:
        leg.ready()
    except CannotRun as reason:
        return False, f"{leg.name:<16} left out: {reason}"
    verdict, counts = "green", list[str]()
    with busy(leg.busy), log.open("w", encoding="utf-8") as out:
        for part in FAST if fast or leg.fast else WHOLE:
            command = [*leg.before, leg.python, "-m", "pytest", "-p", "no:cacheprovider", *part, *leg.options]
            environment = {**os.environ, **leg.environment}
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=out, stderr=out, check=False)
            found = re.findall(r"\d+ (?:passed|failed|errors?)\b", last_line(log))
            counts.append(", ".join(found) or f"ended with {done.returncode}")
            if done.returncode:
                verdict = f"RED, see {log.relative_to(ROOT)}"
    seconds = time.monotonic() - start
    return verdict != "green", f"{leg.name:<16} {'; '.join(counts)}; {seconds:.0f} s: {verdict}"


def last_line(log: Path) -> str:
    """Return pytest's last line. It contains the counts."""
    return log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested legs. Return 1 if one is red."""
    legs = {leg.name: leg for leg in plan()}
    parser = argparse.ArgumentParser(prog="python -m tests.hard", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the legs and run none")
    parser.add_argument("--only", action="append", choices=list(legs), metavar="NAME", help="repeatable")
    parser.add_argument("--fast", action="store_true", help="without the gate and the proof")
    options = parser.parse_args(arguments)
    chosen = options.only or list(legs)
    if options.list:
        print("\n".join(chosen))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    found = []
    try:
        for name in chosen:
            found.append(run(legs[name], fast=options.fast))
            print(found[-1][1], flush=True)
    except KeyboardInterrupt:
        sys.exit(f"stopped while {name} ran; what it printed is in {LOGS}")
    red = sum(one for one, _ in found)
    print(
        f"\n{red} of {len(found)} RED" if red else "\nnone is RED", *(line for _, line in found), sep="\n  "
    )
    return int(red > 0)


if __name__ == "__main__":
    sys.exit(main())
