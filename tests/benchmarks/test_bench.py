"""One model's measurements: what is timed as loading, and the tables."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.harness import bench as bench_module
from benchmarks.harness import memory
from benchmarks.harness.bench import Bench, Measure, load_rounds
from benchmarks.harness.findings import Findings
from benchmarks.harness.plan import SMALL_ON_CPU
from benchmarks.harness.records import Record
from benchmarks.harness.summary import grid_table, summary_table
from embedding_gate import own_files
from embedding_gate.claims.published import read_published
from embedding_gate.workers import Worker
from embeddings.embedder import Embedder
from embeddings.recipe import DECLARED
from tests.support import tiny

Step = Callable[[], None]


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


def test_intervals_in_the_table() -> None:
    """Seven rounds are the fewest that have an interval: it is theirs from the least to the most."""
    few, enough = [0.002] * 6, [0.001 * number for number in range(1, 8)]
    records = [
        Record("throughput", 8, 16, tokens=128, seconds=few),
        Record("cache: memory", 8, 16, tokens=128, seconds=enough, uncached=[0.1] * 6 + [2.1]),
    ]
    engine: Any = SimpleNamespace(dimension=8)
    unused: Any = None
    findings = Findings("float32", lambda _: 1e6, records, peak=1e12)
    bench = Bench("tiny", engine, unused, SMALL_ON_CPU, findings, {}, 256, [])
    without, with_ = grid_table(bench)[2:]
    assert without.split()[-3:] == ["2", "-", "6"]
    assert with_.split(maxsplit=8)[-1] == "1 .. 7       7  speedup 25 (16.7 .. 300)"


def test_loading_ends_with_the_longest_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan has 128 texts of 16 tokens, and one of 256."""
    asked: list[int] = []
    monkeypatch.setattr(bench_module, "load_rounds", lambda *given: asked.append(given[2]))
    unused: Any = None
    bench = Bench("tiny", unused, unused, SMALL_ON_CPU, Findings("float32", lambda _: 1e6), {}, 512, [])
    measure = Measure(bench, SimpleNamespace(extra_info={}))
    monkeypatch.setattr(measure, "_keep", lambda _: None)
    measure.load()
    assert asked == [256]
