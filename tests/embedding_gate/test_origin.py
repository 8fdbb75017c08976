"""A model beside the one that it was fine-tuned or quantized from."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from embedding_gate import session
from embedding_gate.adapter import open_subject
from embedding_gate.errors import InputError
from embedding_gate.origin import open_origin
from embedding_gate.outside import open_outside
from embedding_gate.own_files import OWN
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.origin import NOT_WORSE, Origin
from tests.faults.slices import slice_of
from tests.support import tiny
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.library_subjects import embed
from tests.support.origins import BESIDE, judged, opened
from tests.support.tuned import MODEL, copied, halved, noisy


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Origin]:
    return opened(copied(tmp_path_factory.mktemp("tuned") / "tuned", noisy))


@pytest.fixture
def tuned(encoded: tuple[Subject, Origin]) -> tuple[Subject, Origin]:
    """Return a model with noise in its weights, and its origin. What one test encodes serves the next."""
    subject, origin = encoded
    return copy(subject), replace(origin)


def test_noise_moves_vectors_and_no_metric_surely(tuned: tuple[Subject, Origin]) -> None:
    subject, origin = tuned
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
    assert session.diagnosis(red) == []  # it is no fault of the code
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


def test_texts_too_few_to_judge_are_red_where_it_is_required(tuned: tuple[Subject, Origin]) -> None:
    subject, origin = tuned
    subject = replace(subject, sets=replace(subject.sets, pairs=subject.sets.pairs.first(2)))
    gate = judged(subject, origin, NOT_WORSE)
    assert [one.outcome for one in gate.red] == ["ERROR"]
    assert "too few texts" in gate.red[0].evidence
    assert "(pairs (Spearman))" in gate.red[0].evidence


def test_an_origin_without_goldens_is_encoded(tuned: tuple[Subject, Origin]) -> None:
    subject, origin = tuned
    without = replace(origin, model=replace(origin.model, golden=None))
    found, expected = without.compare(subject), origin.compare(subject)
    assert found.least == pytest.approx(expected.least, abs=1e-6)
    assert "has no goldens: taken on trust" in without.lines()[0]
