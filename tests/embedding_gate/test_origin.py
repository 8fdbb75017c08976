"""A model beside the one that it was fine-tuned or quantized from."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from embedding_gate import session
from embedding_gate.adapter import find, open_subject
from embedding_gate.checks.test_origin import test_not_worse as not_worse
from embedding_gate.data.declared_changes import declared_changes
from embedding_gate.errors import InputError
from embedding_gate.metrics.resampling import bootstrap
from embedding_gate.origin import guess, open_origin, same_files
from embedding_gate.outside import open_outside
from embedding_gate.own_files import OWN, Options, slice_of_sets
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.origin import NOT_WORSE, Origin
from embedding_gate.verdicts.gate import CheckFailed, Gate
from tests.faults.slices import golden_of, slice_of
from tests.support import tiny
from tests.support.library_subjects import embed, first_token

MODEL = "all-MiniLM-L6-v2"
BESIDE = replace(OWN, origin=MODEL)
Weights = dict[str, NDArray[np.generic]]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw 199 samples of the texts in place of 1,999: enough for signs and rough widths."""
    monkeypatch.setattr(bootstrap, "DRAWS", 199)


def copied(folder: Path, change: Callable[[Weights], Weights] | None = None) -> Path:
    """Copy the embedded model's folder, with other weights."""
    shutil.copytree(find(MODEL), folder)
    if change is not None:
        save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return folder


def noisy(weights: Weights) -> Weights:
    """Add noise of a standard deviation of 1e-3 to each weight."""
    draw = np.random.default_rng(0)
    return {
        name: of + draw.normal(0, 1e-3, of.shape).astype(of.dtype) if of.dtype == np.float32 else of
        for name, of in weights.items()
    }


def halved(weights: Weights) -> Weights:
    """Store each weight in 16 bits."""
    return {name: of.astype(np.float16) if of.dtype == np.float32 else of for name, of in weights.items()}


def opened(folder: Path, options: Options = BESIDE) -> tuple[Subject, Origin]:
    """Open a model and its origin on a slice of the texts."""
    subject = slice_of(open_subject(str(folder), options))
    origin = open_origin(subject, options)
    assert origin is not None
    return subject, on_slice(origin)


def on_slice(origin: Origin) -> Origin:
    """Give the goldens of the slice to the origin, and their texts."""
    golden = golden_of(MODEL)
    return replace(
        origin, model=replace(origin.model, golden=golden), texts=slice_of(open_subject(MODEL)).texts
    )


def judged(subject: Subject, origin: Origin, *required: str) -> Gate:
    """Make the check. What it raises is in the gate."""
    subject.origin = origin
    gate = session.open_gate(subject, replace(BESIDE, require=frozenset(required)))
    try:
        with gate.claim("test_not_worse"):
            not_worse(origin, subject, gate)
    except CheckFailed:
        pass
    return gate


def test_noise_moves_vectors_and_no_metric_surely(tmp_path: Path) -> None:
    subject, origin = opened(copied(tmp_path / "tuned", noisy))
    gate = judged(subject, origin, NOT_WORSE)
    assert [one.outcome for one in gate.verdicts] == ["pass"]
    assert gate.verdicts[0].required == "<= 0.002"
    assert origin.drift is not None
    assert 0.98 < origin.drift.least < 0.9975 < origin.drift.median < 0.9995
    assert origin.drift.texts == len(subject.texts.ids) + sum(part.count for part in subject.sets.parts)
    lines = origin.lines()
    assert lines[0] == (
        f"  beside its origin {MODEL} (held against its goldens), {origin.drift.texts:,} texts:"
    )
    assert lines[-1] == "    declared: nothing differs"


def test_weights_of_16_bits_move_little(tmp_path: Path) -> None:
    subject, origin = opened(copied(tmp_path / "half", halved))
    found = origin.compare(subject)
    assert 1e-9 < 1 - found.least < 1e-5
    assert np.abs(subject.topics.vectors[0] - origin.model.embed(subject.sets.topics)[0]).max() < 3e-3
    assert found.kept > 0.99
    assert found.worst.surely_worse == 0
    assert origin.lines()[-1] == "    declared: weights: float32 -> float16"


def test_another_pooling_is_named_and_judged_where_it_is_required(tmp_path: Path) -> None:
    folder = copied(tmp_path / "first")
    changes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    tiny.edit_json(folder / "1_Pooling" / "config.json", **changes)
    subject, origin = opened(folder)
    assert origin.declared == ("pooling: mean of the tokens -> first token",)
    red = judged(subject, origin, NOT_WORSE)
    assert [one.outcome for one in red.red] == ["FAIL"]
    assert red.red[0].measured > 0.02
    assert f", beside {MODEL}" in red.red[0].evidence
    told = judged(subject, origin)
    assert [one.outcome for one in told.verdicts] == ["not applicable"]
    assert "--require='not worse' judges it" in told.verdicts[0].evidence
    assert "    declared: pooling: mean of the tokens -> first token" in origin.lines()


def test_the_same_folder(tmp_path: Path) -> None:
    subject, origin = opened(copied(tmp_path / "same"))
    assert origin.same
    gate = judged(subject, origin, NOT_WORSE)
    assert [one.outcome for one in gate.verdicts] == ["pass"]
    assert origin.drift is None
    assert origin.lines() == [f"  beside its origin {MODEL}: the same model, bit for bit"]


def test_the_same_folder_in_another_precision_is_compared(tmp_path: Path) -> None:
    _, origin = opened(copied(tmp_path / "same"), replace(BESIDE, precision="float16"))
    assert not origin.same


@pytest.mark.parametrize(("function", "worse"), [(embed, False), (first_token, True)])
def test_another_subject_is_compared_though_the_files_are_the_same(
    function: Callable[..., object], worse: bool
) -> None:
    subject = slice_of(open_outside(MODEL, BESIDE, function))
    origin = open_origin(subject, BESIDE)
    assert origin is not None
    assert not origin.same
    gate = judged(subject, on_slice(origin), NOT_WORSE)
    assert bool(gate.red) is worse


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    """In one line, which names a text that gives other tokens."""
    subject = open_subject(str(tiny.build(tmp_path / "tiny", max_tokens=140)))
    with pytest.raises(InputError, match=r"^--origin=all-MiniLM-L6-v2: has another tokenizer than \S+tiny: "):
        open_origin(subject, BESIDE)


def test_a_tokenizer_that_was_written_again_is_the_same(tmp_path: Path) -> None:
    """Libraries that save a model set padding and truncation in tokenizer.json. Tokens are the same."""
    folder = copied(tmp_path / "saved", noisy)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(77)
    tokenizer.save(str(folder / "tokenizer.json"))
    subject = slice_of(open_outside(str(folder), OWN, embed))
    origin = open_origin(subject, BESIDE)
    assert origin is not None
    assert origin.declared == ()


def test_a_plain_origin_is_guessed_and_only_told(tmp_path: Path) -> None:
    folder = copied(tmp_path / "tuned")
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x3c")
    assert guess(folder, "tuned") == MODEL
    tiny.edit_json(folder / "config.json", transformers_version="9")
    assert guess(folder, "tuned") == MODEL  # by its shapes
    subject = open_outside(str(folder), OWN, embed)
    assert open_origin(subject, OWN) is None
    assert f"  origin: tokenizer and shapes are those of {MODEL}; compare with it by --origin={MODEL}" in (
        subject.notes
    )
    tiny.edit_json(folder / "config.json", num_hidden_layers=5)
    assert guess(folder, "tuned") is None


def test_no_origin_is_guessed() -> None:
    """Of the model itself, and of random weights."""
    assert guess(find(MODEL), MODEL) is None
    assert guess(find("fixtures/tiny-qwen3"), "tiny-qwen3") is None
    assert not [note for note in open_subject(MODEL).notes if "origin" in note]


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = (tiny.build(tmp_path / name) for name in ("one", "other"))
    assert same_files(one, other)
    (other / "README.md").write_text("About it.")
    assert same_files(one, other)
    tiny.edit_json(other / "1_Pooling" / "config.json", pooling_mode_max_tokens=False)
    assert not same_files(one, other)
    third = tiny.build(tmp_path / "third")
    data = bytearray((third / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (third / "model.safetensors").write_bytes(data)
    assert not same_files(one, third)


def test_what_folders_declare_differently(tmp_path: Path) -> None:
    one, other = (tiny.build(tmp_path / name) for name in ("one", "other"))
    assert declared_changes(one, other) == []
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [{"path": "1_Pooling" if kind == "Pooling" else "", "type": f"a.{kind}"} for kind in kinds]
    tiny.write_json(other / "modules.json", modules)
    prompts = {"prompts": {"query": "Query: "}, "default_prompt_name": "query"}
    tiny.write_json(other / "config_sentence_transformers.json", prompts)
    tiny.edit_json(other / "sentence_bert_config.json", max_seq_length=12)
    tiny.edit_json(other / "config.json", num_hidden_layers=1, quantization={"bits": 4})
    assert declared_changes(one, other) == [
        "normalisation: no -> yes",
        "limit: 20 tokens -> 12 tokens",
        "num_hidden_layers: 2 -> 1",
        "prompt 'query': not declared -> 'Query: '",
        "default prompt: not declared -> 'query'",
        f"quantization: not declared -> {json.dumps({'bits': 4})}",
    ]
    (other / "modules.json").unlink()
    assert declared_changes(one, other)[0] == "pooling: mean of the tokens -> not declared"


def test_an_origin_without_goldens_is_encoded(tmp_path: Path) -> None:
    subject, origin = opened(copied(tmp_path / "tuned", noisy))
    without = replace(origin, model=replace(origin.model, golden=None))
    few = slice_of_sets()
    subject = replace(subject, sets=few)
    found, expected = without.compare(subject), origin.compare(subject)
    assert found.least == pytest.approx(expected.least, abs=1e-6)
    assert "has no goldens: taken on trust" in without.lines()[0]
