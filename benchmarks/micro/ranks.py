"""How much faster several processes encode a corpus than one: ``python -m benchmarks.micro.ranks``.

It writes texts into a file, and encodes them with one process and with several, in turns. It prints the
tokens per second of each, from reading to writing. The time of starting and loading is left out. The folders
should be equal, byte for byte: it says how many files differ.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from embedding_gate.own_files import DEFAULT_MODEL, texts

__all__ = ["main"]

SPEED = re.compile(r"now ([\d,]+) tokens/s")


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro.ranks", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--backend", help="of mlx.launch: ring, nccl, jaccl")
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--shard-texts", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    many = [f"--ranks={given.ranks}", *([f"--backend={given.backend}"] if given.backend else [])]
    speeds: dict[int, list[float]] = {1: [], given.ranks: []}
    with TemporaryDirectory() as scratch:
        corpus = write(Path(scratch) / "corpus.txt", given.texts)
        for number in range(given.rounds):
            for ranks, options in ((1, []), (given.ranks, many)):
                out = Path(scratch) / f"{ranks}-{number}"
                shards = f"--shard-texts={given.shard_texts}"
                speeds[ranks].append(encode(corpus, out, f"--model={given.model}", shards, *options))
                print(f"{ranks} ranks: {speeds[ranks][-1]:,.0f} tokens/s", flush=True)
        other = differing(Path(scratch) / "1-0", Path(scratch) / f"{given.ranks}-0")
    one, several = (median(speeds[ranks]) for ranks in (1, given.ranks))
    print(f"{given.model}, {given.texts:,} texts: {several / one:.2f} times; {other} files differ")
    return 0


def write(path: Path, count: int) -> Path:
    """Write so many texts: those of the gate that fit a line, each with its number."""
    lines = [text for text in texts().of_kind("sentence", "paragraph") if "\n" not in text]
    path.write_text(
        "".join(f"{number} {lines[number % len(lines)]}\n" for number in range(count)), encoding="utf-8"
    )
    return path


def encode(corpus: Path, out: Path, *options: str) -> float:
    """Encode, and return the tokens per second."""
    command = [sys.executable, "-m", "embedding_gate", "encode", str(corpus), f"--out={out}", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=dict(os.environ))
    found = SPEED.search(done.stdout)
    assert found is not None, done.stdout
    return float(found[1].replace(",", ""))


def differing(one: Path, other: Path) -> int:
    """Count the files that differ."""
    names = {path.name for folder in (one, other) for path in folder.iterdir()}
    return sum((one / name).read_bytes() != (other / name).read_bytes() for name in names)


if __name__ == "__main__":
    sys.exit(main())
