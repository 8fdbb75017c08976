"""Models of the hub: from a cache laid out as huggingface_hub does it, and from a hub on 127.0.0.1."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from errno import ENOSPC
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

import embeddings
from embedding_gate import adapter
from embeddings import doctor, hub
from embeddings.catalog import CatalogEntry
from embeddings.folder import find_folder
from tests.support.fake_hub import (
    CODE,
    COMMIT,
    FILES,
    INDEX,
    NAME,
    TINY,
    WEIGHTS,
    FakeHub,
    HubServer,
    fill,
    sharded,
    without,
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
    assert findings[f"model {catalogued.name}"].startswith("not in the Hugging Face cache: no config.json")
    folder = fill(cache, FILES)
    assert dict(doctor.examine())["model known"].startswith(f"{folder}, hashes right")


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
