"""The engines of the decoder benchmark do the same work, in a process of their own too."""

import json
import platform
import sys
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import decoder_engines, decoder_worker
from benchmarks.peers.decoder_engines import Engine, config_for, worker
from benchmarks.peers.figures import (
    FreshIds,
)
from embedding_gate.errors import Unavailable, WorkerError
from embedding_gate.workers import Worker
from embeddings.backend import nn


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
