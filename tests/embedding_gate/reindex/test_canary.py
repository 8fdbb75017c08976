"""``embedding-gate canary``: one line about a server, beside a snapshot."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_gate import canary
from embedding_gate.own_files import OWN, own_texts
from embedding_gate.reindex.canaries import canaries_of
from embedding_gate.reindex.snapshot import write_snapshot
from embedding_gate.reindex.take import FEW, take
from tests.support.endpoints import FAKE, right_service
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.server import Running, serve


class Encoder:
    """The fake model, as the judge asks it."""

    dimension, prompts = FAKE.dimension, frozenset[str]()

    def encode(self, texts: list[str], **_: Any) -> Any:
        """Return vectors (N, D)."""
        return FAKE.encode(texts)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "fake.snapshot"
    write_snapshot(path, take("model", Encoder(), canaries_of(*own_texts(OWN))))
    return path


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(right_service()) as found:
        yield found


def look(running: Running, file: Path, change: Callable[[Any], Any], *options: str) -> int:
    """Run the command on a server whose vectors are changed."""
    running.service = right_service()
    running.service.encode = lambda texts: np.ascontiguousarray(change(FAKE.encode(texts)))
    address = f"--subject=http://{running.place}/v1/embeddings"
    return canary.main([f"--snapshot={file}", address, *options])


def test_the_same_server(running: Running, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few texts are enough, and few requests."""
    asked: list[int] = []

    def noted(vectors: Any) -> Any:
        asked.append(len(vectors))
        return vectors

    assert look(running, file, noted, "--require=same") == 0
    assert capsys.readouterr().out == "identical (nothing): bit for bit\n"
    assert sum(asked) == 6 * FEW + 1


def test_a_server_that_rounds_otherwise(running: Running, file: Path, capsys: Any) -> None:
    assert look(running, file, lambda v: v + np.float32(3e-7), "--require=same", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["answer"], found["texts"], found["required"]) == ("same", 6 * FEW, "same")
    assert found["largest"] == pytest.approx(3e-7, rel=0.2)


def test_another_server(running: Running, file: Path, capsys: Any) -> None:
    """It is looked at as a whole, and the reason is told."""
    assert look(running, file, lambda v: v[:, ::-1]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("re-index (permuted dimensions): 128 of 128 dimensions stand at another place")


def test_what_is_compatible_is_not_the_same(running: Running, file: Path, capsys: Any) -> None:
    def rounded(vectors: Any) -> Any:
        return vectors.astype(np.float16).astype(np.float32)

    assert look(running, file, rounded, "--require=same") == 1
    assert capsys.readouterr().out.startswith("compatible (quantization noise)")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--subject=http://127.0.0.1:9/v1/embeddings"], "start the server"),
        (["--subject=nothing"], "--subject=nothing: is no subject"),
        (["--snapshot=no-such-file"], "no-such-file: no such file; take a snapshot first"),
    ],
)
def test_a_mistake_is_one_line(
    running: Running, file: Path, options: list[str], words: str, capsys: Any
) -> None:
    address = f"--subject=http://{running.place}/v1/embeddings"
    assert canary.main([f"--snapshot={file}", address, *options]) == canary.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ERROR: ")
    assert words in line


HEAVY = {"mlx", "embeddings", "tokenizers", "transformers", "pytest", "scipy", "sklearn", "numpy.ma"}


def test_it_imports_nothing_heavy(running: Running, file: Path) -> None:
    """Not even while it looks: a service is looked at often."""
    running.service = right_service()
    code = (
        "import sys; from embedding_gate.__main__ import main; "
        "code = main(sys.argv[1:]); print(*sys.modules); sys.exit(code)"
    )
    address = f"--subject=http://{running.place}/v1/embeddings"
    command = [sys.executable, "-c", code, "canary", f"--snapshot={file}", address, "--require=same"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not HEAVY & set(found.stdout.split())
