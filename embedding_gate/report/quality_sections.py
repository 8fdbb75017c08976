"""The sections on what the vectors say of texts."""

from functools import partial

from embedding_gate.report.blocks import Block, Columns, Picture, Section, Text, number, table
from embedding_gate.report.schema.models import Category, Model, Verdict
from embedding_gate.report.schema.record import Record

__all__ = ["categories", "coherence", "metrics"]

RANKING = {
    "pairs (Spearman)": "spearman",
    "retrieval (nDCG@10)": "ndcg",
    "nearest neighbour": "neighbour_accuracy",
    "topic AUC": "topic_auc",
}
COHERENCE = {
    "cohesion": "cohesion",
    "inter-topic": "inter",
    "separation": "separation",
    "anisotropy": "anisotropy",
}


def metrics(record: Record) -> Section | None:
    """Lengths of the vectors, and what ranks texts."""
    columns: Columns[Model] = {
        "model": lambda model: model.name,
        "dimension": lambda model: str(model.dimension),
        "mean norm": partial(_figure, "norm_mean", ".3f"),
        "deviation": partial(_figure, "norm_deviation", ".1e"),
        "worst norm - 1": partial(_figure, "norm_worst", ".1e"),
        **{header: partial(_figure, key, ".3f") for header, key in RANKING.items()},
    }
    say = (
        "A model that pools wrongly can still give vectors of length 1. So the table also shows how well the "
        "vectors rank texts."
    )
    if not (found := _measured(record)):
        return None
    shown = table("Measured on the texts of this run", columns, found)
    return Section("Quality metrics", [Text(say), shown])


def coherence(record: Record) -> Section | None:
    """Whether texts of one topic lie closer together than texts of two."""
    columns: Columns[Model] = {
        "model": lambda model: model.name,
        **{header: partial(_figure, key, ".3g") for header, key in COHERENCE.items()},
    }
    limits: Columns[tuple[Model, Verdict]] = {
        "model": lambda one: one[0].name,
        "figure": lambda one: one[1].check,
        "measured": lambda one: number(one[1].measured),
        "required": lambda one: one[1].required,
        "verdict": lambda one: one[1].outcome,
    }
    if not (found := _measured(record)):
        return None
    say = (
        "Cohesion is the mean cosine of two texts of one topic. Inter-topic is the mean cosine of two texts "
        "of different topics. Separation is cohesion minus inter-topic. Anisotropy is the mean cosine of any "
        "two texts. More cohesion is not better: if all vectors are the same, cohesion is 1 and separation "
        "is 0. So each figure must lie where an independent implementation puts it."
    )
    judged = [
        (model, one) for model in record.models for one in model.verdicts if one.check in COHERENCE.values()
    ]
    blocks: list[Block] = [Text(say), table("Cosines by topic", columns, found)]
    blocks += [table("Their thresholds", limits, judged)] if judged else []
    return Section("Semantic coherence", [*blocks, Picture("heat map"), Picture("map")])


def categories(record: Record) -> Section | None:
    """Each topic's own similarity."""
    blocks: list[Block] = []
    for model in record.models:
        found = [(one, one.similarity) for one in model.categories if one.similarity is not None]
        if not found:
            continue
        ordered = [one for one, _ in sorted(found, key=lambda pair: -pair[1])]
        highest, lowest = (f"{one.name} ({one.similarity:.3f})" for one in (ordered[0], ordered[-1]))
        blocks.append(Text(f"{model.name}: highest {highest}, lowest {lowest}."))
        blocks.append(table(model.name, _columns(model), ordered))
    return Section("Intra-category similarities", [*blocks, Picture("categories")]) if blocks else None


def _columns(model: Model) -> Columns[Category]:
    outcomes = {one.check: one.outcome for one in model.verdicts}
    return {
        "category": lambda one: one.name,
        "similarity": lambda one: f"{one.similarity:.3f}",
        "at least": lambda one: number(one.at_least),
        "at most": lambda one: number(one.at_most),
        "verdict": lambda one: outcomes.get(f"category similarity: {one.name}", "not judged"),
    }


def _measured(record: Record) -> list[Model]:
    return [model for model in record.models if model.quality]


def _figure(key: str, form: str, model: Model) -> str:
    value = getattr(model.quality, key)
    return "-" if value is None else f"{value:{form}}"
