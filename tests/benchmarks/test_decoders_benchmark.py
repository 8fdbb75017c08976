"""The decoder benchmark: its arithmetic by hand, its rounds with engines that take a known time."""

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.micro import crossover
from benchmarks.peers import decoder_engines, decoder_worker, decoders
from benchmarks.peers.decoder_engines import Engine, config_for, worker
from benchmarks.peers.figures import (
    TARGETS,
    FreshIds,
    Measured,
    Target,
    device_class,
    extrapolate,
)
from embedding_gate.errors import Unavailable, WorkerError
from embedding_gate.workers import Worker
from embeddings.backend import mx, nn
from embeddings.models.quantized import ManyRowsLinear

BATCH = (128, 128)


def test_extrapolation() -> None:
    # embedding and the like 0.5 s, a layer 2 s
    assert extrapolate(2.5, 4.5, 28) == pytest.approx(0.5 + 28 * 2)
    assert extrapolate(2.5, 4.5, 1) == 2.5
    with pytest.raises(ValueError, match="quiet machine"):
        extrapolate(2.5, 2.5, 28)


def test_no_text_comes_twice() -> None:
    fresh = FreshIds(vocabulary=4)
    drawn = [tuple(text) for _ in range(4) for text in fresh(4, 2).tolist()]
    assert len(set(drawn)) == 16  # all that there are
    with pytest.raises(ValueError, match="no 1 new texts of 2 ids below 4"):
        fresh(1, 2)
    np.testing.assert_array_equal(FreshIds(1000, seed=3)(2, 8), FreshIds(1000, seed=3)(2, 8))


def measured(rate: float, latency: float = 0.01) -> Measured:
    return Measured(rates=[rate] * 3, latencies=[latency])


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (Target("4b", "tokens/s", 1000), "met: 1,000"),
        (Target("4b", "tokens/s", 1001), "MISSED: 1,000"),
        (Target("4b", "speed", 4, "mlx-lm"), "met: 4"),
        (Target("4b", "speed", 4.1, "mlx-lm"), "MISSED: 4"),
        (Target("4b", "speed", 1.2, "torch"), "not judged: torch was not measured"),
        (Target("4b", "latency", 2, "mlx-lm"), "met: 2"),
        (Target("4b", "latency", 1.9, "mlx-lm"), "MISSED: 2"),
        (Target("4b", "tokens/s", 1, device="CPU"), "not judged: it is for CPU, this is H100"),
        (Target("4b", "tokens/s", 1, batch=(4, 128)), "not judged: it is for 4 texts x 128 tokens"),
    ],
)
def test_verdicts(target: Target, verdict: str) -> None:
    engines = {"gate": measured(1000, latency=0.02), "mlx-lm": measured(250, latency=0.01)}
    assert target.verdict(engines, "H100", BATCH) == verdict


def test_a_nan_meets_no_target() -> None:
    for figure in ("tokens/s", "latency"):
        target = Target("4b", figure, 1, "mlx-lm")
        engines = {"gate": measured(float("nan"), float("nan")), "mlx-lm": measured(1.0)}
        assert target.verdict(engines, "H100", BATCH).startswith("MISSED")


def test_targets_and_devices() -> None:
    assert str(TARGETS[0]) == "0.6b gate tokens/s >= 300,000"
    assert str(TARGETS[5]) == "8b gate over mlx-lm >= 4"
    assert device_class("cuda", "NVIDIA H100 80GB HBM3") == "H100"
    assert device_class("metal", "Apple M4 Max") == "Apple M4 Max"
    assert device_class("cpu", "H100's host") == "CPU"


def test_the_ratio_is_that_of_rounds() -> None:
    """A slow round meets both engines, and the ratio does not see it."""
    gate, peer = Measured(rates=[100, 50, 120]), Measured(rates=[50, 25, 40])
    assert peer.slower(gate) == (2, 2, 3)


class Fake(Worker):
    """A worker that takes 1 ms a layer and token (the gate half of it) and notes what it is asked."""

    matmul = 1e12  # FLOP/s
    peers_vector = (1.0, 0.0)

    def __init__(self, engine: Engine, size: str, device: str, torch_python: str) -> None:
        real = worker(engine, size, device, torch_python)
        super().__init__(real.name, real.module, real.arguments)
        self.spec = json.loads(real.arguments[1])
        self.log: list[Mapping[str, Any]] = []
        self.missing = "no torch here" if engine.which == "torch" else ""

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def versions(self) -> dict[str, str]:
        """Be ready, or not."""
        if self.missing:
            raise Unavailable(self.name, self.missing, hint="install it")
        return {}

    def ask(self, request: Any) -> dict[str, Any]:
        """Answer as a worker does."""
        self.log.append(request)
        if "matmul" in request:
            return {"bfloat16": self.matmul / 2, "float32": self.matmul}
        layers = request.get("layers") or self.spec["config"]["num_hidden_layers"]
        slow = 1000 if sum("ids" in one for one in self.log) == 1 else 1  # the first call of all
        tokens = np.size(request["ids"])
        gate = self.name.startswith("gate")
        seconds = slow * (0.0005 if gate else 0.001) * layers * tokens
        return {
            "seconds": seconds,
            "vectors": [(1.0, 0.0) if gate else self.peers_vector] * len(request["ids"]),
        }


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    made: list[Fake] = []

    def make(*arguments: Any) -> Fake:
        made.append(Fake(*arguments))
        return made[-1]

    monkeypatch.setattr(decoders, "worker", make)
    return made


def on_gpu(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(decoders, "backend", lambda: "cuda")
    monkeypatch.setattr(decoders, "device_name", lambda _: name)


def test_rounds_on_a_gpu(
    fakes: list[Fake], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    on_gpu(monkeypatch, "NVIDIA H100 80GB HBM3")
    file = tmp_path / "figures.json"
    code = decoders.main(["--sizes", "tiny,0.6b", "--rows", "4", "--rounds", "3", "--json", str(file)])
    shown = capsys.readouterr()
    assert code == 0
    assert "torch is left out: no torch here" in shown.err
    assert "not judged: it is for 128 texts x 128 tokens" in shown.out
    gate, peer = (fake for fake in fakes[:3] if not fake.missing)
    texts = [tuple(text) for request in gate.log for text in request.get("ids", [])]
    assert len(set(texts)) == len(texts) == (2 + 3) * 4 + 2 + 101
    assert [r for r in peer.log if "ids" in r] == [r for r in gate.log if "ids" in r]
    record = json.loads(file.read_text())["sizes"]["tiny"]["engines"]
    assert record["gate"]["rates"] == pytest.approx([1000 / 0.5 / 3] * 3)  # 3 layers; no warm-up in it
    assert record["mlx-lm"]["rates"] == pytest.approx([1000 / 3] * 3)
    assert record["gate"]["latencies"] == pytest.approx([0.0005 * 3 * 16] * 101)
    assert record["mlx-lm"]["cosine"] == 1


def test_rounds_on_a_cpu(fakes: list[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert decoders.main(["--cpu", "--rounds", "2"]) == 1
    shown = capsys.readouterr().out
    # two layers of 28 were timed, on one text; the engine is exactly linear, and its rate is that of all
    gate, again, peer, _ = fakes
    assert {request.get("layers") for request in peer.log if "ids" in request} == {1, 2}
    assert max(len(request["ids"]) for request in peer.log if "ids" in request) == 1
    assert max(len(request["ids"]) for request in again.log if "ids" in request) == 8
    assert not {request.get("layers") for request in gate.log if "ids" in request} - {None}
    lines = {line[:20].strip(): line.split() for line in shown.splitlines() if "x" in line}
    assert lines["gate"][1] == lines["gate, extrapolated*"][2] == f"{1000 / 28 / 0.5:.4g}"
    assert lines["mlx-lm*"][1] == f"{1000 / 28:.4g}"
    assert "0.6b gate over mlx-lm >= 30" in shown
    assert "MISSED: 2" in shown


@pytest.mark.usefixtures("fakes")
def test_impossible(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on_gpu(monkeypatch, "another chip")
    arguments = ["--sizes", "8b", "--rows", "2", "--rounds", "1", "--engines", "gate,mlx-lm"]
    assert decoders.main(arguments) == 0
    assert "no target is set for this device" in capsys.readouterr().out
    # the gate: 1000 / 36 / 0.5 tokens/s of 13.9 GFLOP is 774 GFLOP/s
    monkeypatch.setattr(Fake, "matmul", 770e9)
    assert decoders.main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert ["IMPOSSIBLE" in line for line in lines if "x  " in line] == [True, False]


@pytest.mark.usefixtures("fakes")
def test_other_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    on_gpu(monkeypatch, "another chip")
    monkeypatch.setattr(Fake, "peers_vector", (0.0, 1.0))
    assert decoders.main(["--sizes", "8b", "--rows", "2", "--rounds", "1"]) == 1
    assert "NOT THE SAME WORK: mlx-lm" in capsys.readouterr().out


@pytest.mark.usefixtures("fakes")
def test_an_engine_that_was_named_must_run() -> None:
    with pytest.raises(SystemExit, match="torch: no torch here; leave it out of --engines"):
        decoders.main(["--engines", "gate,torch", "--rounds", "1"])


@pytest.mark.parametrize("wrong", ["--sizes=9b", "--engines=torch", "--engines=gate,jax", "--rounds=-1"])
def test_command_line(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        decoders.parse([wrong])
    assert stopped.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err


def spec(**more: Any) -> dict[str, Any]:
    return {"config": config_for("tiny"), "name": "tiny", "precision": "float32", "device": "cpu", **more}


def test_the_engines_do_the_same_work() -> None:
    ids = FreshIds(5000)(3, 16)
    gate, peer = decoder_worker.gate(spec()), decoder_worker.mlx_lm(spec())
    linear = nn.layers.quantized.QuantizedLinear
    assert type(peer.trunk.layers[0].mlp.up_proj) is linear  # no many-rows layer
    ours, theirs = gate.encode(ids), peer.encode(ids)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)  # measured 1.9e-7
    assert np.abs(ours - peer.encode(np.flip(ids, axis=1).copy())).max() > 0.1  # measured 0.28


def test_layers_are_cut_for_one_request() -> None:
    engine = decoder_worker.gate(spec())
    whole = engine.trunk.layers
    ids = FreshIds(5000)(1, 4).tolist()
    answers = [
        decoder_worker.timed(engine, whole, {"ids": ids, "layers": layers})["vectors"]
        for layers in (None, 1, 2, 3, None)
    ]
    assert answers[0] == answers[3] == answers[4]
    assert answers[0] != answers[1] != answers[2] != answers[0]


def test_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before it is imported."""
    monkeypatch.setitem(decoder_engines.NEEDS, "torch", ("numpy", "no-torch", "no-transformers"))
    with (
        worker(Engine("torch", "torch", "float32"), "tiny", "cpu", sys.executable) as running,
        pytest.raises(Unavailable, match=r"^torch: no no-torch and no no-transformers here; install it for "),
    ):
        running.versions()


def test_a_worker_in_a_process() -> None:
    """One that answers; and one that cannot start, and says whose fault it is."""
    arguments = [json.dumps(spec())]
    with Worker("gate", "benchmarks.peers.decoder_worker", ["gate", *arguments], needs=["numpy"]) as running:
        assert running.versions() == {"python": platform.python_version(), "numpy": np.__version__}
        assert running.ask({"matmul": 32, "times": 1}).keys() == {"bfloat16", "float32"}
        answer = running.ask({"ids": [[1, 2, 3]]})
    assert answer["seconds"] > 0
    assert np.shape(answer["vectors"]) == (1, 256)
    with (
        Worker("nobody", "benchmarks.peers.decoder_worker", ["nobody", *arguments]) as running,
        pytest.raises(WorkerError, match=r"^nobody: its process stopped: KeyError: 'nobody'; "),
    ):
        running.versions()


@pytest.mark.parametrize(
    ("layers", "entry"),
    [
        ([{1: 0.5, 2: 1.5, 4: 3}], 2),
        ([{1: 1.5, 2: 1.5}], 1),
        ([{1: 1.5, 2: 0.9, 4: 1.1}], 4),  # a win below a loss does not count
        ([{1: 0.5, 2: 1.5, 4: 3}, {1: 0.5, 2: 0.9, 4: 1.2, 8: 2}], 4),
        ([{1: 0.5, 2: 1.5}, {1: 0.5, 2: 1}], None),
        ([{1: float("nan")}], None),
    ],
)
def test_crossover(layers: list[dict[int, float]], entry: int | None) -> None:
    assert crossover.crossover(layers) == entry


def test_crossover_times_the_two_ways_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    (packed,) = crossover.make_weights(64, 32, 4, mx.float32, cold=1)
    layer = nn.layers.quantized.QuantizedLinear(64, 32, bias=False, group_size=64, bits=4)
    layer.weight, layer.scales, layer.biases = packed.weight, packed.scales, packed.biases
    x = mx.random.normal((5, 64), key=mx.random.key(0))
    assert mx.array_equal(crossover.packed_product(x, packed), layer(x))
    layer.__class__, layer.least_size = ManyRowsLinear, 1
    assert mx.array_equal(crossover.unpacked_product(x, packed), layer(x))
    monkeypatch.delattr(crossover, "unpacked")
    crossover.packed_product(x, packed)
    with pytest.raises(NameError):
        crossover.unpacked_product(x, packed)  # two ways indeed


def test_crossover_prints_the_entry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crossover, "SHAPES", {"toy": {"hidden_size": 64, "intermediate_size": 32}})
    monkeypatch.setattr(crossover, "ROWS", (1, 2, 4, 8))

    def clock(rows: int, *_: Any) -> tuple[float, float]:
        return rows / 2, 0.1 * rows  # ratio, seconds

    monkeypatch.setattr(crossover, "ratio_at", clock)
    crossover.main(["--limit", "0.3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-4:] == [
        "0.50",
        "1.00",
        "2.00",
        "4.00",
    ]  # twice as fast does not end it, more does
    assert lines[-1] == '"cpu": 4'
    options = argparse.Namespace(rows=(1, 2, 4, 8, 16), backend="cpu", rounds=1, limit=0.3)
    assert max(crossover.measure_layer(64, 32, 4, mx.float32, options)) == 8
