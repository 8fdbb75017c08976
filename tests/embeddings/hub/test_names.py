"""The names of models of the hub: repositories, pinned commits, and models of the catalog."""

from pathlib import Path

import pytest

import embeddings
from embedding_gate import adapter
from embeddings import doctor, hub
from embeddings.catalog import CatalogEntry
from embeddings.folder import find_folder
from tests.support.fake_hub import (
    COMMIT,
    FILES,
    NAME,
    TINY,
    fill,
)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("owner/name", ("owner/name", "")),
        (f"owner/name@{COMMIT}", ("owner/name", COMMIT)),
        ("owner/name@main", ("owner/name", "main")),
        ("mlx-community/Qwen3-Embedding-0.6B-4bit-DWQ", ("mlx-community/Qwen3-Embedding-0.6B-4bit-DWQ", "")),
        *(
            (name, None)
            for name in ("", "name", "/a/b", "~/a", "./a", "../a", "a/b/c", "a/", "a/b c", "a/.b", "a/bä")
        ),
    ],
)
def test_parse(name: str, parts: tuple[str, str] | None) -> None:
    assert hub.parse(name) == parts


@pytest.mark.parametrize("revision", ["", "main", COMMIT[:7], COMMIT.upper()])
def test_unpinned(revision: str) -> None:
    with pytest.raises(embeddings.ModelNotFound, match="only a pinned commit is taken") as caught:
        find_folder(f"{NAME}@{revision}")
    assert "add @COMMIT (40 hex digits)" in caught.value.hint
    assert f"https://huggingface.co/{NAME}" in caught.value.hint


@pytest.mark.usefixtures("catalogued")
@pytest.mark.parametrize("name", ["known", NAME, f"{NAME}@{COMMIT}"])
def test_catalogued(cache: Path, name: str) -> None:
    folder = fill(cache, FILES)
    assert find_folder(name).path == folder
    assert find_folder(name).name == "known"
    (folder / "config.json").unlink()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(embeddings.HashMismatch, match=r"config\.json: SHA-256"):
        find_folder(name)


def test_catalogued_without_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CatalogEntry(name="known", repository=NAME, sha256={}, licence="", source="")
    monkeypatch.setattr("embeddings.folder.CATALOG", {"known": entry})
    for name in ("known", NAME):
        with pytest.raises(embeddings.ModelNotFound, match="add @COMMIT"):
            find_folder(name)


def test_doctor(cache: Path, catalogued: CatalogEntry) -> None:
    """Whether a model is in the cache, without any network (nobody serves this hub)."""
    findings = dict(doctor.examine())
    assert f"model {catalogued.name}" not in findings
    assert findings["models not here"].startswith(f"{catalogued.name}: fetched from the Hugging Face hub")
    folder = fill(cache, FILES)
    findings = dict(doctor.examine())
    assert findings["model known"].startswith(f"{folder}, hashes right")
    assert "models not here" not in findings
    (folder / "tokenizer.json").unlink()
    assert dict(doctor.examine())["model known"].startswith(
        "not in the Hugging Face cache: no tokenizer.json"
    )


def test_a_folder_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert find_folder(NAME).path == Path(NAME)


def test_names_of_the_judge(cache: Path) -> None:
    """A model of the hub is judged under its repository's name; a new process finds it by the same words."""
    fill(cache, FILES)
    asked = f"{NAME}@{COMMIT}"
    assert adapter.name_of(asked) == "tiny-qwen3"
    assert adapter.source_of(asked) == asked
    assert adapter.source_of(str(TINY)) == str(TINY)
