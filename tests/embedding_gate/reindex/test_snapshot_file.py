"""The file of a snapshot: what it holds, and what is said of a bad one, in one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.own_files import OWN, own_texts
from embedding_gate.reindex.canaries import canaries_of
from embedding_gate.reindex.identity import Identity
from embedding_gate.reindex.snapshot import Snapshot, read_snapshot, write_snapshot
from embedding_gate.reindex.take import canaries_for
from embedding_gate.reindex.verdict import judge
from tests.support.snapshots import changed, old


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.snapshot"
    write_snapshot(path, old())
    return path


def test_what_is_written_is_read(file: Path) -> None:
    """The default canaries take less than 2 MB; texts, judgements and vectors come back bit for bit."""
    assert file.stat().st_size < 2_000_000
    found = read_snapshot(file)
    assert found.name == old().name
    assert found.identity == old().identity
    assert found.canaries.hashes == old().canaries.hashes
    assert judge(old(), found).answer == "identical"
    known, its = old().canaries.sets, found.canaries.sets
    assert its.topics.categories == known.topics.categories
    assert np.array_equal(its.pairs.grades, known.pairs.grades)
    assert np.array_equal(its.retrieval.passage_rows, known.retrieval.passage_rows)
    assert list(its.retrieval.passages()) == list(known.retrieval.passages())


def test_the_identity_has_no_name_and_no_path() -> None:
    one = Identity(384, weights="a", tokenizer="b", encoding="c", dtype="float32", prompts={}, device="cpu")
    other = Identity(384, weights="z", tokenizer="b", dtype="float16", prompts={"query": "q: "}, device="cpu")
    assert one.differences(other) == ["weights", "dtype: float32 -> float16", "prompts"]
    assert set(one.as_data()) == {*Identity.__struct_fields__}
    assert not {"name", "path", "folder"} & set(Identity.__struct_fields__)


def own_texts_of_a_user() -> Snapshot:
    texts, sets, _ = own_texts(OWN)
    return replace(old(), canaries=canaries_of(texts, sets, own=True))


def test_texts_of_the_user_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "own.snapshot"
    write_snapshot(path, own_texts_of_a_user())
    assert old().canaries.sets.topics.texts[0].encode() not in path.read_bytes()
    found = read_snapshot(path)
    given = own_texts_of_a_user().canaries
    assert canaries_for(found, lambda: given) is given
    other = replace(given, hashes={**given.hashes, "pairs": "f" * 64})
    with pytest.raises(InputError, match=r"was taken of other pairs than .*; give the same --sts"):
        canaries_for(found, lambda: other)


def header_of(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    with safe_open(path, "np") as file:
        return dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def rewritten(change: Callable[[dict[str, str], dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        header, tensors = header_of(path)
        change(header, tensors)
        save_file(tensors, path, metadata=header)

    return damage


def another_text(header: dict[str, str], _: dict[str, Any]) -> None:
    canaries = json.loads(header["canaries"])
    canaries["topics"]["rows"][0][1] = "another text"
    header["canaries"] = json.dumps(canaries)


def one_text_less(header: dict[str, str], tensors: dict[str, Any]) -> None:
    tensors["topics"] = tensors["topics"][:-1]
    header["vectors"] = rehashed(tensors)


def rehashed(tensors: dict[str, Any]) -> str:
    from embedding_gate.reindex import snapshot  # noqa: PLC0415  (its own hash of vectors)

    return snapshot._digest(tensors)


def first_number(value: float) -> Callable[[dict[str, str], dict[str, Any]], None]:
    def change(_: dict[str, str], tensors: dict[str, Any]) -> None:
        tensors["queries"][2, 0] = value

    return change


def narrower(_: dict[str, str], tensors: dict[str, Any]) -> None:
    tensors["queries"] = np.ascontiguousarray(tensors["queries"][:, :100])


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "no such file; take a snapshot first"),
        (cut_off, "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: path.write_text("not safetensors at all"), "is damaged"),
        (rewritten(lambda header, _: header.clear()), "is no snapshot; name a file that"),
        (
            rewritten(lambda header, _: header.update(version="2")),
            "is a snapshot of version 2, and this gate",
        ),
        (rewritten(lambda header, _: header.update(identity="{}")), "is damaged (identity: "),
        (rewritten(lambda header, _: header.update(canaries='{"topics": {}}')), "is damaged (canaries: "),
        (rewritten(lambda _, tensors: tensors.pop("queries")), "is damaged (holds vectors of "),
        (rewritten(first_number(np.nan)), "queries: the vector of text 3 holds NaN or infinity"),
        (rewritten(first_number(np.inf)), "queries: the vector of text 3 holds NaN or infinity"),
        (rewritten(first_number(0.25)), "is damaged (its vectors are not those of their hash)"),
        (rewritten(narrower), "holds queries of 63 x 100 float32, and says 384 dimensions"),
        (rewritten(another_text), "its topics are other texts than their hash says"),
        (rewritten(one_text_less), "is damaged (104 texts and 103 vectors of topics)"),
    ],
)
def test_a_bad_snapshot_is_one_line(file: Path, damage: Callable[[Path], Any], words: str) -> None:
    damage(file)
    with pytest.raises(FixtureError) as caught:
        read_snapshot(file)
    assert str(caught.value).startswith(f"{file}: {words}")
    assert "\n" not in str(caught.value)


def test_vectors_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    def spoilt(vectors: Any) -> Any:
        vectors[5, 7] = np.nan
        return vectors

    with pytest.raises(FixtureError, match="the vector of text 6 holds NaN"):
        write_snapshot(tmp_path / "nan", changed(spoilt))
    with pytest.raises(FixtureError, match="cannot be written"):
        write_snapshot(tmp_path / "no" / "folder", old())
