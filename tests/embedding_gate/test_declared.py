"""What the judge reads of a folder by itself: both spellings, Dense modules, and what it says of them."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddings
from embedding_gate import adapter, own_files, session
from embedding_gate.checks.test_batching import test_batch_budget as batch_budget
from embedding_gate.checks.test_batching import test_multiple_of_32 as multiple_of_32
from embedding_gate.checks.test_manifest import test_weights as weights
from embedding_gate.checks.test_vectors import test_pooled_length as pooled_length
from embedding_gate.data.checkpoint import read_dense
from embedding_gate.data.declared import pooling_words, read_declared, similarity_note
from embedding_gate.data.declared_changes import declared_changes
from embedding_gate.data.labelled import Part
from embedding_gate.subjects.embedded import embed_part
from embedding_gate.verdicts.gate import CheckFailed
from tests.faults.catalogue import injected
from tests.support import tiny
from tests.support.overlays import OVERLAYS, lay

DENSE = own_files.FIXTURES / "tiny-dense"


@pytest.mark.parametrize("name", OVERLAYS)
def test_another_spelling_is_no_change(tmp_path: Path, name: str) -> None:
    right, same = tiny.build(tmp_path / "right"), lay(tiny.build(tmp_path / "same"), OVERLAYS[name])
    changes = [line for line in declared_changes(right, same) if not line.startswith("tie_word_embeddings")]
    expected = {
        "sentence-transformers 6": [
            "normalisation: no -> yes",
            "prompt 'document': not declared -> ''",
            "prompt 'query': not declared -> ''",
        ]
    }
    assert changes == expected.get(name, [])
    assert (
        read_declared(same).max_tokens == read_declared(right).max_tokens == embeddings.load(same).max_tokens
    )


def test_spellings_of_the_pooling(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "model")
    file = folder / "1_Pooling" / "config.json"
    for declared, words in (
        ({"pooling_mode": "lasttoken"}, ["lasttoken"]),
        ({"pooling_mode": ["cls", "mean"]}, ["cls", "mean"]),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, ["mean"]),
        ({"pooling_mode_max_tokens": True}, ["pooling_mode_max_tokens"]),
    ):
        tiny.write_json(file, declared)
        assert pooling_words(folder) == words


def test_the_limit_in_a_file_of_an_old_name(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "model", max_tokens=7)
    (folder / "sentence_bert_config.json").rename(folder / "sentence_roberta_config.json")
    assert read_declared(folder).max_tokens == embeddings.load(folder).max_tokens == 7


def test_dense_modules_are_told_apart(tmp_path: Path) -> None:
    other = shutil.copytree(DENSE, tmp_path / "other")
    tiny.edit_json(other / "2_Dense" / "config.json", activation_function="torch.nn.modules.activation.GELU")
    (line,) = declared_changes(DENSE, other)
    assert line.startswith("Dense module 2_Dense: ")
    assert "activation.Tanh" in line.partition(" -> ")[0]
    assert "activation.GELU" in line.partition(" -> ")[2]


def test_weights_of_dense_modules_are_compared() -> None:
    """As those of the model: the same values, whatever the precision of the model is."""
    found = read_dense(DENSE)
    assert {name: tensor.shape for name, tensor in found.items()} == {
        "2_Dense.linear.weight": (32, 32),
        "2_Dense.linear.bias": (32,),
        "3_Dense.linear.weight": (16, 32),
    }
    for precision in ("float32", "float16"):
        subject = adapter.open_subject(str(DENSE), own_files.Options(baseline=None, precision=precision))
        gate = session.open_gate(subject)
        with gate.claim("test_weights"):
            weights(subject, gate)
    encoder: Any = subject.encoder
    encoder.after.weights["2_Dense.linear.bias"] *= 2
    with (
        pytest.raises(CheckFailed, match=r"not as in the file: 2_Dense\.linear\.bias"),
        gate.claim("test_weights"),
    ):
        weights(subject, gate)


def test_a_dense_module_gives_another_length() -> None:
    subject = adapter.open_subject(str(DENSE), own_files.Options(baseline=None))
    gate = session.open_gate(subject)
    with gate.claim("test_pooled_length"):
        pooled_length(subject, gate)
    assert gate.verdicts[0].outcome == "not applicable"
    with injected("one Dense module of two left out"):
        broken = embeddings.load(DENSE)
    assert np.abs(broken.encode(["a b"])[0] - subject.encoder.encode(["a b"])[0]).max() > 1e-2


def test_a_limit_below_the_lengths_that_checks_make(tmp_path: Path) -> None:
    """Many models read 64 or 75 tokens, and that is no fault."""
    folder = tiny.build(tmp_path / "model", max_tokens=64)
    subject = adapter.open_subject(str(folder), own_files.Options(baseline=None))
    gate = session.open_gate(subject)
    for name, check in (("test_batch_budget", batch_budget), ("test_multiple_of_32", multiple_of_32)):
        with gate.claim(name):
            check(subject, gate)
    assert [verdict.outcome for verdict in gate.verdicts] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("declared", "normalize", "said"),
    [
        (None, False, ""),
        ("cosine", False, ""),
        ("dot", True, ""),
        ("dot", False, "declares the similarity 'dot'"),
    ],
)
def test_another_similarity_is_told(tmp_path: Path, declared: str | None, normalize: bool, said: str) -> None:
    """Where it ranks in another way: vectors of length 1 are ranked alike."""
    folder = tiny.build(tmp_path / "model", max_tokens=140)
    tiny.write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": declared})
    if normalize:
        added = {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"}
        tiny.write_json(folder / "modules.json", [*tiny.MODULES, added])
    assert (said in similarity_note(folder)) is True
    assert bool(similarity_note(folder)) is bool(said)
    notes = adapter.open_subject(str(folder), own_files.Options(baseline=None)).notes
    assert any("declares the similarity" in note for note in notes) is bool(said)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ((), []),
        (("query", "corpus"), []),
        (("query", "sts"), ["  some: none of the model's prompts is for a document; it has 'query', 'sts'"]),
    ],
)
def test_a_role_without_a_prompt_is_told(tmp_path: Path, prompts: Sequence[str], said: Sequence[str]) -> None:
    folder = tiny.build(tmp_path / "model")
    tiny.write_json(
        folder / "config_sentence_transformers.json", {"prompts": {name: f"{name}: " for name in prompts}}
    )
    notes: list[str] = []
    embed_part(embeddings.load(folder), Part("some", ["abc"], 1, "document"), notes.append)
    assert notes == said
    assert json.loads((folder / "config_sentence_transformers.json").read_text())["prompts"].keys() == {
        *prompts
    }
