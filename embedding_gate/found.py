"""What a run found of one model, as plain data: another process may have judged it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Threshold, Verdict

__all__ = ["Found", "Part", "packed", "unpacked"]


class Found(msgspec.Struct):
    """What the end of a run needs of a model.

    gate: the verdicts on it. asked_for: how the reader knows it. offers: of what was judged.
    notes: lines below the table. calls: lines of the table of --call-shapes, if it was asked for.
    record, published: what the report has of it; None and empty in a run without a report.
    """

    gate: Gate
    asked_for: str
    offers: frozenset[str]
    notes: list[str]
    calls: list[str] = []
    record: dict[str, Any] | None = None
    published: list[dict[str, Any]] = []


class Part(msgspec.Struct):
    """What one process found: of each model that it judged, by name. partial: whether it left checks out."""

    found: dict[str, Found]
    partial: bool


class _Gate(msgspec.Struct, array_like=True):
    """A gate without what saw the calls: its claims have ended."""

    model: str
    thresholds: dict[str, Threshold]
    required: frozenset[str]
    verdicts: list[Verdict]


def packed(part: Part) -> bytes:
    """Return a part as bytes, for another process. Numbers that are not finite stay as they are."""
    return msgspec.msgpack.encode(part, enc_hook=_plain)


def unpacked(data: bytes) -> Part:
    """Return the part that was packed."""
    return msgspec.msgpack.decode(data, type=Part, dec_hook=_gate)


def _plain(value: Any) -> Any:
    if isinstance(value, Gate):
        return _Gate(value.model, dict(value.thresholds), value.required, value.verdicts)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"no plain data: {value!r}")


def _gate(kind: type, value: Any) -> Gate:
    assert kind is Gate
    known = msgspec.convert(value, _Gate)
    gate = Gate(known.model, known.thresholds, known.required)
    gate.verdicts += known.verdicts
    return gate
