"""Compares the cost of a cache hit with its lower limit: ``python -m benchmarks.micro.cache_hits``.

A call with 10,000 hits in memory is compared with a bare loop over the same texts. The loop hashes each text
and looks it up in a dict. A call with 10,000 hits in the file is compared with one plain SELECT of the same
rows. Rounds are interleaved. A ratio is the ratio of two medians. The exit code is 1 if a ratio is above its
bound.
"""

import hashlib
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import embeddings

TEXTS, ROUNDS = 10_000, 15
BOUNDS = {"memory": 5.0, "file": 10.0}


def short_texts(count: int, seed: int = 0) -> list[str]:
    """Make different texts of two to five short words."""
    generator = random.Random(seed)  # noqa: S311  (not for cryptography)
    words = ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 5)) for n in range(500)]
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join(generator.choices(words, k=generator.randint(2, 5)))] = None
    return list(made)


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Measure and print both ratios; return 1 if a ratio is above its bound."""
    model, texts = embeddings.load(), short_texts(TEXTS)
    with TemporaryDirectory() as folder, embeddings.VectorCache(path := Path(folder) / "cache") as warm:
        computed = model.encode(texts, cache=warm)
        table = {
            hashlib.sha256(text.encode()).digest(): row for text, row in zip(texts, computed, strict=True)
        }

        def bare_loop() -> None:
            for text in texts:
                table[hashlib.sha256(text.encode()).digest()]

        def plain_select() -> None:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("SELECT key, dropped, vector, checksum FROM vectors").fetchall()

        def file_hits() -> None:
            with embeddings.VectorCache(path) as cold:
                model.encode(texts, cache=cold)

        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "memory": (lambda: model.encode(texts, cache=warm), bare_loop),
            "file": (file_hits, plain_select),
        }
        if not np.array_equal(model.encode(texts, cache=warm), computed):
            raise SystemExit("the cache returned other vectors than were computed")
        times: dict[str, list[tuple[float, float]]] = {level: [] for level in pairs}
        for _ in range(ROUNDS):
            for level, (hits, bare) in pairs.items():
                times[level].append((seconds(hits), seconds(bare)))
    print(f"{TEXTS} short texts, {computed.shape[1]} dimensions, {ROUNDS} interleaved rounds, medians")
    beyond = 0
    for level, measured in times.items():
        hits, bare = (statistics.median(side) for side in zip(*measured, strict=True))
        ratio = hits / bare
        beyond += not ratio <= BOUNDS[level]
        print(
            f"{level:<8} {hits * 1e3:7.1f} ms, bare {bare * 1e3:6.1f} ms: {ratio:.2f}x, "
            f"at most {BOUNDS[level]:g}x {'ok' if ratio <= BOUNDS[level] else 'BEYOND'}"
        )
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(main())
