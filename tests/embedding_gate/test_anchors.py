"""Anchors: read, matched by name, and each agrees with the right recipe and with no other."""

from contextlib import suppress
from dataclasses import replace
from math import isinf
from pathlib import Path

import pytest

from embedding_gate.adapter import open_subject
from embedding_gate.anchors import anchors_table
from embedding_gate.checks.test_anchors import test_published_agreement as check
from embedding_gate.data.anchors import anchors_of, read_all_anchors, read_anchors
from embedding_gate.errors import FixtureError
from embedding_gate.own_files import ANCHORS, DEFAULT_MODEL, ROOT
from embedding_gate.session import open_gate
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import CheckFailed
from embedding_gate.verdicts.thresholds import NOT_APPLICABLE, Verdict
from embeddings import pooling
from tests.faults.registry import TINY_DECODER, Inject, Patch
from tests.faults.seams import change_texts, pool_with

ALL = {anchors.name: anchors for anchors in read_all_anchors(ANCHORS)}


@pytest.fixture(scope="module")
def embedded() -> Subject:
    return open_subject(DEFAULT_MODEL)


def verdict_on(subject: Subject) -> Verdict:
    gate = open_gate(subject)
    with gate.claim("test_published_agreement"), suppress(CheckFailed):
        check(subject, gate)
    return gate.verdicts[-1]


# ------------------------------------------------------------------ the files


def test_what_there_is() -> None:
    must = """
        Qwen3-Embedding-0.6B Qwen3-Embedding-4B Qwen3-Embedding-8B embeddinggemma-300m bge-m3
        bge-small-en-v1.5 multilingual-e5-small multilingual-e5-base multilingual-e5-large
        nomic-embed-text-v1.5 gte-modernbert-base all-mpnet-base-v2 snowflake-arctic-embed-m
    """
    assert ALL.keys() >= set(must.split())
    assert not [
        source for anchors in ALL.values() for source in anchors.source if not (source.commit or source.note)
    ]


def test_the_page_has_the_table_that_the_command_prints() -> None:
    page = (ROOT / "docs" / "anchors.md").read_text(encoding="utf-8")
    assert "\n".join(anchors_table(list(ALL.values()))) in page


GOOD = """model = "owner/mine"
width = 2
[[source]]
repository = "owner/name"
path = "test.py"
commit = "abc"
licence = "MIT"
precision = "float32"
[[source.vectors]]
texts = ["a"]
scaled = true
digits = 1
values = [[0.6, 0.8]]
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("width = 2", "width = 1"), "longer than width 1"),
        (("[0.6, 0.8]", "[0.6, 0.8], [1.0, 0.0]"), "values must have 1 rows of 2 numbers"),
        (("[0.6, 0.8]", ""), "values must have 1 rows"),
        (('"float32"', '"float8"'), "Invalid enum value 'float8' - at `$.source[0].precision`"),
        (("digits = 1", "digit = 1"), "unknown field `digit` - at `$.source[0].vectors[0]`"),
        (("[[source.vectors]]", "[[source.cosines]]"), "unknown field"),
        (("scaled = true", 'scaled = true\nwrong = "mean"'), "holds no figure"),
        (("owner/mine", "owner/other"), "is named mine, but is about other"),
        (("[[source]]", "[source"), "malformed"),
    ],
)
def test_one_line_says_what_is_wrong(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_anchors(path).width == 2
    path.write_text(GOOD.replace(*change, 1), encoding="utf-8")
    with pytest.raises(FixtureError) as caught:
        read_anchors(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "found", "precision"),
    [
        ("bge-m3", "bge-m3", ""),
        ("BGE-M3", "bge-m3", ""),
        ("bge-m3-mlx-fp16", "bge-m3", "float16"),
        ("Qwen3-Embedding-4B-bf16", "Qwen3-Embedding-4B", "bfloat16"),
        ("Qwen3-Embedding-4B-4bit-DWQ", "", ""),
        ("bge-m3-8bit", "", ""),
        ("my-bge-m3", "", ""),
        ("bge-m3-finetuned", "", ""),
        ("model", "", ""),
    ],
)
def test_a_name_decides(name: str, found: str, precision: str) -> None:
    anchors, rounded = anchors_of(ANCHORS, name)
    assert (anchors.name if anchors else "", rounded) == (found, precision)


# ------------------------------------------------------------------ the embedded model


def test_the_embedded_model_agrees(embedded: Subject) -> None:
    verdict = verdict_on(embedded)
    assert verdict.outcome == "pass", verdict
    assert verdict.measured > 0.1  # the threshold is no wider than the figures need


@pytest.mark.parametrize(
    "inject",
    [
        lambda patch: pool_with(patch, pooling.first_token),
        lambda patch: pool_with(patch, pooling.last_token),
        lambda patch: change_texts(patch, lambda text: f"query: {text}"),
    ],
    ids=["the first token", "the last token", "a prompt before every text"],
)
def test_another_recipe_does_not(embedded: Subject, monkeypatch: Patch, inject: Inject) -> None:
    inject(monkeypatch)
    assert verdict_on(embedded).measured > 10


@pytest.mark.parametrize(
    "name", sorted(name for name in ALL if ALL[name].width == 384 and name != DEFAULT_MODEL)
)
def test_another_model_of_the_same_width_does_not(embedded: Subject, name: str) -> None:
    verdict = verdict_on(replace(embedded, name=name))
    assert verdict.outcome == "FAIL"
    assert 1 < verdict.measured < 1e6


def test_a_model_of_another_shape_is_named(embedded: Subject) -> None:
    verdict = verdict_on(replace(embedded, name="all-mpnet-base-v2"))
    assert isinf(verdict.measured)
    assert "its vectors have 384 components, not 768" in verdict.evidence


def test_it_does_not_apply_to_an_unknown_name_another_recipe_or_fewer_bits(embedded: Subject) -> None:
    assert verdict_on(replace(embedded, name="mine")).outcome == NOT_APPLICABLE
    assert verdict_on(replace(embedded, recipe="reference-2025")).outcome == NOT_APPLICABLE
    packed = open_subject(f"{TINY_DECODER}-4bit")
    assert "is quantized" in verdict_on(replace(packed, name="Qwen3-Embedding-0.6B")).evidence
