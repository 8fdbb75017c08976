"""Compares published figures with measured ones: reproduced, not reproduced, or not comparable.

claims.py judges the figures and the statements by arithmetic.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import Topics
from embedding_gate.data.projector import projector_name
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.similarity import cohesion, intra_category_similarities

__all__ = ["MARGIN", "Comparison", "Figure", "Published", "Statement", "compare", "measure", "read_published"]

# The margin for other arithmetic than the published one. With bfloat16 instead of float32, the figures of
# fixtures/tiny-qwen3 on the gate's topics change by up to 2.4e-4; with float16 by 2.0e-5. The margin is about
# four times 2.4e-4.
MARGIN = 0.001

_LISTS = ("models", "possible_on", "lacks")

Outcome = Literal["reproduced", "NOT REPRODUCED", "not comparable", "not measured here"]


@dataclass(frozen=True)
class Figure:
    """One published figure of a model ("": of no model). A measurement between low and high reproduces it.

    verdict, possible_on: the expected verdict; the families of devices that could do it.
    lacks: conditions that a new measurement would need and that the published results do not state.
    """

    model: str
    section: str
    quantity: str
    shown: str
    low: float
    high: float
    verdict: str = ""
    possible_on: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def middle(self) -> float:
        """The printed value, or the middle of a printed range."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Statement:
    """One published statement, in its own words.

    check: the rule that judges it. models: the models that it is about. The other fields: as in Figure.
    source, says: what refutes the statement if no arithmetic can: an address or a file of a locked package,
        and a literal quotation from it.
    """

    section: str
    text: str
    check: str
    models: tuple[str, ...] = ()
    verdict: str = ""
    possible_on: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    source: str = ""
    says: str = ""


@dataclass(frozen=True)
class Published:
    """The published figures and statements.

    texts: SHA-256 of their texts, joined by line feeds. names: names and aliases of models -> published name.
    """

    texts: str
    names: Mapping[str, str]
    figures: tuple[Figure, ...]
    statements: tuple[Statement, ...] = ()

    def model(self, name: str) -> str:
        """Return the published name of the model with this name, or "" if nothing is published about it."""
        return self.names.get(projector_name(name).casefold(), "")

    def of(self, name: str) -> list[Figure]:
        """Return the published figures of the model with this name; the list may be empty."""
        model = self.model(name)
        return [figure for figure in self.figures if model and figure.model == model]


@dataclass(frozen=True)
class Comparison:
    """A figure, the measured value (NaN if not measured), and the verdict."""

    figure: Figure
    measured: float
    outcome: Outcome


def measure(vectors: NDArray[np.floating], topics: Topics) -> dict[str, float]:
    """Measure each quantity that can be computed from vectors (N, D) alone."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    similarities = intra_category_similarities(vectors, topics.categories)
    return {
        "dimension": vectors.shape[1],
        "mean norm": float(lengths.mean()),
        "deviation of norms": float(lengths.std()),
        "cohesion": cohesion(vectors, topics.categories),
        "highest category similarity": max(similarities.values()),
        "lowest category similarity": min(similarities.values()),
        **{f"category similarity: {category}": value for category, value in similarities.items()},
    }


def compare(
    published: Published, name: str, measured: Mapping[str, float], texts: str, *, margin: float = 0.0
) -> list[Comparison]:
    """Compare a model's published figures with the measured ones, on texts with that SHA-256.

    margin: how much a figure may differ beyond its printed digits. It does not apply to counts.
    """
    found = []
    for figure in published.of(name):
        value = measured.get(figure.quantity, math.nan)
        outcome: Outcome
        if math.isnan(value):
            outcome = "not measured here"
        elif texts != published.texts:
            outcome = "not comparable"
        else:
            more = margin if figure.low < figure.high else 0.0
            outcome = "reproduced" if figure.low - more <= value <= figure.high + more else "NOT REPRODUCED"
        found.append(Comparison(figure, value, outcome))
    return found


def read_published(path: Path) -> Published:
    """Read the published figures.

    Raises:
        FixtureError: the file is missing or malformed.

    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        names = {
            projector_name(name).casefold(): model["name"]
            for model in content["model"]
            for name in (model["name"], *model["aliases"])
        }
        figures = tuple(_figure(entry) for entry in content["figure"])
        statements = tuple(_statement(entry) for entry in content.get("statement", ()))
        if unknown := content.keys() - {"texts", "model", "figure", "statement"}:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        return Published(str(content["texts"]), names, figures, statements)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint="restore the file") from error


def _figure(entry: Mapping[str, Any]) -> Figure:
    kind = entry.keys() - {"model", "section", "quantity", "verdict", *_LISTS}
    if kind == {"value", "within"}:
        value, within = float(entry["value"]), float(entry["within"])
        shown, low, high = f"{value:g}", value - within, value + within
    elif kind == {"above"}:
        shown, low, high = f"> {entry['above']:g}", math.nextafter(entry["above"], math.inf), math.inf
    elif kind == {"low", "high"}:
        low, high = float(entry["low"]), float(entry["high"])
        shown = f"{low:g} to {high:g}"
    else:
        raise ValueError(f"figure must have value and within, above, or low and high, got {sorted(kind)}")
    rest = {key: entry[key] for key in ("section", "quantity", "verdict") if key in entry}
    return Figure(entry.get("model", ""), shown=shown, low=low, high=high, **rest, **_lists(entry))


def _statement(entry: Mapping[str, Any]) -> Statement:
    rest = {key: value for key, value in entry.items() if key not in _LISTS}
    if not all(isinstance(value, str) and value for value in rest.values()):
        raise ValueError(f"statement must hold texts, got {rest}")
    return Statement(**rest, **_lists(entry))  # an unknown key is a TypeError


def _lists(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists of texts of an entry."""
    lists = {key: entry[key] for key in _LISTS if key in entry}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise ValueError(f"{key} must be a list of texts, got {value!r}")
    return {key: tuple(value) for key, value in lists.items()}
