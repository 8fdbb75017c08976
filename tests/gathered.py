"""What a run found of the judged models, and what was published, as the report's plain data."""

import json
import math
from collections.abc import Sequence
from typing import Any

from embeddings.errors import FixtureError
from embeddings.evaluation.embed import Embedded
from embeddings.evaluation.gate import Gate
from embeddings.evaluation.published import MARGIN, Comparison, Figure, compare, measure, read_published
from embeddings.evaluation.recorded import Recorded
from embeddings.evaluation.subject import Subject
from embeddings.report.bars import bars_at
from embeddings.report.record import model_as_data
from embeddings.report.vectors import NOTHING, measured_of
from tests import harness

__all__ = ["model", "peers", "published", "published_elsewhere"]

PEERS = harness.ROOT / "benchmarks" / "results" / "peers.json"
ELSEWHERE = ("Performance Summary", "Comparison to Other Systems")  # sections of the published results


def model(
    gate: Gate, judged: Subject | Recorded, asked_for: str, options: harness.Options, *, part: str | None
) -> dict[str, Any]:
    """Return what the report has of a judged model. Nothing is encoded for it that no check asked for."""
    topics = vars(judged).get("topics")
    return model_as_data(
        gate,
        measured_of(topics.vectors[0], topics.labelled)
        if isinstance(topics, Embedded) and "vectors" in vars(topics)
        else NOTHING,
        asked_for=asked_for,
        recipe=judged.recipe if isinstance(judged, Subject) else "recorded vectors",
        precision=judged.precision if isinstance(judged, Subject) else "float32",
        looks_like=harness.diagnosis(gate),
        notes=judged.notes,
        bars_at=bars_at(gate.thresholds, harness.THRESHOLDS, options.thresholds, harness.ROOT),
        part=part,
    )


def published(judged: Subject | Recorded) -> list[dict[str, Any]]:
    """Return what was published of a judged model, beside what was measured of it."""
    if isinstance(judged, Recorded):
        found: Sequence[Comparison] = judged.published
    elif judged.recipe == harness.REFERENCE and "topics" in vars(judged):
        topics = judged.topics.labelled
        measured = measure(judged.topics.vectors[0], topics)
        known = read_published(harness.FIXTURES / "published.toml")
        found = compare(known, judged.name, measured, topics.sha256_of_texts, margin=MARGIN)
    else:
        return []
    return [_figure(one.figure, judged.name, one.measured, one.outcome) for one in found]


def published_elsewhere() -> list[dict[str, Any]]:
    """Return the published speeds, of the models and of other systems: nothing here measures them."""
    figures = read_published(harness.FIXTURES / "published.toml").figures
    return [_figure(one, "", math.nan, one.verdict) for one in figures if one.section in ELSEWHERE]


def peers() -> list[dict[str, Any]]:
    """Return how fast other implementations were beside this one, as recorded in benchmarks/results.

    Raises:
        FixtureError: the file is missing or malformed.

    """
    try:
        content = json.loads(PEERS.read_text(encoding="utf-8"))
        return [
            {**{key: table[key] for key in ("workload", "machine", "command")}, **engine}
            for table in content["peers"]
            for engine in table["engines"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FixtureError(PEERS, f"malformed ({error!r})", mend="restore the file") from error


def _figure(figure: Figure, judged: str, measured: float, outcome: str) -> dict[str, Any]:
    return {
        "model": figure.model,
        "section": figure.section,
        "quantity": figure.quantity,
        "published": figure.shown,
        "lacks": figure.lacks,
        "judged": judged,
        "measured": measured,
        "outcome": outcome,
    }
