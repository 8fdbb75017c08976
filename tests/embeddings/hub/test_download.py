"""Downloads from a hub on 127.0.0.1: what is asked for, and what becomes of an interrupted one."""

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

import embeddings
from embeddings import hub
from tests.support.fake_hub import (
    COMMIT,
    FILES,
    NAME,
    WEIGHTS,
    FakeHub,
    fill,
    sharded,
    without,
)


def test_download(served: FakeHub) -> None:
    """Data alone, each file once, the weights last; then nothing more is asked for."""
    folder = hub.fetch(NAME, COMMIT)
    there = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert there == FILES
    assert served.counts() == Counter(["tree", *FILES])
    assert served.asked[-1][1] == WEIGHTS
    served.asked.clear()
    assert hub.fetch(NAME, COMMIT) == folder
    assert not served.asked


def test_nothing_is_told_of_this_machine(served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the versions of huggingface_hub and of Python, which it always tells."""
    monkeypatch.setattr("huggingface_hub.utils._headers.detect_agent", lambda: "an-agent")
    hub.fetch(NAME, COMMIT)
    assert not any("agent" in agent or "torch" in agent for agent in served.agents)


def test_download_of_shards(served: FakeHub) -> None:
    """The weights that the index names and no others."""
    shards = {"a.safetensors": b"a", "b.safetensors": b"b"}
    served.files = {**sharded(*shards), **shards, "other.safetensors": b"c"}
    folder = hub.fetch(NAME, COMMIT)
    assert {path.name for path in folder.glob("*.safetensors")} == set(shards)


def test_weights_of_dense_modules(served: FakeHub) -> None:
    """modules.json names them. A snapshot without them is not complete."""
    modules = [*json.loads(FILES["modules.json"]), {"type": "a.b.Dense", "path": "3_Dense"}]
    dense = {
        "3_Dense/config.json": b"{}",
        "3_Dense/model.safetensors": b"d",
        "3_Dense/pytorch_model.bin": b"n",
    }
    served.files = {**FILES, **dense, "modules.json": json.dumps(modules).encode()}
    folder = hub.fetch(NAME, COMMIT)
    assert {path.name for path in (folder / "3_Dense").iterdir()} == {"config.json", "model.safetensors"}
    (folder / "3_Dense" / "model.safetensors").unlink()
    assert hub.missing(NAME, COMMIT) == ["3_Dense/model.safetensors"]
    del served.files["3_Dense/model.safetensors"]
    with pytest.raises(embeddings.ModelNotFound, match="the repository has no 3_Dense/model"):
        hub.fetch(NAME, COMMIT)


def test_only_what_is_missing_is_downloaded(served: FakeHub, cache: Path) -> None:
    fill(cache, without(WEIGHTS))
    hub.fetch(NAME, COMMIT)
    assert served.counts() == Counter(["tree", WEIGHTS])


def test_broken_connection_is_resumed(served: FakeHub) -> None:
    served.breaks = 1
    folder = hub.fetch(NAME, COMMIT)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    first, second = [span for method, what, span in served.asked if (method, what) == ("GET", WEIGHTS)]
    assert not first
    assert int(second.removeprefix("bytes=").removesuffix("-")) >= 65_536  # not from the start


def test_interrupt_passes_through(served: FakeHub, cache: Path) -> None:
    """What was complete is kept, what was not is no model, and the next call gets the rest."""
    served.interrupts = True
    usual = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where a shell started us with &
    try:
        with pytest.raises(KeyboardInterrupt):
            hub.fetch(NAME, COMMIT)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert hub.missing(NAME, COMMIT) == [WEIGHTS]
    assert not list(cache.rglob("*.incomplete"))  # huggingface_hub 2 keeps no part of a file
    served.interrupts = False
    served.asked.clear()
    assert (hub.fetch(NAME, COMMIT) / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert served.counts() == Counter(["tree", WEIGHTS])


def test_lost_for_good(served: FakeHub) -> None:
    served.breaks = 1000
    served.files = {**FILES, WEIGHTS: b"x"}  # half of it is nothing, so no try gets further
    with pytest.raises(embeddings.ModelNotFound, match="RemoteProtocolError"):
        hub.fetch(NAME, COMMIT)
    assert hub.missing(NAME, COMMIT) == [WEIGHTS]
