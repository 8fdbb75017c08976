"""Which model for which use: by what was measured of them, by rules that are stated beside the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedding_gate.report.schema.models import Model
from embedding_gate.report.schema.record import Record
from embedding_gate.report.schema.speed import Speed

__all__ = ["Advice", "recommend"]

ENOUGH = 0.95  # of the best nDCG@10: what a use that asks for speed or memory may give up


@dataclass(frozen=True)
class Use:
    """A use, the figure that decides, whether less of it is better, and how it is written."""

    name: str
    figure: str
    shown: str
    least: bool = False
    good_enough: bool = True  # only among models of at least ENOUGH of the best quality

    @property
    def rule(self) -> str:
        """How the model is chosen."""
        among = (
            f", of the models that have at least {ENOUGH:.0%} of the best nDCG@10" if self.good_enough else ""
        )
        return f"the {'lowest' if self.least else 'highest'} {self.shown}{among}"


USES = (
    Use("search: passages that answer a query", "ndcg", "nDCG@10", good_enough=False),
    Use("similarity of two texts", "spearman", "Spearman of graded pairs", good_enough=False),
    Use("grouping texts by topic", "topic_auc", "topic AUC", good_enough=False),
    Use("large volumes: indexing a corpus", "rate", "tokens/s"),
    Use("one query at a time, as people type", "latency", "latency of a text", least=True),
    Use("little memory", "memory", "peak memory of the process", least=True),
)


@dataclass(frozen=True)
class Advice:
    """A use, the model for it or "" for none, by which rule, and what decided."""

    use: str
    model: str
    rule: str
    why: str


def recommend(record: Record) -> list[Advice]:
    """Recommend a model for each use, of those that passed the gate and were measured.

    A model with a red check, or of a part of the gate, or whose measurements failed an audit, is recommended
    for nothing.
    """
    found = {model.name: _figures(model, record.speed) for model in record.models if _green(model)}
    return [_advise(use, found) for use in USES]


def _green(model: Model) -> bool:
    return model.part is None and bool(model.verdicts) and not model.red


def _figures(model: Model, speed: Sequence[Speed]) -> dict[str, float]:
    """Return what was measured of a model, by the names that uses ask for."""
    found = {key: getattr(model.quality, key, None) for key in ("ndcg", "spearman", "topic_auc")}
    for one in speed:
        if one.model not in (model.name, model.asked_for) or one.audits_red:
            continue
        if one.headline:
            found["rate"] = one.tokens_per_second
        if one.kind == "latency":
            found["latency"] = one.median
        if one.kind == "load":
            found["memory"] = one.peak_bytes
    return {key: value for key, value in found.items() if value is not None}


def _advise(use: Use, found: Mapping[str, Mapping[str, float]]) -> Advice:
    best = max((figures["ndcg"] for figures in found.values() if "ndcg" in figures), default=None)
    able = {name: figures[use.figure] for name, figures in found.items() if use.figure in figures}
    if use.good_enough and best is not None:
        able = {name: value for name, value in able.items() if found[name].get("ndcg", 0) >= ENOUGH * best}
    if not able:
        return Advice(use.name, "", use.rule, "no model that passed the gate has this figure")
    if use.good_enough and best is None:
        return Advice(use.name, "", use.rule, "nDCG@10 was not measured: speed alone recommends nothing")
    chosen = min(able, key=lambda name: (able[name] if use.least else -able[name], name))
    others = [name for name in able if name != chosen]
    beside = ", ".join(f"{name} {_shown(use, able[name])}" for name in others)
    why = f"{_shown(use, able[chosen])}; {f'beside {beside}' if others else 'the only one measured'}"
    return Advice(use.name, chosen, use.rule, why)


def _shown(use: Use, value: float) -> str:
    if use.figure == "rate":
        return f"{value:,.0f} tokens/s"
    if use.figure == "latency":
        return f"{value * 1e3:.3g} ms"
    return f"{value / 2**20:,.0f} MiB" if use.figure == "memory" else f"{value:.3f}"
