"""What a hub refuses, and what stops a download: each is an error of one line."""

import os
from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

import embeddings
from embeddings import hub
from tests.support.fake_hub import (
    CODE,
    COMMIT,
    NAME,
    WEIGHTS,
    FakeHub,
    fill,
    without,
)

REFUSALS = {
    "no such repository": ("tree", 404, "RepoNotFound", "no such repository", "correct the name"),
    "unknown without a token": ("tree", 401, "", "no such repository, or it is private", "hf auth login"),
    "no such commit": ("tree", 404, "RevisionNotFound", f"no commit {COMMIT}", "Files and versions"),
    "gated": (WEIGHTS, 403, "GatedRepo", "only to those who have access", "hf auth login"),
    "gated, no token": ("config.json", 401, "GatedRepo", "only to those who have access", "HF_TOKEN"),
    "forbidden": ("tree", 403, "", "only to those who have access", "hf auth login"),
    "broken": ("tree", 500, "", "answered 500", f"hf download {NAME} --revision {COMMIT}"),
    "broken at a file": ("config.json", 500, "", "answered 500", "--model=FOLDER"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(served: FakeHub, case: str) -> None:
    what, status, code, words, hint = REFUSALS[case]
    served.fails[what] = (status, code)
    with pytest.raises(embeddings.ModelNotFound, match=words) as caught:
        hub.fetch(NAME, COMMIT)
    assert str(caught.value).startswith(f"{NAME}: ")
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_refusal_of_an_incomplete_snapshot(served: FakeHub, cache: Path) -> None:
    """A snapshot that was begun does not hide why it cannot be ended."""
    fill(cache, without(WEIGHTS))
    served.fails["tree"] = (403, "GatedRepo")
    with pytest.raises(embeddings.ModelNotFound, match=f"have access .* lacks {WEIGHTS}"):
        hub.fetch(NAME, COMMIT)


def test_no_network() -> None:
    with pytest.raises(embeddings.ModelNotFound, match=r"127.0.0.1:1 failed \(ConnectError") as caught:
        hub.fetch(NAME, COMMIT)
    assert f"hf download {NAME} --revision {COMMIT}" in caught.value.hint
    assert "--model=FOLDER" in caught.value.hint


def test_offline(served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(embeddings.ModelNotFound, match="HF_HUB_OFFLINE is set") as caught:
        hub.fetch(NAME, COMMIT)
    assert "--model=FOLDER" in caught.value.hint
    assert not served.asked


def test_too_little_room(served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=1000, used=990, free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(embeddings.ModelNotFound, match=r"is full .*0\.00 GB free"):
        hub.fetch(NAME, COMMIT)
    assert WEIGHTS not in served.counts()


@pytest.mark.usefixtures("served")
def test_disk_full(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(embeddings.ModelNotFound, match=f"{cache} is full") as caught:
        hub.fetch(NAME, COMMIT)
    assert "HF_HUB_CACHE" in caught.value.hint


@pytest.mark.parametrize("absent", ["tokenizer.json", "config.json", WEIGHTS])
def test_repository_of_another_kind(served: FakeHub, absent: str) -> None:
    served.files = {**without(absent), **CODE}
    with pytest.raises(embeddings.ModelNotFound, match=f"the repository has no {absent}"):
        hub.fetch(NAME, COMMIT)
    assert WEIGHTS not in served.counts()
