"""What the tests of the cache share: a tiny model, an empty cache, a file of a cache."""

from contextlib import closing
from pathlib import Path

import pytest

import embeddings
from embeddings import Embedder, VectorCache
from embeddings.cache.sqlite_store import SQLiteStore
from tests.support import tiny
from tests.support.cache_writer import batch

PROMPTS = {"prompts": {"q": "q: ", "none": ""}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.build(tmp_path_factory.mktemp("tiny") / "model")
    tiny.write_json(made / "config_sentence_transformers.json", PROMPTS)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Embedder:
    return embeddings.load(folder)


@pytest.fixture
def cache() -> VectorCache:
    return VectorCache()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed file with one batch, alone in its folder."""
    (tmp_path / "here").mkdir()
    found = tmp_path / "here" / "cache"
    with closing(SQLiteStore(found)) as file:
        file.put(batch(1))
    return found
