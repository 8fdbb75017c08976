"""Published figures: all there, bound to their texts, and judged to the last digit printed."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding_gate import adapter, own_files, register, session
from embedding_gate.checks import test_published
from embedding_gate.claims.published import Figure, Published, compare, measure, read_published
from embedding_gate.claims.table import published_table
from embedding_gate.data.labelled import Topics
from embedding_gate.errors import FixtureError
from embedding_gate.verdicts.gate import CheckFailed

PUBLISHED = read_published(own_files.FIXTURES / "published.toml")
TOPICS = Topics(("1", "2", "3", "4"), ("art", "art", "food", "food"), ("p", "q", "r", "s"), "")
PLANE = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])  # cosines: art 0.6, food 0.6


def values(model: str, quantity: str) -> list[str]:
    return [figure.shown for figure in PUBLISHED.of(model) if figure.quantity == quantity]


def test_every_figure_is_there() -> None:
    """The summary table, the quality metrics and the rest of the published results."""
    table = ("dimension", "throughput, tokens/s", "latency, ms", "cache speedup", "cohesion")
    rows = {model: [values(model, quantity)[0] for quantity in table] for model in ("0.6B", "4B", "8B")}
    assert rows == {
        "0.6B": ["1024", "44162", "2.99", "12.66", "0.309"],
        "4B": ["2560", "18329", "8.77", "20.53", "0.652"],
        "8B": ["4096", "10905", "16.27", "45.78", "0.59"],
    }
    assert values("small", "category similarity: nature") == ["0.418"]
    assert values("medium", "lowest category similarity") == ["> 0.5"]
    assert values("large", "lowest category similarity") == ["0.549"]
    assert len([figure for figure in PUBLISHED.figures if not figure.model]) == 9
    assert len(PUBLISHED.figures) == 49


def test_names() -> None:
    for name in ("0.6B", "small", "Qwen3-Embedding-0.6B-4bit-DWQ", "QWEN3-embedding-0.6b"):
        assert PUBLISHED.of(name), name
    assert not PUBLISHED.of("all-MiniLM-L6-v2")
    assert not PUBLISHED.of("")


def test_measured() -> None:
    found = measure(PLANE, TOPICS)
    assert found["category similarity: art"] == pytest.approx(0.6)
    assert found["cohesion"] == pytest.approx(0.6)
    assert found["highest category similarity"] == pytest.approx(0.6)
    assert found["mean norm"] == pytest.approx(1)
    assert found["dimension"] == 2


@pytest.mark.parametrize(
    ("value", "texts", "outcome"),
    [
        (0.3094, "these", "reproduced"),
        (0.3096, "these", "NOT REPRODUCED"),
        (0.3084, "these", "NOT REPRODUCED"),
        (0.309, "others", "not comparable"),
    ],
)
def test_a_figure_binds_its_own_texts_only(value: float, texts: str, outcome: str) -> None:
    figures = (
        Figure("M", "", "cohesion", "0.309", 0.3085, 0.3095),
        Figure("M", "", "latency, ms", "3", 2, 4),
    )
    published = Published("these", {"m": "M"}, figures)
    found = compare(published, "m", {"cohesion": value}, texts)
    assert [comparison.outcome for comparison in found] == [outcome, "not measured here"]
    lines = published_table(found)
    assert lines[2].split()[:2] == ["cohesion", "0.309"]
    assert outcome in lines[2]
    assert published_table([]) == []


ONE_OF_EACH = """
texts = "x"
[[model]]
name = "m"
aliases = []
[[figure]]
section = "s"
quantity = "q"
low = 1
high = 2
possible_on = ["Apple M1"]
verdict = "possible"
[[statement]]
section = "s"
text = "t"
check = "c"
lacks = ["a"]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('texts = "x"', 'texts = "x"\ntext = "y"'),
        ('possible_on = ["Apple M1"]', 'possible_on = "Apple M1"'),
        ('possible_on = ["Apple M1"]', "possible_on = [1]"),
        ('possible_on = ["Apple M1"]', 'impossible_on = ["Apple M1"]'),
        ('lacks = ["a"]', 'lack = ["a"]'),
        ('lacks = ["a"]', "source = 1"),
        ('text = "t"', 'text = ""'),
        ('text = "t"', ""),
    ],
)
def test_an_unknown_key_or_type_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "published.toml"
    path.write_text(ONE_OF_EACH)
    published = read_published(path)
    assert published.figures[0].possible_on == ("Apple M1",)
    assert published.statements[0].lacks == ("a",)
    path.write_text(ONE_OF_EACH.replace(old, new))
    with pytest.raises(FixtureError, match="malformed"):
        read_published(path)


@pytest.mark.parametrize(
    "text", ["[[", "", 'texts = "x"\n[[model]]\nname = "m"\naliases = []\n[[figure]]\nvalue = 1\n']
)
def test_malformed(tmp_path: Path, text: str) -> None:
    (tmp_path / "published.toml").write_text(text)
    with pytest.raises(FixtureError, match="malformed"):
        read_published(tmp_path / "published.toml")


def test_a_live_model_by_the_published_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged beside the published figures, a little looser than recorded vectors; by no other recipe."""
    folder = tmp_path / "Qwen3-Embedding-0.6B"
    shutil.copytree(own_files.FIXTURES / "tiny-qwen3", folder)
    config = folder / "config.json"
    config.write_text(config.read_text() + "\n")  # other bytes: not the model whose goldens say it is random
    subject = adapter.open_subject(str(folder), own_files.Options(recipe=register.REFERENCE))
    topics = own_files.sets().topics
    measured = measure(subject.topics.vectors[0], topics)
    right = Published(
        topics.sha256_of_texts,
        {"qwen3-embedding-0.6b": "small"},
        tuple(
            Figure("small", "here", quantity, "", measured[quantity] + 0.0009, measured[quantity] + 0.01)
            for quantity in ("cohesion", "category similarity: art")
        ),
    )
    for off, outcome in ((0.0, "reproduced"), (0.0002, "NOT REPRODUCED")):
        moved = tuple(replace(figure, low=figure.low + off) for figure in right.figures)
        published = replace(right, figures=moved)
        monkeypatch.setattr(session, "read_published", lambda _, published=published: published)
        found = session.published_of(subject)
        assert {one.outcome for one in found} == {outcome}
        gate = session.open_gate(subject, own_files.Options(recipe=register.REFERENCE))
        with gate.claim("test_published_figures"), nullcontext() if not off else pytest.raises(CheckFailed):
            test_published.test_published_figures(found, gate)
        assert bool(gate.red) is bool(off)
    assert "test_published_figures" in register.live_tests(register.REFERENCE)
    assert "test_published_figures" not in register.live_tests()
