"""A large corpus through encode, killed at random moments: ``python -m tests.soak.corpus`` (make million).

It encodes 1,000,000 short texts with the tiny model, once undisturbed and once with ten SIGKILLs. It compares
the folders file by file. It prints how much memory encode took at its peak, for fewer texts too. ``--texts``
and ``--kills`` make it smaller. It exits with 1 if a folder differs, or if memory grows by more than 50 MiB.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from embedding_gate.data.encoded.shards import file_sha256
from embedding_gate.own_files import ROOT
from tests.support import tiny

SMALLEST, GROWTH = 10_000, 50.0  # texts of the first run; MiB that the largest may take more
COMMAND = (sys.executable, "-m", "embedding_gate")
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def main() -> int:
    """Run it, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.corpus", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        model = tiny.build(root / "tiny")
        peaks = {}
        for texts in sorted({SMALLEST, given.texts // 10, given.texts}):
            peaks[texts], seconds = undisturbed(root, model, texts)
            print(f"{texts:>10,} texts: {seconds:8,.1f} s, at most {peaks[texts]:6,.1f} MiB", flush=True)
        same = disturbed(root, model, given.texts, given.kills, seconds)
        checked = subprocess.run([*COMMAND, "verify", str(root / "killed")], cwd=ROOT, check=False).returncode
    grown = peaks[given.texts] - peaks[SMALLEST]
    print(f"memory: {grown:+,.1f} MiB from {SMALLEST:,} to {given.texts:,} texts (at most {GROWTH:+.0f})")
    return int(not same or checked != 0 or not grown <= GROWTH)


def undisturbed(root: Path, model: Path, texts: int) -> tuple[float, float]:
    """Encode so many texts into a new folder. Return the peak of memory in MiB, and the seconds."""
    start = time.monotonic()
    process = encode(write(root / f"{texts}.jsonl", texts), root / f"{texts}", model)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"encode ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return used.ru_maxrss * unit / 2**20, time.monotonic() - start


def disturbed(root: Path, model: Path, texts: int, kills: int, seconds: float) -> bool:
    """Encode the texts again, with kills at random moments. Return whether each file is the same."""
    draw, killed, starts = random.Random(0), 0, 0  # noqa: S311
    out = root / "killed"
    while True:
        process, starts = encode(root / f"{texts}.jsonl", out, model), starts + 1
        try:
            code = process.wait(draw.uniform(0, 2 * seconds / (kills + 1)) if killed < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            continue
        if code:
            sys.exit(f"encode ended with exit code {code}")
        if killed >= kills:
            break
        for path in sorted(out.glob("shard*"))[::2]:  # it was faster than the kills: there is work again
            path.unlink()
    one, other = (
        {path.name: file_sha256(path) for path in folder.iterdir()} for folder in (root / f"{texts}", out)
    )
    verdict = "the same" if one == other else "OTHER FILES"
    print(f"killed {killed} times, started {starts} times: {len(one)} files, {verdict}", flush=True)
    return one == other


def encode(corpus: Path, out: Path, model: Path) -> "subprocess.Popen[bytes]":
    """Start encode."""
    command = [*COMMAND, "encode", str(corpus), f"--out={out}", f"--model={model}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write(path: Path, texts: int) -> Path:
    """Write short texts of one or two made-up words, as JSONL. The first ones are those of a shorter file."""
    draw = np.random.default_rng(0)
    with path.open("w") as file:
        for number in range(texts):
            word = "".join(draw.choice(LETTERS, size=4))
            file.write(f'{{"_id": "d{number}", "text": "{word[:3]} {word[1:]}"}}\n')
    return path


if __name__ == "__main__":
    sys.exit(main())
