"""Subjects outside of this repository: how they are named, and what the judge knows by itself."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray

import embeddings
from embedding_gate import adapter, clients
from embedding_gate.data.declared import read_declared
from embedding_gate.endpoint import is_address
from embedding_gate.errors import (
    FixtureError,
    GateError,
    InputError,
    SubjectLost,
    SubjectMalformed,
    SubjectRefused,
)
from embedding_gate.outside import open_outside
from embedding_gate.own_files import FIXTURES, OWN, ROOT, Options, texts
from embedding_gate.subjects.server import Server
from embedding_gate.tokenizer import OwnTokenizer
from tests.support import tiny
from tests.support.subjects import Chain, Sentences, hashed, nothing, raises
from tests.support.told import Told

MODEL = "all-MiniLM-L6-v2"
TINY = str(FIXTURES / "tiny-qwen3")


@pytest.mark.parametrize("folder", [MODEL, TINY, str(FIXTURES / "tiny-dense")])
def test_the_judge_reads_the_folder_as_the_library_does(folder: str) -> None:
    """Two readings of the same files, limits, prompts and token ids of all texts of the gate."""
    model, path = embeddings.load(folder), adapter.find(folder)
    declared = read_declared(path)
    assert declared.max_tokens == model.max_tokens
    assert dict(declared.prompts) == dict(model.recipe.prompts)
    assert declared.min_dimensions == model.min_dimensions
    own = OwnTokenizer(path, declared)
    for prompt in (None, *declared.prompts):
        if prompt is None and model.recipe.default_prompt is not None:
            continue
        one, other = (found.tokenize(texts().texts, prompt_name=prompt) for found in (own, model))
        for ids, expected in zip(one.ids, other.ids, strict=True):
            np.testing.assert_array_equal(ids, expected)
        np.testing.assert_array_equal(one.dropped, other.dropped)
    np.testing.assert_array_equal(own.count_tokens(["a b", ""]), model.count_tokens(["a b", ""]))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    for path in Path(TINY).glob("*.json"):
        content = "[" if path.name == name else path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(content, encoding="utf-8")
    with pytest.raises(FixtureError, match=name):
        open_outside(str(tmp_path), OWN, hashed)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [('"[UNK]": 1', '"[U]": 1', "WordPiece error: Missing .*UNK"), ("3\n", "2147483648\n", "out of bounds")],
)
def test_a_tokenizer_that_cannot_tokenize(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    """Without its token for unknown words; with a token around each text whose id is no id."""
    folder = tiny.build(tmp_path / "tiny", max_tokens=140)
    own = OwnTokenizer(folder, read_declared(folder))
    assert len(own.count_tokens(["§"])) == 1
    path = folder / "tokenizer.json"
    content = path.read_text(encoding="utf-8")
    assert right in content
    path.write_text(content.replace(right, wrong, 1), encoding="utf-8")
    own = OwnTokenizer(folder, read_declared(folder))
    with pytest.raises(FixtureError, match=rf"tokenizer\.json: cannot tokenize a text \(.*{words}.*restore"):
        own.count_tokens(["§"])


def test_a_model_that_reads_more_is_judged_at_512_tokens(tmp_path: Path) -> None:
    """Longer texts are left out: the goldens are cut there, and the subject takes no lower limit."""
    for path in Path(TINY).rglob("*"):
        if path.is_file() and path.name != "golden.safetensors":
            (tmp_path / path.relative_to(TINY)).parent.mkdir(exist_ok=True)
            (tmp_path / path.relative_to(TINY)).write_bytes(path.read_bytes())
    for name, key in (
        ("config.json", "max_position_embeddings"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        content = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps({**content, key: 4096}))
    subject = open_outside(str(tmp_path), replace(OWN, baseline=None), hashed)
    assert (subject.limit, subject.max_tokens) == (4096, 512)
    assert subject.tokenizer.count_tokens(subject.texts.texts).max() <= 512
    assert any("left out, for they have more than 512 tokens: " in note for note in subject.notes)
    assert int(subject.tokenizer.count_tokens([subject.text_of(512)])[0]) == 512


def test_an_embedder_of_this_process() -> None:
    subject = open_outside(MODEL, OWN, Sentences("x"))
    assert subject.offers == {"encode", "threads", "same process", "prompts", "truncate_dim"}
    assert open_outside(MODEL, OWN, Chain()).encoder.prompts == {"query"}
    with pytest.raises(SubjectRefused, match=r"embedder function: was asked for 1 text, .* ValueError: too"):
        open_outside(MODEL, OWN, raises).encoder.encode(["\x00"])
    with pytest.raises(
        SubjectMalformed, match="embedder function: was asked for 1 text, 'a text' and gave None"
    ):
        open_outside(MODEL, OWN, nothing)
    with pytest.raises(SubjectLost, match="embedder int: TypeError: a int is no function"):
        open_outside(MODEL, OWN, 7)


def test_a_new_process_is_of_the_same_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has another number, and the same function: never the gate's own library."""
    monkeypatch.chdir(ROOT)
    subject = open_outside(MODEL, Options(subject="python:tests.support.subjects:place", baseline=None))
    first, again = int(subject.encoder.encode(["a"])[0, 0]), int(subject.encode_elsewhere(["a"])[0, 0])
    assert len({first, again, os.getpid()}) == 3
    subject.close()


@pytest.mark.parametrize("spec", ["python:module", "python::name", "file:x", "mine", "MODULE:NAME"])
def test_a_subject_that_has_no_such_form(spec: str) -> None:
    with pytest.raises(InputError, match="write python:MODULE:NAME, http://HOST:PORT/v1/embeddings, "):
        open_outside(MODEL, Options(subject=spec))


@pytest.mark.parametrize("spec", ["http://h:1/v1/embeddings", "https://h/e", "ollama:h:1", "tei:h:1"])
def test_a_server_is_asked_by_the_client_of_endpoints(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets the name of the model and the limit of time."""
    opened: list[Any] = []

    def open_client(*given: Any, **options: Any) -> Told:
        opened.append((given, options))
        return Told("usage")

    monkeypatch.setattr(clients, "open_client", open_client)
    subject = open_outside(MODEL, Options(subject=spec, timeout=7.0))
    assert opened == [((spec, MODEL), {"timeout": 7.0})]
    assert subject.offers == {"encode", "threads", "endpoint"}
    assert (subject.endpoint.limit, len(subject.endpoint.texts)) == (256, 48)
    assert subject.endpoint.client.asked
    assert len(subject.endpoint.tokenize(["a"]).ids[0]) == 3
    subject.endpoint.reopen()
    assert len(opened) == 2
    open_outside(MODEL, Options(subject=spec, served_as="minilm"))
    assert opened[-1] == ((spec, "minilm"), {"timeout": 60.0})
    assert is_address(spec)
    assert not is_address("python:a:b")


@pytest.mark.parametrize(
    ("what", "cause", "kind"),
    [
        ("gave no answer in 7 s", httpx2.ReadTimeout("slow"), SubjectLost),
        ("gave nothing (refused)", httpx2.ConnectError("refused"), SubjectLost),
        ("gave 413 too large", None, SubjectRefused),
        ("gave 500 oh no", None, SubjectMalformed),
        ("gave an answer that holds 2 vectors for 3 texts", ValueError("holds 2"), SubjectMalformed),
    ],
)
def test_the_errors_of_a_server(what: str, cause: Exception | None, kind: type[GateError]) -> None:
    class Failing(Told):
        def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:  # noqa: ARG002
            raise GateError("POST http://h", what, hint="see its log") from cause

    with pytest.raises(kind) as raised:
        Server("http://h", Failing()).encode(["a"])
    assert str(raised.value) == f"POST http://h: {what}; see its log"


@pytest.mark.parametrize("cause", [httpx2.ReadError("reset"), httpx2.ReadTimeout("slow")])
def test_a_server_that_broke_off_one_request_is_not_lost(cause: Exception) -> None:
    """Of 32 requests at once it may reset one. It answers the next, so the other checks are made."""

    class ResetsTheFirst(Told):
        def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
            found = super().encode(texts, **options)
            if len(self.asked) == 1:
                raise GateError(
                    "POST http://h", "gave no whole answer (reset)", hint="see its log"
                ) from cause
            return found

    server = Server("http://h", ResetsTheFirst())
    with pytest.raises(SubjectMalformed, match="gave no whole answer"):
        server.encode(["a"])
    assert server.encode(["a"]).shape == (1, 8)
