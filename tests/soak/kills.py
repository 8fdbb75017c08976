"""Processes that are killed by SIGKILL in a random moment: nothing is lost, nothing is half there."""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from embedding_gate.own_files import ROOT
from embedding_gate.reindex.snapshot import read_snapshot
from embeddings.cache.sqlite_store import SQLiteStore
from tests.support import HANG, tiny
from tests.support.cache_writer import ROWS, batch
from tests.support.corpora import encode, shards, write_corpus

__all__ = ["Killed", "kill_cache", "kill_encode", "kill_snapshot", "kill_verify", "many_writers"]

TEXTS, SHARD = 400, 40
PYTHON = (sys.executable, "-m")
BATCHES = 40  # of one writer of the cache


@dataclass
class Killed:
    """How often a process was killed, how often it ended first, and what was wrong after that."""

    name: str
    kills: int = 0
    ended: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = f"WRONG: {self.wrong[0]}" if self.wrong else "nothing lost"
        return f"  {self.name:<26} killed {self.kills} times, ended by itself {self.ended} times: {verdict}"


def kill_encode(root: Path, kills: int, seed: int = 0) -> Killed:
    """Kill encode, and run it again on what it left. In the end the folder is as it is without kills."""
    corpus, model = write_corpus(root / "corpus.jsonl", TEXTS), tiny.build(root / "tiny")
    assert encode(corpus, root / "whole", model, shard_texts=SHARD) == 0
    whole, out = shards(root / "whole"), root / "out"
    command = [*PYTHON, "embedding_gate", "encode", str(corpus), f"--out={out}", f"--model={model}"]

    def check(ended: int | None) -> str:
        found = shards(out) if out.exists() else {}
        if any(whole[name] != found[name] for name in found if name.startswith("shard")):
            return "a shard is not what an undisturbed run writes"
        if ended is not None:
            shutil.rmtree(out)
            return "" if ended == 0 and found == whole else f"exit code {ended}, or another folder"
        return ""

    return _kill("encode", [*command, f"--shard-texts={SHARD}"], check, kills=kills, seed=seed)


def kill_verify(root: Path, kills: int, seed: int = 0) -> Killed:
    """Kill verify. It changes nothing."""
    folder, before = root / "whole", shards(root / "whole")

    def check(ended: int | None) -> str:
        return "" if shards(folder) == before and not ended else "verify changed the folder, or failed"

    return _kill("verify", [*PYTHON, "embedding_gate", "verify", str(folder)], check, kills=kills, seed=seed)


def kill_snapshot(root: Path, kills: int, seed: int = 0) -> Killed:
    """Kill snapshot. Its file is whole, or is not there."""
    file = root / "snapshot"

    def check(ended: int | None) -> str:
        if ended:
            return f"exit code {ended}"
        if not file.exists():
            return "" if ended is None else "there is no file"
        vectors = read_snapshot(file).vectors
        file.unlink()
        return "" if sum(map(len, vectors.values())) else "the file holds nothing"

    command = [*PYTHON, "embedding_gate", "snapshot", str(file), f"--model={root / 'tiny'}"]
    return _kill("snapshot", command, check, kills=kills, seed=seed)


def kill_cache(root: Path, kills: int, seed: int = 0) -> Killed:
    """Kill a writer of the cache. What it said was committed is there and right."""
    path, log = root / "cache", root / "log"
    command = [*PYTHON, "tests.support.cache_writer", str(path), "0", str(BATCHES)]

    def check(ended: int | None) -> str:
        whole = [line.split() for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        said = [int(number) for word, number in whole if word == "committed"]
        return ("" if not ended else f"exit code {ended}") or _lacking(path, said)

    return _kill("cache", command, check, kills=kills, seed=seed, log=log)


def many_writers(root: Path, processes: int, seconds: float) -> str:
    """Let processes write and read one cache at the same time, over and over; return what is wrong, or ""."""
    path, until = root / "shared", time.monotonic() + seconds
    runs, wrong = 0, ""
    while time.monotonic() < until and not wrong:
        commands = [
            [*PYTHON, "tests.support.cache_writer", str(path), str(first * BATCHES // 2), str(BATCHES)]
            for first in range(processes)
        ]
        running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for command in commands]
        codes = [process.wait(HANG) for process in running]
        wrong = "" if not any(codes) else f"exit codes {codes}"
        runs += processes
    lacking = wrong or _lacking(path, range((processes + 1) * BATCHES // 2))
    name, what = f"{processes} processes on one cache", f"{runs} runs of {BATCHES * ROWS:,} entries"
    print(f"  {name:<26} {what}: {lacking or 'nothing lost'}", flush=True)
    return lacking


def _lacking(path: Path, numbers: Sequence[int]) -> str:
    """Return what is wrong with batches of a cache, or ""."""
    if not numbers:
        return ""
    with closing(SQLiteStore(path)) as file:
        lost = [number for number in numbers if file.get(list(batch(number))) != batch(number)]
    return f"batch {lost[0]} is not what was committed" if lost else ""


def _kill(
    name: str,
    command: list[str],
    check: Callable[[int | None], str],
    *,
    kills: int,
    seed: int,
    log: Path | None = None,
) -> Killed:
    """Kill a command so often. check: says what is wrong; it gets the exit code, None if killed."""
    draw, found = random.Random(seed), Killed(name)  # noqa: S311
    longest = 0.0
    while found.kills < kills and not found.wrong:
        with log.open("w") if log else open("/dev/null", "w") as out:  # noqa: PTH123
            start = time.monotonic()
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL)
            if longest:  # the first run tells how long one takes
                _wait(process, draw.uniform(0, longest))
            else:
                process.wait(HANG)
            ended = process.poll()
            process.kill()
            process.wait(HANG)
        longest = max(longest, time.monotonic() - start)
        found.kills, found.ended = found.kills + (ended is None), found.ended + (ended is not None)
        if wrong := check(ended):
            found.wrong.append(wrong)
    return found


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
