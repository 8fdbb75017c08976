"""Models side by side, as quantizations of one: what each costs, and what its vectors lose."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics import resampling
from embedding_gate.metrics.drift import kept_by_query
from embedding_gate.metrics.paired import Moved, beside, quality_metrics
from embedding_gate.metrics.vector_change import cosines_between, number
from embedding_gate.reindex.mixing import PAIRS, RETRIEVAL
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.text_table import aligned

__all__ = ["Cost", "Figure", "Side", "side_by_side", "table_of"]

HEADER = (
    "model",
    "bits of a weight",
    "MB",
    "tokens/s",
    "cosine",
    "nDCG@10, change",
    "Spearman, change",
    "neighbours kept",
    "",
)
SETS = ("topics", "sentence1", "sentence2", "queries", "passages")  # the parts of the labelled sets


@dataclass(frozen=True)
class Figure:
    """A figure, and the ends of its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    bits: of a weight, on average, with the scales of packed ones. megabytes: of all weights, as loaded.
    speed: tokens a second, the median of some rounds and the ends of its interval. random: whether its
    vectors have no meaning.
    """

    bits: float
    megabytes: float
    speed: Figure
    random: bool = False


@dataclass(frozen=True)
class Side:
    """A model beside the first.

    cosine: of a text's two vectors, the mean. ndcg, spearman: of the model. ndcg_change, spearman_change:
    beside the first. kept: the share of the ten passages nearest to a query that are the same. front: whether
    no other model is as small, as fast and as good, and better in one of these.
    """

    name: str
    cost: Cost
    cosine: Figure | None
    ndcg: float | None
    ndcg_change: Figure | None
    spearman: float | None
    spearman_change: Figure | None
    kept: Figure
    front: bool = False

    @property
    def quality(self) -> float:
        """What the front is told by: nDCG@10, or neighbours kept if vectors have no meaning."""
        return self.kept.value if self.ndcg is None else self.ndcg

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            name: _plain(value)
            for name, value in {**asdict(self.cost), **asdict(self)}.items()
            if name != "cost"
        }


def side_by_side(models: Sequence[tuple[str, Cost, Snapshot]]) -> list[Side]:
    """Compare models with the first. Each has a name, a cost, and a snapshot of the same canaries.

    If the vectors of one have no meaning, no metric is shown of any: the front is told by the same figure.
    """
    first, meaning = models[0][2], not any(cost.random for _, cost, _ in models)
    sides = [_side(name, cost, first, snapshot, meaning=meaning) for name, cost, snapshot in models]
    return [Side(**{**vars(one), "front": not any(_beats(other, one) for other in sides)}) for one in sides]


def _side(name: str, cost: Cost, first: Snapshot, its: Snapshot, *, meaning: bool) -> Side:
    before, after = ([of.vectors[part] for part in SETS] for of in (first, its))
    whole = [np.concatenate(list(of.vectors.values())) for of in (first, its)]
    cosine = _mean(cosines_between(*whole)) if whole[0].shape == whole[1].shape else None
    kept = _mean(kept_by_query(before[3:5], after[3:5]))
    if not meaning:
        return Side(name, cost, cosine, None, None, None, None, kept)
    metrics = quality_metrics(its.canaries.sets)
    ndcg, pairs = (beside(metric, metrics[metric], before, after) for metric in (RETRIEVAL, PAIRS))
    return Side(name, cost, cosine, ndcg.after, _change(ndcg), pairs.after, _change(pairs), kept)


def _change(moved: Moved) -> Figure:
    return Figure(moved.after - moved.before, moved.low, moved.high)


def _mean(items: NDArray[np.float64]) -> Figure:
    return Figure(float(items.mean()), *resampling.band(resampling.draw_means(items)))


def _beats(one: Side, other: Side) -> bool:
    """Tell whether a model is as good as another in all that counts, and better in one."""
    good = [(-of.cost.megabytes, of.cost.speed.value, of.quality) for of in (one, other)]
    return all(a >= b for a, b in zip(*good, strict=True)) and good[0] != good[1]


def table_of(sides: Sequence[Side]) -> list[str]:
    """Return the table as text."""
    return aligned([HEADER, *(cells(side) for side in sides)], right=(1, 2))


def cells(side: Side) -> tuple[str, ...]:
    """Return the cells of a row."""
    figures = (side.cosine, side.ndcg_change, side.spearman_change, side.kept)
    shown = ["-" if figure is None else str(figure) for figure in figures]
    cost = [f"{side.cost.bits:.3g}", f"{side.cost.megabytes:.4g}", str(side.cost.speed)]
    return (side.name, *cost, *shown, "Pareto" if side.front else "")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(of) for name, of in value.items()}
    return number(value) if isinstance(value, float) else value
