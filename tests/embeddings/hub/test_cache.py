"""The cache of huggingface_hub: a whole snapshot needs no network, and a part of one is no model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

import embeddings
from embeddings import hub
from embeddings.folder import find_folder
from tests.support.fake_hub import (
    CODE,
    COMMIT,
    FILES,
    INDEX,
    NAME,
    TINY,
    WEIGHTS,
    fill,
    sharded,
    without,
)


@pytest.mark.parametrize("listed", [None, FILES])
def test_complete_cache_needs_no_network(
    cache: Path, monkeypatch: pytest.MonkeyPatch, listed: dict[str, bytes] | None
) -> None:
    folder = fill(cache, FILES, listed=listed)

    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert hub.fetch(NAME, COMMIT) == folder
    found = find_folder(f"{NAME}@{COMMIT}")
    assert (found.path, found.name) == (folder, "tiny-qwen3")
    assert (
        embeddings.load(f"{NAME}@{COMMIT}").encode(["a text"]).shape
        == embeddings.load(TINY).encode(["a"]).shape
    )


MISSING: dict[str, tuple[dict[str, bytes], dict[str, bytes] | None, list[str]]] = {
    "nothing there": ({}, None, ["config.json", "tokenizer.json", WEIGHTS]),
    "weights": (without(WEIGHTS), None, [WEIGHTS]),
    "config and tokenizer": (
        without("config.json", "tokenizer.json"),
        None,
        ["config.json", "tokenizer.json"],
    ),
    "one of two shards": (
        {**sharded("a.safetensors", "b.safetensors"), "a.safetensors": b""},
        None,
        ["b.safetensors"],
    ),
    "a listed file that says how to pool": (without("modules.json"), FILES, ["modules.json"]),
    "no code": (FILES, {**FILES, **CODE}, []),
    "index beside one file": ({**sharded("b.safetensors"), WEIGHTS: b""}, None, []),
}


@pytest.mark.parametrize("case", MISSING)
def test_incomplete_snapshot_is_no_model(cache: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    files, listed, names = MISSING[case]
    fill(cache, files, listed=listed)
    assert hub.missing(NAME, COMMIT) == names
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    if names:
        with pytest.raises(embeddings.ModelNotFound, match=f"lacks {', '.join(names)} of {COMMIT}"):
            hub.fetch(NAME, COMMIT)


def test_link_to_a_blob_that_is_gone(cache: Path) -> None:
    (fill(cache, FILES) / WEIGHTS).resolve().unlink()
    assert hub.missing(NAME, COMMIT) == [WEIGHTS]


@pytest.mark.parametrize("index", [b"{", b"[]", b'{"weight_map": {}}', b'{"weight_map": {"a": "../b"}}'])
def test_malformed_index(cache: Path, index: bytes) -> None:
    fill(cache, {**without(WEIGHTS), INDEX: index})
    with pytest.raises(embeddings.DamagedModel, match=re.escape(INDEX)):
        hub.fetch(NAME, COMMIT)


PROGRAM = """
import sys
from embeddings.folder import find_folder
from embeddings.hub import snapshot
find_folder(sys.argv[1])
assert "huggingface_hub" not in sys.modules, "a folder waited for huggingface_hub"
print(snapshot("a/b", "0" * 40))
"""


@pytest.mark.parametrize(("variable", "below"), [("HF_HOME", "hub"), ("HF_HUB_CACHE", "")])
def test_environment(tmp_path: Path, variable: str, below: str) -> None:
    """The cache is where huggingface_hub's variables say, and a model in a folder does not import it."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(TINY)],
        env={**usual, variable: str(tmp_path), "PYTHONPATH": str(TINY.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == tmp_path / below / "models--a--b" / "snapshots" / ("0" * 40)
