"""The sections on what the vectors say of texts."""

from collections.abc import Mapping
from typing import Any

from embedding_gate.report.blocks import Block, Picture, Section, Table, Text, absent, number

__all__ = ["categories", "coherence", "metrics"]

Record = Mapping[str, Any]
GATE = "pytest -m quality --report=DIR"


def metrics(record: Record) -> Section:
    """Lengths of the vectors, and what ranks texts."""
    columns = {
        "mean norm": "norm_mean",
        "deviation": "norm_deviation",
        "pairs (Spearman)": "spearman",
        "retrieval (nDCG@10)": "ndcg",
        "nearest neighbour": "neighbour_accuracy",
        "topic AUC": "topic_auc",
    }
    rows = [
        (
            model["name"],
            str(model["dimension"]),
            *(_digits(key, model["quality"][key]) for key in columns.values()),
            f"{model['quality']['norm_worst']:.1e}" if model["quality"]["norm_worst"] is not None else "-",
        )
        for model in record["models"]
        if model["quality"]
    ]
    if not rows:
        return Section("Quality metrics", absent("Quality", GATE))
    header = ("model", "dimension", *columns, "worst norm - 1")
    say = (
        "Length 1 says nothing of a vector's direction: these lengths are right in a model that is pooled "
        "wrongly too. What ranks texts as people do stands beside them."
    )
    return Section("Quality metrics", [Text(say), Table("Measured on the texts of this run", header, rows)])


def coherence(record: Record) -> Section:
    """Whether texts of one topic lie closer together than texts of two."""
    keys = ("cohesion", "inter", "separation", "anisotropy")
    rows = [
        (model["name"], *(number(model["quality"][key]) for key in keys))
        for model in record["models"]
        if model["quality"]
    ]
    if not rows:
        return Section("Semantic coherence", absent("Coherence", GATE))
    thresholds = [
        (model["name"], one["check"], number(one["measured"]), one["required"], one["outcome"])
        for model in record["models"]
        for one in model["verdicts"]
        if one["check"] in keys
    ]
    blocks: list[Block] = [
        Text(
            "Cohesion is the mean cosine of two texts of one topic, inter-topic that of two topics, "
            "separation their difference, anisotropy the mean of any two. More cohesion is not better: one "
            "constant vector has cohesion 1 and separation 0. So each has to lie where an independent "
            "implementation puts it."
        ),
        Table("Cosines by topic", ("model", "cohesion", "inter-topic", "separation", "anisotropy"), rows),
    ]
    if thresholds:
        blocks.append(
            Table("and their thresholds", ("model", "figure", "measured", "required", "verdict"), thresholds)
        )
    return Section("Semantic coherence", [*blocks, Picture("heat map"), Picture("map")])


def categories(record: Record) -> Section:
    """Each topic's own similarity."""
    blocks: list[Block] = []
    for model in record["models"]:
        if not (found := [one for one in model["categories"] if one["similarity"] is not None]):
            continue
        outcomes = {one["check"]: one["outcome"] for one in model["verdicts"]}
        ordered = sorted(found, key=lambda one: -one["similarity"])
        blocks.append(
            Text(
                f"{model['name']}: highest {ordered[0]['name']} ({ordered[0]['similarity']:.3f}), lowest "
                f"{ordered[-1]['name']} ({ordered[-1]['similarity']:.3f})."
            )
        )
        rows = [
            (
                one["name"],
                f"{one['similarity']:.3f}",
                number(one["at_least"]),
                number(one["at_most"]),
                outcomes.get(f"category similarity: {one['name']}", "not judged"),
            )
            for one in ordered
        ]
        blocks.append(
            Table(model["name"], ("category", "similarity", "at least", "at most", "verdict"), rows)
        )
    if not blocks:
        return Section("Intra-category similarities", absent("Similarities within categories", GATE))
    return Section("Intra-category similarities", [*blocks, Picture("categories")])


def _digits(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1e}" if key == "norm_deviation" else f"{value:.3f}"
