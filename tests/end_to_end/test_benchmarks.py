"""The measurements as a user runs them, on a tiny model; and runs beside a baseline."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.plan import default_models, plan_of
from embedding_gate import own_files
from tests.support import tiny
from tests.support.commands import pytest_run, refused_in_one_line, run_with_plugin

ONLY = "--benchmark-only"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([ONLY, "-m", "quality"], "does nothing else: leave out -m"),
        ([ONLY, "-m", "faults"], "does nothing else: leave out -m"),
        ([ONLY, "-n", "2"], "-n: processes beside each other change what is measured: leave out -n"),
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
    refused_in_one_line(options, words)


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
    assert first.stdout.splitlines()[-1] == f"benchmarks: PASS: the measurements of {model} keep the rules"
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
    failures = re.findall(
        r"^FAIL: \S+: \S+::(\w+)\S+ (is new|is in the baseline)", second.stdout, re.MULTILINE
    )
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


def test_memory_of_loading_and_of_a_text() -> None:
    command = [sys.executable, "-m", "benchmarks.harness.memory", "fixtures/tiny-qwen3", "16"]
    done = subprocess.run(command, cwd=own_files.ROOT, capture_output=True, text=True, check=True)
    weights, loaded, encoded = done.stdout.splitlines()
    assert re.fullmatch(r"fixtures/tiny-qwen3: 0\.\d\d GiB of weights, 0\.\d\d GiB in files", weights)
    peak = r"peak \d\.\d\d GiB, of MLX's arrays \d\.\d\d GiB"
    assert re.fullmatch(rf"loaded in \d+\.\d s; {peak}", loaded)
    assert re.fullmatch(rf"16 tokens encoded in \d+\.\d s, length 1\.00000\d; {peak}", encoded)


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


def test_the_readme_has_the_tables_of_error_rates() -> None:
    """As ``python -m benchmarks.against.error_rates`` prints them from the recorded sessions."""
    command = [sys.executable, "-m", "benchmarks.against.error_rates"]
    done = subprocess.run(command, cwd=own_files.ROOT, capture_output=True, text=True, check=True)
    readme = (own_files.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    printed = [line for line in done.stdout.splitlines() if line]
    assert len(printed) > 10
    assert [line for line in printed if line not in readme] == []
