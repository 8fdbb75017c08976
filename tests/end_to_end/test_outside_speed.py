"""Another subject is measured, as a user does it. What the times are is not asked."""

import json
from pathlib import Path

import pytest

import embeddings
from tests.support import tiny
from tests.support.commands import pytest_run
from tests.support.server import Service, serve

ONLY = "--benchmark-only"


def test_a_server(tmp_path: Path) -> None:
    """The tables, the audits, the JSON and the report of a server."""
    folder = tiny.build(tmp_path / "my-model", max_tokens=140)
    embedder = embeddings.load(folder)
    stored, report = tmp_path / "stored.json", tmp_path / "report"
    with serve(Service(embedder.encode, embedder.tokenize, model="mine")) as running:
        address = f"http://{running.place}/v1/embeddings"
        some = ["-k", "8x64 or 32x64 or no_text or json", f"--benchmark-json={stored}", f"--report={report}"]
        named = [f"--subject={address}", "--served-as=mine", f"--model={folder}"]
        done = pytest_run(ONLY, *named, *some)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # an audit of times may be red
    assert f"{address}, which claims to be my-model: vectors of {embedder.dimension}" in done.stdout
    assert "HTTP and JSON take" in done.stdout
    run = json.loads(stored.read_text(encoding="utf-8"))
    outcomes = {one["audit"]: one["outcome"] for one in run["audits"]["my-model"]}
    assert {name for name, outcome in outcomes.items() if outcome == "not offered"} == {
        "real tokens",
        "precision",
        "roofline",
        "device peak",
    }
    assert {outcomes[name] for name in ("untimed vectors", "recomputed", "warm up")} == {"pass"}
    assert run["machine_info"]["subject"] == address
    assert {one["extra_info"]["kind"] for one in run["benchmarks"]} == {"throughput", "JSON", "HTTP: no text"}
    rows = json.loads((report / "report.json").read_text(encoding="utf-8"))["speed"]
    assert {row["tokens"] for row in rows if row["kind"] == "throughput"} == {8 * 64, 32 * 64}


def test_a_function(tmp_path: Path) -> None:
    """What only a server has is not collected. An audit may be red."""
    folder = tiny.build(tmp_path / "my-model", max_tokens=140)
    named = ["--subject=python:tests.support.subjects:hashed", f"--model={folder}"]
    done = pytest_run(ONLY, *named, "-k", "not 32x and not latency", "-v")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("benchmarks/")]
    assert [name.partition("::")[2] for name in names] == ["test_throughput[my-model-8x64]"]
    assert "python:tests.support.subjects:hashed, which claims to be my-model: vectors of 8" in done.stdout


def test_a_subject_that_dies(tmp_path: Path) -> None:
    """One line says what was asked and what came. Nothing more is asked of it, and the run is red."""
    folder = tiny.build(tmp_path / "my-model", max_tokens=140)
    named = ["--subject=python:tests.support.subjects:dies", f"--model={folder}"]
    done = pytest_run(ONLY, *named, "-k", "8x64 or 32x64")
    assert done.returncode == 1
    said = [line for line in done.stdout.splitlines() if "was asked for 8 texts" in line]
    assert len(said) == 1
    assert "and ended (exit code 3): it said nothing; call it by hand with these texts" in said[0]
    assert "was asked for 16 texts" not in done.stdout
    assert "FAIL: my-model: no audit ran" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmark-compare"], "--benchmark-compare is for the gate's own library"),
        (["--against=HEAD"], "--against is for the gate's own library"),
        ([], "POST http://127.0.0.1:9/v1/embeddings, model 'all-MiniLM-L6-v2': gave nothing"),
    ],
)
def test_what_cannot_be_measured_is_one_error(options: list[str], words: str) -> None:
    named = ["--subject=http://127.0.0.1:9/v1/embeddings", "--model=all-MiniLM-L6-v2"]
    done = pytest_run(ONLY, *named, *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert [words in line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] == [True]
    assert "Traceback" not in done.stdout + done.stderr
