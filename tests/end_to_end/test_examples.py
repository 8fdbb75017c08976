"""The commands of each worked example, run as its page has them, with small models in place of a reader's."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embedding_gate.own_files import FIXTURES, ROOT
from tests.support import tiny
from tests.support.server import Service, serve
from tests.support.tuned import noisy

EXAMPLES = ROOT / "examples"
PROGRAMS = {"embedding-gate": [sys.executable, "-m", "embedding_gate"], "python": [sys.executable]}


def commands(example: str) -> list[list[str]]:
    """Return the words of each command on an example's page."""
    page = (EXAMPLES / example / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def run(words: list[str], folder: Path, *, checks: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a folder. checks: the only ones that are made, so that it does not take long."""
    return subprocess.run(
        [*PROGRAMS[words[0]], *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": f"-k '{checks}'" if checks else ""},
        capture_output=True,
        text=True,
        check=False,
    )


def tuned(folder: Path) -> Path:
    """Build a tiny model whose weights are those of the other tiny models with noise."""
    tiny.build(folder, max_tokens=140)
    save_file(noisy(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return folder


def test_a_fine_tuned_bert(tmp_path: Path) -> None:
    """Its second command asks for the verdict, so it makes the same comparison as the first."""
    tiny.build(tmp_path / "base-model", max_tokens=140)
    tuned(tmp_path / "my-model")
    first, second = commands("fine-tuned-bert")
    assert second[: len(first)] == first
    done = run(second, tmp_path, checks="not_worse or test_norm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  not worse +\S+ +<= \S+ +\S+ +pass$", done.stdout, re.MULTILINE)
    assert "beside its origin" in done.stdout
    assert "declared: nothing differs" in done.stdout
    assert (tmp_path / "report" / "report.html").is_file()


def test_a_quantized_qwen3(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "tiny-qwen3-4bit", tmp_path / "my-qwen3-4bit")
    shutil.copytree(FIXTURES / "tiny-qwen3", tmp_path / "my-qwen3")
    whole, beside = commands("quantized-qwen3")
    done = run(whole, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  weights +0 +<= 0 +exact +pass$", done.stdout, re.MULTILINE)
    done = run([*beside, "--collect-only"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_not_worse[my-qwen3-4bit]" in done.stdout


def test_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = embeddings.load(tiny.build(tmp_path / "my-model", max_tokens=140))
    export, asked = commands("server")
    name, _, key = export[1].partition("=")
    monkeypatch.setenv(name, key)
    service = Service(model.encode, model.tokenize, model="my-model", key=key)
    with serve(service) as running:
        there = [word.replace("127.0.0.1:8000", running.place) for word in asked]
        done = run(there, tmp_path, checks="answer_order or test_norm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  answer order .* pass$", done.stdout, re.MULTILINE)
    assert re.search(r"^  norm .* pass$", done.stdout, re.MULTILINE)
    assert key not in done.stdout + done.stderr


def test_a_workflow(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "workflow", tmp_path / "repository")
    tiny.build(folder / "my-model", max_tokens=140)
    [command] = commands("workflow")
    workflow = (folder / "embeddings.yml").read_text(encoding="utf-8")
    assert f"- run: {shlex.join(command)} " in workflow
    inputs = re.findall(r"^  ([a-z]+):$", (ROOT / "action.yml").read_text(encoding="utf-8"), re.MULTILINE)
    used = re.findall(
        r"^          ([a-z]+): ", workflow.partition("OWNER/embedding-gate@COMMIT\n")[2], re.MULTILINE
    )
    assert set(used) & set(inputs) == {"model"}
    done = run(command, folder, checks="test_norm or test_finite")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^my-model .*: 2 checks passed$", done.stdout, re.MULTILINE)


def test_must_i_re_index(tmp_path: Path) -> None:
    tiny.build(tmp_path / "old-model", max_tokens=140)
    tuned(tmp_path / "new-model")
    take, compare = commands("re-index")
    done = run(take, tmp_path)
    assert done.returncode == 0, done.stderr
    done = run(compare, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^  reindex .* FAIL$", done.stdout, re.MULTILINE)
