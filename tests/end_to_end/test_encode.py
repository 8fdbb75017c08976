"""encode as a user starts it: stopped by signals; by two processes that mlx.launch starts here."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT
from tests.support import HANG, tiny
from tests.support.commands import pytest_run
from tests.support.corpora import encode, shards, write_corpus

COMMAND = [sys.executable, "-m", "embedding_gate"]
DIES = "--subject=python:tests.support.subjects:rank_one_dies"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, texts, and the vectors of an undisturbed run."""
    root = tmp_path_factory.mktemp("made")
    write_corpus(root / "corpus.jsonl", 400)
    tiny.build(root / "tiny")
    assert encode(root / "corpus.jsonl", root / "whole", root / "tiny", shard_texts=40) == 0
    return root


def command(made: Path, out: Path, *more: str) -> list[str]:
    given = [f"--out={out}", f"--model={made / 'tiny'}", "--shard-texts=40", *more]
    return [*COMMAND, "encode", str(made / "corpus.jsonl"), *given]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_while_it_encodes(number: signal.Signals, made: Path, tmp_path: Path) -> None:
    """One line and exit code 2, or nothing at all; the same command then does what is left."""
    out = tmp_path / "out"
    process = subprocess.Popen(command(made, out), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + HANG
    while not list(out.glob("shard*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(number)
    _, said = process.communicate(timeout=HANG)
    if number == signal.SIGKILL:
        assert process.returncode == -number
    elif process.returncode:  # else the run was faster than the signal
        assert process.returncode == 2
        assert said.startswith(f"interrupted ({number.name}): run the same command again")
        assert len(said.splitlines()) == 1
    assert run(*command(made, out)).returncode == 0
    assert shards(out) == shards(made / "whole")


def test_two_ranks(made: Path, tmp_path: Path) -> None:
    """They give the files of one process, byte for byte."""
    done = run(*command(made, tmp_path / "out", "--ranks=2"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'out'}: 400 texts, ")
    assert shards(tmp_path / "out") == shards(made / "whole")


def test_the_gate_compares_ranks_with_one_process(made: Path) -> None:
    done = pytest_run("tests/quality", "-k", "test_ranks", "--ranks=2", f"--model={made / 'tiny'}")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^  ranks +\S+ +<= 2e-06 +\S+ +pass$", done.stdout, re.MULTILINE)


def test_a_rank_dies(made: Path, tmp_path: Path) -> None:
    """The run ends with its number and what is missing. The rerun does that, and nothing else."""
    out = tmp_path / "out"
    done = run(*command(made, out, "--ranks=2", DIES))
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ERROR: rank 1: ended with exit code -9: ")
    assert " of 10 shards are missing (" in last
    before = {name: (out / name).stat().st_mtime_ns for name in shards(out) if name.startswith("shard")}
    assert len(before) < 10
    assert run(*command(made, out, DIES)).returncode == 0
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    assert run(*COMMAND, "verify", str(out)).returncode == 0


def test_ranks_that_disagree(made: Path, tmp_path: Path) -> None:
    """Ranks with other texts stop before the first one is encoded."""
    script = tmp_path / "rank.py"
    script.write_text(
        "import os, sys\n"
        "from embedding_gate.__main__ import main\n"
        f"corpus = {str(made / 'corpus.jsonl')!r}\n"
        "if os.environ['MLX_RANK'] == '1':\n"
        "    lines = open(corpus).readlines()[1:]\n"
        f"    corpus = {str(tmp_path / 'other.jsonl')!r}\n"
        "    open(corpus, 'w').writelines(lines)\n"
        f"sys.exit(main(['encode', corpus, '--out={tmp_path / 'out'}', '--model={made / 'tiny'}']))\n"
    )
    code = (
        "import sys; from embedding_gate.corpus.launch import here; "
        "from mlx._distributed_utils.launch import main; "
        f"sys.argv[1:] = [*here(2), '--', sys.executable, {str(script)!r}]; main()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        said = process.stdout.read()
    assert b"rank 1: disagrees with rank 0 about the texts and the shards" in said
    assert not (tmp_path / "out" / "manifest.json").exists()
