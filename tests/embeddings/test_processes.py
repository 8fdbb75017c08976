"""Many threads share a model; a forked process may not. Neither waits for ever."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate.own_files import ROOT
from tests.support import HANG, tiny

TEXTS = [" ".join("abcdefghijklmnopq"[: 1 + row % 17]) for row in range(24)]
FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")  # from 3.12 on, Python warns of a fork beside threads
import embeddings
{before}
if (child := os.fork()) == 0:
    try:
        model = {model}
        os._exit(0 if model.encode(["a"]).shape == (1, 16) else 3)
    except embeddings.InputError as error:
        print(error, flush=True)
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_thirty_two_threads(tmp_path: Path) -> None:
    """Each gets the vectors of one thread, bit for bit, from calls that overlap."""
    model = embeddings.load(tiny.build(tmp_path / "tiny"))
    expected = model.encode(TEXTS)
    with ThreadPoolExecutor(32) as pool:
        for found in pool.map(lambda _: model.encode(TEXTS), range(128)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("before", "model", "code"),
    [
        ("model = embeddings.load({folder!r})", "model", 7),
        ("model = embeddings.load({folder!r}); model.encode(['a'])", "embeddings.load({folder!r})", 7),
        ("", "embeddings.load({folder!r})", 0),
    ],
)
def test_fork(before: str, model: str, code: int, tmp_path: Path) -> None:
    """A model that was loaded before the fork, a second one after it, and one that is the first."""
    folder = str(tiny.build(tmp_path / "tiny"))
    script = FORK.format(before=before.format(folder=folder), model=model.format(folder=folder))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=HANG, check=True,
    )  # fmt: skip
    *said, status = done.stdout.splitlines()
    assert status == str(code)
    assert len(said) == bool(code)
    assert all("was forked from one that had loaded a model" in line for line in said)
