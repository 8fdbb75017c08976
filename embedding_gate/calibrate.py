"""Semantic thresholds from goldens: ``make thresholds`` prints them, ``--calibrate`` writes them.

For each check this module measures the goldens. It also resamples the texts with replacement and takes the
middle 95 % of the measurements. If more is better, the threshold is the lower end. If neither more nor less
is better (a broken model may have more cohesion than a right one), both ends are thresholds.

A broken model must not calibrate itself. So the thresholds come from goldens, and the model must pass parity
with them in the same run. The run that writes thresholds fails on purpose, so that somebody reads what was
written.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate import own_files, register
from embedding_gate.checks.test_pairs import cosines
from embedding_gate.checks.test_retrieval import ndcg_of
from embedding_gate.data.labelled import Pairs, Topics
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.data.sets import Sets
from embedding_gate.errors import FixtureError
from embedding_gate.metrics import resampling
from embedding_gate.metrics import similarity as sim
from embedding_gate.metrics.ranking import spearman
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate, check_name

Floats = NDArray[np.float64]
Entry = tuple[
    str, float, Floats, bool, str
]  # check, measured, draws, whether more is better, SHA-256 of the texts

SOURCE = "goldens; 95 % of 1,999 bootstrap samples of the texts (make thresholds)"
PARITY = (
    "token ids",
    "parity",
    "hidden state parity",
    "topics parity",
    "pairs parity",
    "retrieval parity",
    "files",
)
CALIBRATED = (
    "category similarity",
    "cohesion",
    "separation",
    "topic auc",
    "nearest neighbour",
    "anisotropy",
    "pairs",
    "retrieval",
)
_TABLE = "[[threshold]]\n"


def of_topics(vectors: NDArray[np.float32], topics: Topics) -> Iterator[Entry]:
    """Yield the thresholds of texts by topic."""
    categories, sha256 = topics.categories, topics.sha256
    weights = resampling.draw_weights(len(categories))
    ones = np.ones(len(categories))
    similarities = partial(sim.intra_category_similarities, vectors, categories)
    drawn = [similarities(row) for row in weights]
    for category, measured in similarities(ones).items():
        draws = np.array([found.get(category, np.nan) for found in drawn])
        yield f"category similarity: {category}", measured, draws, False, sha256
    for name, statistic, more_is_better in (
        ("cohesion", sim.cohesion, False),
        ("separation", sim.separation, True),
    ):
        draws = np.array([statistic(vectors, categories, row) for row in weights])
        yield name, statistic(vectors, categories), draws, more_is_better, sha256
    auc = sim.topic_auc(vectors, categories)
    yield "topic auc", auc, resampling.draw_aucs(vectors, categories), True, sha256
    hits = sim.nearest_neighbour_hits(vectors, categories)
    yield "nearest neighbour", float(hits.mean()), resampling.draw_means(hits), True, sha256
    crowded = np.array([sim.anisotropy(vectors, row) for row in weights])
    yield "anisotropy", sim.anisotropy(vectors), crowded, False, sha256


def of_pairs(vectors: list[NDArray[np.float32]], pairs: Pairs) -> Iterator[Entry]:
    """Yield the threshold of graded pairs."""
    found = cosines(vectors)
    yield "pairs", spearman(found, pairs.grades), resampling.draw_spearman(found, pairs), True, pairs.sha256


def of_retrieval(vectors: list[NDArray[np.float32]], retrieval: Retrieval) -> Iterator[Entry]:
    """Yield the threshold of a retrieval set."""
    found = ndcg_of(vectors, retrieval)
    yield "retrieval", float(found.mean()), resampling.draw_means(found), True, retrieval.sha256


def of_sets(golden: Mapping[str, list[NDArray[np.float32]]], sets: Sets) -> Iterator[Entry]:
    """Yield every semantic threshold of a model with those goldens."""
    yield from of_topics(golden[sets.topics.sha256][0], sets.topics)
    yield from of_pairs(golden[sets.pairs.sha256], sets.pairs)
    yield from of_retrieval(golden[sets.retrieval.sha256], sets.retrieval)


def as_toml(threshold: Entry, model: str, recipe: str = "declared") -> str:
    """Write a threshold as thresholds.toml holds it."""
    check, measured, draws, more_is_better, fixture = threshold
    low, high = resampling.band(draws[np.isfinite(draws)])
    lines = [f'check = "{check}"', f'model = "{model}"']
    lines += [f'recipe = "{recipe}"'] if recipe != "declared" else []
    lines += [f"at_least = {low:.4g}"] + ([] if more_is_better else [f"at_most = {high:.4g}"])
    lines += [f"measured = {measured:.6g}", f"band = [{low:.4g}, {high:.4g}]"]
    lines += [f'source = "{SOURCE}"', f'fixture = "{fixture}"']
    return _TABLE + "\n".join(lines) + "\n"


def calibrate(subject: Subject, gate: Gate, path: Path = own_files.THRESHOLDS) -> list[str]:
    """Replace a model's semantic thresholds in the file and return the diff.

    Raises:
        FixtureError: this run did not show that the model is right, so it gets no thresholds. Or the file
            cannot be written.

    """
    _check(subject, gate)
    assert subject.golden is not None
    thresholds = list(of_sets(subject.golden.sets, subject.sets))
    fixtures = {threshold[-1] for threshold in thresholds}
    before = path.read_text(encoding="utf-8")
    head, *tables = before.split(_TABLE)
    kept = [table for table in tables if not _replaced(table, subject, fixtures)]
    new = [as_toml(threshold, subject.name, subject.recipe) for threshold in thresholds]
    old = (head + "".join(_TABLE + table for table in kept)).rstrip("\n")
    after = "\n\n".join([old, *(text.rstrip("\n") for text in new)]) + "\n"
    scratch = path.with_name(f".{path.name}.new")
    try:
        scratch.write_text(after, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise FixtureError(path, f"cannot be written ({error.strerror})", hint="make room for it") from error
    names = (f"{path.name} before", f"{path.name} after")
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""))


def _check(subject: Subject, gate: Gate) -> None:
    """Refuse a model that was not compared with goldens, or that failed a check of another kind."""
    outcomes = {verdict.check: verdict.outcome for verdict in gate.verdicts}
    unproven = [check for check in PARITY if outcomes.get(check) != "pass"]
    expected = {check_name(name) for name in register.live_tests(subject.recipe)}
    not_run = sorted(expected - gate.claims)
    red = [verdict.check for verdict in gate.red if verdict.check.partition(":")[0] not in CALIBRATED]
    if wrong := [*unproven, *not_run, *red]:
        raise FixtureError(
            f"--calibrate: {subject.name}",
            f"was not shown to be right in this run: {', '.join(dict.fromkeys(wrong))}",
            hint="run make reference on its folder, fix what is red, and run the whole gate",
        )


def _replaced(table: str, subject: Subject, fixtures: set[str]) -> bool:
    entry = tomllib.loads(table)
    of_this = (entry["model"], entry.get("recipe", "declared")) == (subject.name, subject.recipe)
    return of_this and "band" in entry and entry.get("fixture") in fixtures
