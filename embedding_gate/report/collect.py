"""What a run found of the judged models, and what was published, as the report's plain data."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from embedding_gate import own_files, register, session
from embedding_gate.claims.published import MARGIN, Comparison, Figure, compare, measure, read_published
from embedding_gate.errors import FixtureError
from embedding_gate.report.record import model_as_data
from embedding_gate.report.schema.speed import Peer
from embedding_gate.report.vectors import NOTHING, measured_of
from embedding_gate.subjects.embedded import Embedded
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.recorded import Recorded
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Threshold

__all__ = ["model", "peers", "published", "published_elsewhere", "threshold_lines"]

PEERS = own_files.ROOT / "benchmarks" / "results" / "peers.json"
ELSEWHERE = ("Performance Summary", "Comparison to Other Systems")  # sections of the published results


def model(
    gate: Gate, judged: Subject | Recorded, asked_for: str, options: own_files.Options, *, part: str | None
) -> dict[str, Any]:
    """Return what the report has of a judged model. Nothing is encoded for it that no check asked for."""
    topics = vars(judged).get("topics")
    origin = judged.origin if isinstance(judged, Subject) else None
    found = model_as_data(
        gate,
        measured_of(topics.vectors[0], topics.labelled)
        if isinstance(topics, Embedded) and "vectors" in vars(topics)
        else NOTHING,
        asked_for=asked_for,
        recipe=judged.recipe if isinstance(judged, Subject) else "recorded vectors",
        precision=judged.precision if isinstance(judged, Subject) else "float32",
        looks_like=session.diagnosis(gate, origin.declared if origin else ()),
        notes=judged.notes,
        threshold_lines=threshold_lines(
            gate.thresholds, own_files.THRESHOLDS, options.thresholds, own_files.ROOT
        ),
        part=part,
    )
    beside = judged.reindex if judged.reindex and "verdict" in vars(judged.reindex) else None
    return {
        **found,
        "origin": origin.as_data() if origin else None,
        "reindex": beside.as_data() if beside else None,
    }


def threshold_lines(
    thresholds: Mapping[str, Threshold], gates: Path, own: Path | None, root: Path
) -> dict[str, str]:
    """Return check -> "fixtures/thresholds.toml:123", the line of the threshold that binds it.

    gates, own: the files of the gate's thresholds and of the user's. Paths below ``root`` are named from
    there.
    """
    found = {}
    for check, threshold in thresholds.items():
        if (path := own if threshold.own else gates) and threshold.line:
            whole = path.resolve()
            name = whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(path)
            found[check] = f"{name}:{threshold.line}"
    return found


def published(judged: Subject | Recorded) -> list[dict[str, Any]]:
    """Return what was published of a judged model, beside what was measured of it."""
    if isinstance(judged, Recorded):
        found: Sequence[Comparison] = judged.published
    elif judged.recipe == register.REFERENCE and "topics" in vars(judged):
        topics = judged.topics.labelled
        measured = measure(judged.topics.vectors[0], topics)
        known = read_published(own_files.FIXTURES / "published.toml")
        found = compare(known, judged.name, measured, topics.sha256_of_texts, margin=MARGIN)
    else:
        return []
    return [_figure(one.figure, judged.name, one.measured, one.outcome) for one in found]


def published_elsewhere() -> list[dict[str, Any]]:
    """Return the published speeds, of the models and of other systems: nothing here measures them."""
    figures = read_published(own_files.FIXTURES / "published.toml").figures
    return [_figure(one, "", math.nan, one.verdict) for one in figures if one.section in ELSEWHERE]


class _Workload(msgspec.Struct):
    """What the engines of a table were given. engines: what each of them did."""

    workload: str
    machine: str
    command: str
    engines: list[dict[str, Any]]


class _Peers(msgspec.Struct):
    """The file of PEERS."""

    peers: list[_Workload]


def peers() -> list[Peer]:
    """Return how fast other implementations were beside this one, as recorded in benchmarks/results.

    Raises:
        FixtureError: the file is malformed.

    """
    if not PEERS.is_file():  # an installed gate has no results of benchmarks
        return []
    try:
        tables = msgspec.json.decode(PEERS.read_bytes(), type=_Peers).peers
        return [
            Peer(workload=table.workload, machine=table.machine, command=table.command, **engine)
            for table in tables
            for engine in table.engines
        ]
    except (OSError, msgspec.MsgspecError, TypeError) as error:
        raise FixtureError(PEERS, f"malformed ({error})", hint="restore the file") from error


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
