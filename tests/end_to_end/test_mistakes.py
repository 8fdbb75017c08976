"""Usual mistakes on the command line end in one line, before any test is collected."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from embeddings.backend import mx
from tests.support import tiny
from tests.support.commands import Runs, pytest_run, pytest_runs, run_with_plugin
from tests.support.endpoints import right_service
from tests.support.server import serve

CLAIM = "--model=all-MiniLM-L6-v2"

NO_GPU = [] if mx.is_available(mx.gpu) else [("--device=gpu", "device 'gpu': there is none here; leave it")]
MISTAKES = [
    *NO_GPU,
    ("--model=no-such-model", "no-such-model: neither a known model nor a folder; known models are"),
    ("--model=All-MiniLM-L6-V2", "neither a known model nor a folder; did you mean all-MiniLM-L6-v2?"),
    ("--model=fixtures", "fixtures/config.json: no such file; did you mean fixtures/tiny-dense?"),
    ("--model=fixtures/retrieval", "fixtures/retrieval/config.json: no such file; copy"),
    ("--model=owner/name", "owner/name: no such folder here; and of the hub only a pinned commit"),
    ("--model=synthetic:qwen3-embedding-7b", "no such synthetic model; take one of synthetic:qwen3"),
    ("--model=a --model=a", "--model: the same model twice: a, a; name each once"),
    (
        "--model=http://h/v1/embeddings",
        "is a subject and no model; say which model it claims to be: --model=NAME",
    ),
    ("--model=python:a:b", "--model=NAME --subject=python:a:b"),
    ("--recipe=reference-2025", "recipe reference-2025 is for decoders; leave it out"),
    ("--baseline=", "--baseline: must be a name, a folder, or none"),
    ("--baseline=nobody", "nobody: neither a known model nor a folder"),
    ("--origin=", "--origin: must be a name or a folder"),
    ("--origin=nobody", "nobody: neither a known model nor a folder"),
    ("--origin=fixtures/tiny-qwen3", "--origin=fixtures/tiny-qwen3: has another tokenizer than all-MiniLM-"),
    ("--origin=m --recorded=a", "brings its own texts and vectors: leave out --origin"),
    ("--topics=no/such.csv", "no/such.csv: cannot be read (No such file or directory)"),
    ("--sts=fixtures/topics.jsonl", "fixtures/topics.jsonl:1: lacks sentence1, sentence2, score; has"),
    ("--retrieval=fixtures", "fixtures/qrels/test.tsv: cannot be read"),
    ("--thresholds=README.md", "README.md: not readable as TOML"),
    ("--recorded=tests", "tests: holds no vectors_X.tsv"),
    ("--recorded=tests --model=m", "--recorded brings its own texts and vectors: leave out --model"),
    ("--recorded=a --precision=float32", "brings its own texts and vectors: leave out --precision"),
    ("--calibrate --topics=a.csv", "--calibrate is for the gate's own texts: leave out --topics"),
    ("--calibrate --recorded=a", "brings its own texts and vectors: leave out --calibrate"),
    ("--subject=python:a:b", "--subject: name the one model that it claims to be: --model=NAME or FOLDER"),
    ("--subject=python:a:b --model=a --model=b", "--subject: name the one model that it claims to be"),
    ("--subject=a:b --model=all-MiniLM-L6-v2", "--subject=a:b: is no subject; write python:MODULE:NAME"),
    ("--subject=python:no.such:x --model=all-MiniLM-L6-v2", "python:no.such:x: cannot be opened: ModuleNot"),
    ("--subject=python:a:b --model=nobody", "nobody: neither a known model nor a folder"),
    ("--subject=a --device=cpu --model=m", "--device is for the gate's own library: leave it out beside"),
    ("--subject=a --recipe=reference-2025 --model=m", "--recipe is for the gate's own library: leave it out"),
    (
        "--subject=http://h:81 --model=all-MiniLM-L6-v2",
        "http://h:81: does not end in /embeddings; did you mean http://h:81/v1/embeddings",
    ),
    ("--subject=a --recorded=b", "--recorded brings its own texts and vectors: leave out --subject"),
    ("--python=python3", "--python: is for --subject=python:MODULE:NAME; name one, or leave it out"),
    ("--subject-timeout=0", "--subject-timeout: must be more than 0 seconds"),
    ("--require=partiy", "--require=partiy: is neither a check nor an offer; did you mean parity"),
    ("--projector=README.md", "README.md: cannot be written"),
    ("--report=README.md", "--report: README.md: cannot be written"),
    ("--history=tests", "--history: tests: "),
    ("--ranks=1", "--ranks: must be a number of processes, 2 or more"),
    ("--ranks=2 --recorded=a", "--recorded brings its own texts and vectors: leave out --ranks"),
    ("--encoded=a", "--encoded: name the texts of its passages, too: --retrieval=DIR"),
    ("--encoded=a --origin=b", "--encoded is for retrieval over a folder: leave out --origin"),
    ("--encoded=tests --retrieval=fixtures/retrieval", "tests/manifest.json: cannot be read"),
    ("--seeds=0", "--seeds: must be at least 1"),
    ("--kill-matrix=tests", "--kill-matrix=tests: cannot be written; name a file"),
    ("--without=nothing", "--without: no check 'nothing'; there are "),
    ("--named-only --without=norm", "--named-only prints no matrix: leave out --kill-matrix and --without"),
    ("-n 2 -m faults", "-n: the tests in tests/faults run in one process; add -m 'not faults'"),
    ("-n 2 -m claims --report=a", "-n: the tests in tests/claims run in one process; add -m 'not claims'"),
    ("-n 2 --model=a --model=b --compare", "-n: --compare needs all models in one process: leave out -n"),
    ("-n 2 --calibrate", "-n: --calibrate needs all models in one process: leave out -n"),
    ("-n 2 --projector=build", "-n: --projector needs all models in one process: leave out -n"),
    ("-m quallity", "-m: no marker 'quallity'; the project's own are quality, faults, claims, end_to_end"),
    ("-m quality-not", "-m 'quality-not': no expression of markers; combine them with and, or, not"),
]


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with pytest_runs() as found:
        yield found


@pytest.mark.parametrize(("options", "words"), MISTAKES, ids=[options for options, _ in MISTAKES])
def test_a_mistake_is_one_line(runs: Runs, options: str, words: str) -> None:
    refused(runs(["-m", "quality", *options.split()]), words)


def refused(run: tuple[int, str, str], words: str) -> None:
    """Require that a run was refused in one line with these words, and that nothing else was printed."""
    code, out, err = run
    assert code == pytest.ExitCode.USAGE_ERROR, out
    assert out == ""
    (line,) = err.strip().splitlines()
    assert line.startswith("ERROR: ")
    assert words in line


@pytest.mark.parametrize("option", ["--recipe=guess", "--precision=int4"])
def test_a_choice_that_there_is_not(option: str) -> None:
    """The parser of the command line says so, and how the command is used."""
    done = pytest_run(option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"argument {option.partition('=')[0]}: invalid choice: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model-Q4_K_M.gguf", "model-Q4_K_M.gguf is a conversion for other programs"),
        ("pytorch_model.bin", "save the weights as safetensors: pytorch_model.bin can hold code"),
        ("readme.txt", "model.safetensors: no such file; copy the model's whole folder"),
    ],
)
def test_a_folder_without_safetensors(runs: Runs, tmp_path: Path, name: str, words: str) -> None:
    model = tiny.build(tmp_path / "of mine" / "a model", max_tokens=140)
    (model / "model.safetensors").rename(model / name)
    refused(runs(["-m", "quality", f"--model={model}"]), words)


def table_as_jsonl(path: Path) -> str:
    path.with_suffix(".jsonl").write_text("category,text\na,b\n", encoding="utf-8")
    return f"--topics={path.with_suffix('.jsonl')}"


def jsonl_as_table(path: Path) -> str:
    path.with_suffix(".csv").write_text('{"category": "a", "text": "b"}\n', encoding="utf-8")
    return f"--topics={path.with_suffix('.csv')}"


def snapshot_of_another_version(path: Path) -> str:
    save_file({"a": np.zeros(1)}, path, {"version": "0", "canaries": "{}"})
    return f"--snapshot={path}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (table_as_jsonl, "a file.jsonl:1: not a JSON object"),
        (jsonl_as_table, "a file.csv, header: is a JSON object; name it .jsonl"),
        (snapshot_of_another_version, "a file: is a snapshot of version 0, and this gate reads version"),
    ],
)
def test_a_file_of_another_kind(runs: Runs, tmp_path: Path, make: Callable[[Path], str], words: str) -> None:
    refused(runs(["-m", "quality", make(tmp_path / "a file")]), words)


def test_a_server_that_is_not_up(runs: Runs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    options = ["-m", "quality", CLAIM, f"--subject=http://{place}/v1/embeddings"]
    refused(runs(options), "; start the server, or correct host and port")


def test_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown nowhere."""
    service = right_service()
    service.key = "right-key"
    monkeypatch.setenv("EMBEDDING_GATE_API_KEY", "wrong-key")
    with serve(service) as running, pytest_runs() as runs:
        run = runs(["-m", "quality", CLAIM, f"--subject=http://{running.place}/v1/embeddings"])
    refused(run, "gave 401 ")
    assert "wrong-key" not in run[2]


def test_a_space_in_place_of_an_equals_sign(runs: Runs, tmp_path: Path) -> None:
    """Pytest takes the folder for one of tests. It then reads no settings of this repository."""
    code, out, err = runs(["-m", "quality", "--model", str(tmp_path)])
    assert code == pytest.ExitCode.USAGE_ERROR
    assert out == ""
    assert "error: unrecognized arguments: --model\n" in err


def test_another_plugin_with_an_option_of_the_same_name(tmp_path: Path) -> None:
    plugin = "def pytest_addoption(parser):\n    parser.addoption('--model')\n"
    done = run_with_plugin(tmp_path, plugin, "-m", "quality")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    assert "already used by ['--model'], in another plugin; leave that plugin out with -p no:NAME" in line


def test_ctrl_c(tmp_path: Path) -> None:
    """The table has what was judged until then; the last line says that this is no verdict."""
    plugin = """
def pytest_runtest_teardown(item):
    if "test_norm" in item.name:
        raise KeyboardInterrupt
"""
    model = tiny.build(tmp_path / "model", max_tokens=140)
    done = run_with_plugin(tmp_path, plugin, "-m", "quality", "-k", "finite or norm", f"--model={model}")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "= embedding gate, BROKEN OFF after " in done.stdout
    assert done.stdout.splitlines()[-1] == "embedding gate: NO VERDICT: the run was broken off; run it again"
