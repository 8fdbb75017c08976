"""The fuzzer: ``python -m tests.fuzz [--seconds=N] [--seed=N] [--processes=N] [READER ...]`` (make fuzz).

Each reader gets changed files for so many seconds: see run.py. The exit code is 1 if there is a finding.
"""

import argparse
import os
import resource
import sys
import tempfile
from concurrent.futures.process import BrokenProcessPool

from tests.faults.workers import begun
from tests.fuzz.readers import readers
from tests.fuzz.run import fuzzed


def main() -> int:
    """Fuzz the readers that are named, or all, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="READER")
    parser.add_argument("--seconds", type=float, default=5, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1, help="readers that are fuzzed side by side")
    asked = parser.parse_args()
    if asked.processes < 1:
        parser.error(f"--processes: must be at least 1, got {asked.processes}")
    findings = total = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        # Of this process and of the others, which are killed at the end and leave what they wrote.
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        names = [name for name in readers() if not asked.names or name in asked.names]
        if unknown := set(asked.names) - set(names):
            parser.error(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(readers())}")
        calls = [(name, asked.seconds, asked.seed) for name in names]
        with begun(fuzzed, calls, processes=asked.processes) as futures:
            for name, future in zip(names, futures, strict=True):
                try:
                    inputs, found = future.result()
                except BrokenProcessPool:
                    print(f"{name:<44} the process died, of this reader or of one beside it: run it alone")
                    return 1
                findings, total = findings + len(found), total + inputs
                print(f"{name:<44} {inputs:>8,} inputs: {'; '.join(found) or 'nothing'}", flush=True)
    how = f"seed {asked.seed}, {asked.seconds:g} s for each reader"
    print(f"fuzz: {len(names)} readers, {total:,} inputs, {findings} findings; {how}")
    return int(findings > 0)


if __name__ == "__main__":
    limit = (
        16 << 30
    )  # the rest is MLX's own; a file that asks for more ends in MemoryError, which is a finding
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.exit(main())
