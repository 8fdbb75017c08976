"""What the tests of the hub share: an empty cache, a hub on 127.0.0.1, a catalog of one model."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from huggingface_hub import constants

from embeddings.catalog import CatalogEntry
from tests.support.fake_hub import (
    COMMIT,
    FILES,
    NAME,
    WEIGHTS,
    FakeHub,
    HubServer,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a hub that nobody serves, no token, and no waiting between retries."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 65_536)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    point_at(monkeypatch, "http://127.0.0.1:1")
    return tmp_path / "hub"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    fake = FakeHub()
    with HubServer(fake) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield fake
        server.shutdown()
        thread.join()


def point_at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def catalogued(monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    """A catalog of one model of the hub."""
    hashes = {name: sha256(FILES[name]).hexdigest() for name in (WEIGHTS, "config.json")}
    entry = CatalogEntry(
        name="known", repository=NAME, revision=COMMIT, sha256=hashes, licence="MIT", source="here"
    )
    for module in ("embeddings.folder", "embeddings.doctor", "embedding_gate.adapter"):
        monkeypatch.setattr(f"{module}.CATALOG", {entry.name: entry})
    return entry
