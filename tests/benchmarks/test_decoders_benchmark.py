"""The rounds of the decoder benchmark, with engines that take a known time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import decoders
from benchmarks.peers.decoder_engines import Engine, worker
from embedding_gate.errors import Unavailable
from embedding_gate.workers import Worker


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
