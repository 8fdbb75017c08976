"""Reading a large file: ``python -m tests.soak.reading`` (``--megabytes=1000``).

It writes a file of so many megabytes in each form, and reads it as encode does, and as the gate reads topics.
It prints the CPU time and the peak of the memory of each process. It exits with 1 if the memory of encode's
reader is more than a window of texts needs.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

MOST = 100  # MiB of a process that reads a corpus: 44 MiB were seen, 31 of them without a file
COLUMNS = ("_id", "category", "text")


def main() -> int:
    """Write and read the files, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.reading", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--read", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        return read(given.read[0], Path(given.read[1]))
    codes = []
    for name, write in WRITERS.items():
        with TemporaryDirectory() as folder:
            file = Path(folder) / name
            write(file, given.megabytes * 10**6)
            for reader in ("encode", "topics"):
                command = [sys.executable, "-m", "tests.soak.reading", "--read", reader, str(file)]
                codes.append(subprocess.run(command, check=False).returncode)
    return int(any(codes))


def read(reader: str, file: Path) -> int:
    """Read a file in this process, and print what it took."""
    from embedding_gate.data.encoded.texts import read_corpus, windows  # noqa: PLC0415  (the parent stays small)
    from embedding_gate.data.labelled import read_topics  # noqa: PLC0415

    start = time.process_time()
    if reader == "topics":
        texts = len(read_topics(file).texts)
    else:
        texts = sum(len(window.texts) for window in windows(read_corpus(file), 8192) if window.sha256)
    spent, unit = time.process_time() - start, 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    size = file.stat().st_size / 1e6
    print(
        f"{file.name:<11} {size:>6,.0f} MB, {texts:>9,} texts, read for {reader}: "
        f"{spent:6.1f} s of CPU, at most {peak:7,.1f} MiB",
        flush=True,
    )
    return int(reader == "encode" and peak > MOST)


def rows(size: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows of so many bytes: made-up texts of 100 words, none twice, in 50 categories."""
    draw = random.Random(0)  # noqa: S311
    words = ["".join(draw.choices(ascii_lowercase, k=draw.randint(2, 9))) for _ in range(5000)]
    bodies = [" ".join(draw.choices(words, k=100)) for _ in range(2000)]
    for number in count():
        row = f"d{number}", f"c{number % 50}", f'text "{number}" {bodies[number % len(bodies)]}'
        if (size := size - sum(map(len, row))) < 0:
            return
        yield row


def write_lines(line: Callable[[tuple[str, str, str]], str], *header: str) -> Callable[[Path, int], None]:
    """Return what writes a file line by line."""

    def write(file: Path, size: int) -> None:
        with file.open("w") as out:
            out.writelines(f"{one}\n" for one in header)
            out.writelines(f"{line(row)}\n" for row in rows(size))

    return write


def write_table(separator: str) -> Callable[[Path, int], None]:
    """Return what writes a table with quotation marks, as pandas does."""

    def write(file: Path, size: int) -> None:
        with file.open("w", newline="") as out:
            table = csv.writer(out, delimiter=separator, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows(rows(size))

    return write


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "c.jsonl": write_lines(lambda row: json.dumps(dict(zip(COLUMNS, row, strict=True)))),
    "plain.tsv": write_lines("\t".join, "\t".join(COLUMNS)),
    "quoted.tsv": write_table("\t"),
    "c.csv": write_table(","),
}

if __name__ == "__main__":
    sys.exit(main())
