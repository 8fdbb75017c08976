"""The measurements as a user runs them, on a tiny model; and runs beside a baseline."""

import argparse
import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.harness import baseline, memory
from benchmarks.harness.bench import Bench, load_rounds
from benchmarks.harness.findings import Findings
from benchmarks.harness.plan import SMALL_ON_CPU, default_models, plan_of
from benchmarks.harness.records import Record
from benchmarks.harness.summary import grid_table, summary_table
from embedding_gate import own_files
from embedding_gate.claims.published import read_published
from embedding_gate.workers import Worker
from embeddings.embedder import Embedder
from embeddings.recipe import DECLARED
from tests.unit import tiny
from tests.unit.test_interface import pytest_run, run_with_plugin

ONLY = "--benchmark-only"
Step = Callable[[], None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([ONLY, "-m", "quality"], "does nothing else: leave out -m"),
        ([ONLY, "-m", "faults"], "does nothing else: leave out -m"),
        ([ONLY, "--benchmark-skip"], "leave out --benchmark-skip"),
        ([ONLY, "--benchmark-disable"], "leave out --benchmark-disable"),
        ([ONLY, "--benchmark-timer=time.thread_time"], "leave out --benchmark-timer"),
        ([ONLY, "--recorded=folder"], "leave out --recorded"),
        ([ONLY, "--baseline=none"], "leave out --baseline"),
        ([ONLY, "--model=a", "--model=a"], "the same model twice: a, a; name each once"),
        ([ONLY, "--model=no-such-model"], "no-such-model: neither a known model nor a folder"),
        ([ONLY, "--benchmark-compare=no/such/file.json"], "no such file; name one, or store a run"),
        ([ONLY, "--benchmark-compare=nofile.json"], "nofile.json: no stored run that can be read; store one"),
        (
            [ONLY, "--benchmark-json=no/such/file.json"],
            "cannot be written; name a file in a folder that exists",
        ),
        (["benchmarks"], "they run under --benchmark-only and not without; add it"),
    ],
)
def test_what_would_run_nothing_is_one_error(options: list[str], words: str) -> None:
    done = pytest_run(*options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_each_command_collects_its_own() -> None:
    """The measurements and nothing else, nothing skipped or deselected; and they open no model for others."""
    listed = pytest_run(ONLY, "--collect-only", "-q").stdout
    names = [line for line in listed.splitlines() if "::" in line]
    assert all(name.startswith("benchmarks/test_speed.py::") for name in names)
    grids = sum(len(plan_of(model).grid) for model in default_models())
    assert len(names) == grids + 5 * len(default_models())
    assert "deselected" not in listed
    others = pytest_run("--collect-only", "-q").stdout.splitlines()
    assert others
    assert not [line for line in others if line.startswith("benchmarks/")]


SIMULATED = """
from functools import partial
from pytest_benchmark.utils import NameWrapper
from benchmarks.harness import bench
from benchmarks.harness.meter import Meter
from embeddings.models import Bert

now = 0.0

def clock():
    global now
    now += 1e-6  # to be asked takes time, so that nothing takes none
    return now

def forward(self, ids, lengths, call=Bert.__call__):
    global now
    now += 1e-4 * ids.size
    return call(self, ids, lengths)

def pytest_sessionstart(session):
    Bert.__call__ = forward
    bench.Meter = partial(Meter, clock=clock)
    bench.matmul_rates = lambda *_: {"float32": 1e9}
    session.config._benchmarksession.options["timer"] = NameWrapper(clock)
"""


def test_a_run_and_its_baseline(tmp_path: Path) -> None:
    """The tables, the JSON, and a second run that lacks one benchmark and has a new one.

    All of it is real but the time, which passes in the model alone: what else runs here turns no audit red.
    """
    model, stored = tiny.build(tmp_path / "my-model", max_tokens=140), tmp_path / "stored.json"

    def run_of(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_with_plugin(tmp_path, SIMULATED, ONLY, f"--model={model}", "--device=cpu", *arguments)

    first = run_of("-k", "8x or cache", f"--benchmark-json={stored}")
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(
        r"Model +Dimension +Throughput \(tokens/s\) +Latency \(ms\) +Cache speedup +MFU", first.stdout
    )
    assert re.search(rf"{model}: 11 checks passed\n", first.stdout)
    assert "skipped" not in first.stdout
    run = json.loads(stored.read_text(encoding="utf-8"))
    assert {"device", "chip", "cores", "blas", "mlx", "precision", "tf32"} <= run["machine_info"].keys()
    assert {one["outcome"] for one in run["audits"][str(model)]} == {"pass"}
    throughput, *_, cached = (one["extra_info"] for one in run["benchmarks"])
    assert throughput["tokens"] == 8 * 16
    assert {"mfu", "matmul", "first_over_median", "tokens_per_second"} <= throughput.keys()
    assert cached["cache_speedup"] > 0

    second = run_of("-k", "8x or tokenization", f"--benchmark-compare={stored}")
    assert second.returncode == 1
    assert re.search(
        r"  \d\.\d{3}x +\d\.\d{3}x  benchmarks/test_speed.py::test_throughput\S+8x16\]", second.stdout
    )
    failures = re.findall(r"FAIL: \S+: \S+::(\w+)\S+ (is new|is in the baseline)", second.stdout)
    assert failures == [
        ("test_cache", "is in the baseline"),
        ("test_cache", "is in the baseline"),
        ("test_tokenization", "is new"),
    ]
    for one in run["benchmarks"]:
        one["stats"]["median"] = 1e-9
    stored.write_text(json.dumps(run), encoding="utf-8")
    same = ("-k", "8x or cache", f"--benchmark-compare={stored}")
    regression = run_of(*same, "--benchmark-compare-fail=median:50%")
    assert regression.returncode != 0
    assert "Performance has regressed" in regression.stdout + regression.stderr
    assert "FAIL" not in regression.stdout


@pytest.mark.parametrize("text", ["no JSON", '{"benchmarks": [{}]}', "{}"])
def test_a_malformed_baseline_is_red(tmp_path: Path, text: str) -> None:
    stored = tmp_path / "stored.json"
    stored.write_text(text, encoding="utf-8")
    done = pytest_run(ONLY, f"--benchmark-compare={stored}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert re.search(r"ERROR: \S*stored.json: malformed", done.stderr)
    assert "Traceback" not in done.stdout + done.stderr


def test_no_baseline_is_red(tmp_path: Path) -> None:
    """Not even where the run itself is stored, and would be the last one there."""
    model = tiny.build(tmp_path / "my-model", max_tokens=140)
    some = [f"--model={model}", "-k", "tokenization", f"--benchmark-storage=file://{tmp_path}"]
    done = pytest_run(ONLY, *some, "--benchmark-compare", "--benchmark-autosave")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "ERROR: --benchmark-compare: no stored run that can be read; store one" in done.stderr


def test_memory_of_no_model_is_one_error() -> None:
    command = [sys.executable, "-m", "benchmarks.harness.memory", "no-such-model", "16"]
    done = subprocess.run(command, cwd=own_files.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch("no-such-model: neither a known model nor a folder;[^\n]*\n", done.stderr)


def test_loading_is_over_when_a_text_has_its_vector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a library puts off until it is needed is loading too."""
    model, asked = tiny.build(tmp_path / "my-model"), list[str]()
    answer = memory.start(
        argparse.Namespace(model=model, device=None, recipe=DECLARED, tokens=9, precision=None)
    )
    right = Embedder.encode

    def encode(self: Embedder, texts: Sequence[str]) -> Any:
        asked.append("encoded")
        return right(self, texts)

    def ask(_: Worker, request: str) -> dict[str, Any]:
        asked.append(request)
        return answer(request)

    def timed(prepare: Step, work: Step, after: Step, rounds: int) -> list[float]:  # noqa: ARG001
        for step in (prepare, work, lambda: asked.append("over"), after):
            step()
        return [1.0]

    monkeypatch.setattr(Embedder, "encode", encode)
    monkeypatch.setattr(Worker, "ask", ask)
    monkeypatch.setattr(Worker, "start", lambda _: asked.append("started"))
    monkeypatch.setattr(Worker, "versions", lambda _: asked.append("ready"))
    record = load_rounds(timed, [], 9, 1)
    assert asked == ["started", "ready", "load", "first", "encoded", "over", "encode", "encoded"]
    assert record.peak_bytes > 0


BARE = """
import benchmarks.test_speed as module
def test_bare(benchmark):
    benchmark(len, "text")
def test_both(measure, benchmark):
    benchmark(len, "text")
def test_smuggled(measure, request):
    request.getfixturevalue("benchmark")(len, "text")
module.{0} = {0}
"""


def test_no_benchmark_goes_round_the_rules(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "my-model", max_tokens=140)
    for name in ("test_bare", "test_both"):
        bare = run_with_plugin(tmp_path, BARE.format(name), ONLY, f"--model={model}", "-k", name)
        assert bare.returncode == pytest.ExitCode.USAGE_ERROR
        assert (
            "no measurement by the rules; leave it out, or let it ask for measure alone"
            in bare.stdout + bare.stderr
        )
    some = [ONLY, f"--model={model}", "-k", "smuggled or tokenization"]
    smuggled = run_with_plugin(tmp_path, BARE.format("test_smuggled"), *some)
    assert smuggled.returncode == 1
    assert "FAIL: 2 benchmarks were timed, 1 of them by the rules" in smuggled.stdout


def test_a_missing_audit_is_red(tmp_path: Path) -> None:
    """A model whose audit fell out has no green run."""
    model = tiny.build(tmp_path / "my-model", max_tokens=140)
    some = [ONLY, f"--model={model}", "-k", "tokenization"]
    broken = run_with_plugin(
        tmp_path,
        "def pytest_configure():\n"
        "    from benchmarks import plugin\n"
        "    right = plugin.judge\n"
        "    def judge(model, found):\n"
        "        gate = right(model, found)\n"
        "        gate.verdicts = [one for one in gate.verdicts if one.check != 'second seed']\n"
        "        return gate\n"
        "    plugin.judge = judge\n",
        *some,
    )
    assert broken.returncode == 1
    assert "audit did not run: second seed" in broken.stdout


def test_tables() -> None:
    """Rows by kind, length and texts, whatever the order they ran in; no exponents; 120 columns."""
    shapes = [("throughput", 8, 64), ("throughput", 32, 16), ("throughput", 1, 16), ("latency", 1, 16)]
    seconds = [11.42119, 2.0, 1.0, 0.0195]
    records = [
        Record(*shape, tokens=16, warm_ups=1, seconds=[one])
        for shape, one in zip(shapes, seconds, strict=True)
    ]
    engine: Any = SimpleNamespace(dimension=1024)
    unused: Any = None
    bench = Bench(
        name="synthetic:qwen3-embedding-0.6b-4bit",
        engine=engine,
        meter=unused,
        plan=SMALL_ON_CPU,
        findings=Findings("float32", lambda _: 1e6, records, peak=1e12),
        config={},
        limit=256,
        child=[],
    )
    rows = [line.split()[:4] for line in grid_table(bench)[2:]]
    assert rows == [
        [kind, f"{batch}", "x", f"{length}"] for kind, batch, length in (shapes[n] for n in (2, 1, 0, 3))
    ]
    assert " 11,420 " in grid_table(bench)[4]
    published = read_published(own_files.FIXTURES / "published.toml")
    assert max(map(len, [*summary_table([bench], published), *grid_table(bench)])) <= 120


RUN: dict[str, Any] = {
    "machine_info": {"device": "cpu", "chip": "a", "cores": 2, "tf32": "-", "mlx": "1", "blas": "x"},
    "benchmarks": [
        {
            "fullname": "t::one",
            "stats": {"median": 2.0},
            "extra_info": {"matmul": 1e9, "precision": "float32"},
        }
    ],
}


def test_ratios_by_hand() -> None:
    """Half as long on a machine that multiplies three times as fast: slower, if the machine were the same."""
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["stats"]["median"] = 1.0
    now["benchmarks"][0]["extra_info"]["matmul"] = 3e9
    now["machine_info"]["mlx"] = "2"
    lines, failures = baseline.compare(RUN, now, "stored")
    assert failures == []
    assert lines[1:] == ["  mlx: 1 -> 2", "   0.500x   1.500x  t::one"]


@pytest.mark.parametrize(("key", "value"), [("device", "gpu"), ("chip", "b"), ("cores", 4), ("tf32", "0")])
def test_another_machine_is_not_comparable(key: str, value: object) -> None:
    now = copy.deepcopy(RUN)
    now["machine_info"][key] = value
    lines, failures = baseline.compare(RUN, now, "stored")
    assert lines == []
    assert len(failures) == 1
    assert failures[0].startswith(f"stored: not comparable: {key} is {value!r}")


def test_another_precision_is_not_comparable() -> None:
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["extra_info"]["precision"] = "bfloat16"
    lines, failures = baseline.compare(RUN, now, "stored")
    assert lines == []
    assert failures == ["stored: not comparable: t::one is in bfloat16, it was in float32"]


def test_missing_and_new_benchmarks() -> None:
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["fullname"] = "t::two"
    assert baseline.compare(RUN, now, "stored")[1] == [
        "stored: t::one is in the baseline and not in this run",
        "stored: t::two is new: no baseline; store a run again",
    ]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("stats", {}),
        ("stats", {"median": 0.0}),
        ("stats", {"median": math.inf}),
        ("extra_info", {}),
        ("extra_info", {"matmul": math.nan, "precision": "float32"}),
        ("fullname", None),
    ],
)
def test_malformed_documents(where: str, value: object) -> None:
    then = copy.deepcopy(RUN)
    then["benchmarks"][0][where] = value
    assert bool(baseline.why_malformed(then)) == (where != "fullname")
    del then["benchmarks"][0]["fullname"]
    assert baseline.why_malformed(then)
    assert baseline.why_malformed({**RUN, "machine_info": {}}) == (
        "machine_info lacks device, chip, cores, tf32, mlx, blas"
    )
