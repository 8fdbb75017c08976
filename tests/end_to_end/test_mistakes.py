"""Usual mistakes on the command line end in one line, before any test is collected."""

import pytest

from embeddings.backend import mx
from tests.support.commands import pytest_run

NO_GPU = [] if mx.is_available(mx.gpu) else [("--device=gpu", "device 'gpu': there is none here; leave it")]
MISTAKES = [
    *NO_GPU,
    ("--model=no-such-model", "no-such-model: neither a known model nor a folder; known models are"),
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


@pytest.mark.parametrize(("options", "words"), MISTAKES, ids=[options for options, _ in MISTAKES])
def test_a_mistake_is_one_line(options: str, words: str) -> None:
    done = pytest_run("-m", "quality", *options.split())
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("ERROR: ")
    assert words in line


@pytest.mark.parametrize("option", ["--recipe=guess", "--precision=int4"])
def test_a_choice_that_there_is_not(option: str) -> None:
    """The parser of the command line says so, and how the command is used."""
    done = pytest_run(option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"argument {option.partition('=')[0]}: invalid choice: " in done.stderr
    assert done.stdout == ""
