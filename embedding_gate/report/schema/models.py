"""The types of what was judged: models, their verdicts, and what their vectors say of texts."""

from typing import Literal

import msgspec

__all__ = [
    "Category",
    "Data",
    "Drift",
    "Measurement",
    "Metric",
    "Model",
    "Origin",
    "Quality",
    "Text",
    "Verdict",
]

Measurement = float | None  # null where nothing was measured, or it was not finite


class Data(msgspec.Struct, forbid_unknown_fields=True):
    """Plain data with these keys and no others."""


class Verdict(Data):
    """What a check found.

    check: the claim, or "claim: part". required: the threshold in words. margin: how many times worse the
    measurement could have been; below 1 it fails; null where there is no such number.
    """

    check: str
    measured: Measurement
    required: str
    margin: Measurement
    outcome: Literal["pass", "FAIL", "ERROR", "not calibrated", "not offered", "not applicable"]
    evidence: str
    red: bool


class Text(Data):
    """A text that heat map and map show."""

    category: str
    text: str


class Category(Data):
    """A category: the mean cosine of two of its texts, and the thresholds that bind it."""

    name: str
    similarity: Measurement
    at_least: Measurement
    at_most: Measurement


class Quality(Data):
    """What was measured of the vectors of the texts by topic.

    spearman: of graded pairs. ndcg: nDCG@10 of the retrieval set.
    """

    norm_mean: Measurement
    norm_deviation: Measurement
    norm_worst: Measurement
    cohesion: Measurement
    inter: Measurement
    separation: Measurement
    neighbour_accuracy: Measurement
    anisotropy: Measurement
    topic_auc: Measurement
    spearman: Measurement
    ndcg: Measurement


class Metric(Data):
    """A metric of the origin's vectors (before) and of the judged ones (after).

    low, high: the middle 95 % of the paired bootstrap's changes. surely_worse: by how much it fell at least.
    """

    metric: str
    before: Measurement
    after: Measurement
    low: Measurement
    high: Measurement
    surely_worse: Measurement


class Drift(Data):
    """How far the vectors of texts lie from the origin's.

    median, low, least: of the cosines of each text's two vectors; low is their 1 % quantile. most: the texts
    that moved most, with their cosines. kept: the share of a query's ten nearest passages that are the same.
    """

    texts: int
    median: Measurement
    low: Measurement
    least: Measurement
    kept: Measurement
    most: dict[str, Measurement]
    metrics: list[Metric]


class Origin(Data):
    """The model that the judged one was made from.

    same: whether it is the same model, bit for bit. declared: what its folder declares differently. drift:
    null where the two were not compared.
    """

    source: str
    same: bool
    declared: list[str]
    drift: Drift | None


class Mixed(Metric):
    """A metric of old vectors alone (before), and of old and new vectors mixed in some way (after)."""

    way: str


class Reindex(Data):
    """What is judged, beside a snapshot or another model.

    beside: what it is compared with. required: the worst answer that is no failure, or null. answer:
    identical, same, compatible or re-index. reason, words: why. remedy: what to do in place of a new index.
    largest: difference of a component; limit: of what arithmetic may make. identity: in what both differ.
    figures: of mixed vectors. after_mapping: of old vectors that were mapped.
    """

    beside: str
    required: str | None
    answer: str
    reason: str
    words: str
    remedy: str
    texts: int
    largest: Measurement
    limit: Measurement
    identity: list[str]
    figures: list[Mixed]
    after_mapping: list[Mixed]

    @property
    def line(self) -> str:
        """The answer and its reason, in one line."""
        return f"{self.answer} ({self.reason}): {self.words}"


class Figure(Data):
    """A figure, and the ends of its interval."""

    value: Measurement
    low: Measurement
    high: Measurement


class Side(Data):
    """A model beside the first of a run.

    bits: of a weight, on average. megabytes: of its weights. speed: tokens a second. random: whether its
    vectors have no meaning. cosine: of a text's two vectors. ndcg, spearman: its own, and their changes
    beside the first. kept: the share of a query's ten nearest passages that are the same. front: whether no
    other model is as small, as fast and as good.
    """

    name: str
    bits: Measurement
    megabytes: Measurement
    speed: Figure
    random: bool
    cosine: Figure | None
    ndcg: Measurement
    ndcg_change: Figure | None
    spearman: Measurement
    spearman_change: Figure | None
    kept: Figure
    front: bool


class Model(Data):
    """A judged model.

    name: whose thresholds bind it. asked_for: as the user named it. part: how many of the checks were made,
    where some were left out. texts: category by category; cosines: of each two of them, three decimals;
    map: the first three principal components of each. looks_like: known faults that a red run looks like.
    threshold_lines: check -> file and line of its threshold. quality: null where no check asked for it.
    origin: null where none was named. reindex: null where no snapshot and no other model was named.
    """

    name: str
    asked_for: str
    recipe: str
    precision: str
    part: str | None
    dimension: int | None
    texts: list[Text]
    cosines: list[list[Measurement]]
    map: list[tuple[float, float, float]]
    verdicts: list[Verdict]
    looks_like: list[str]
    notes: list[str]
    threshold_lines: dict[str, str]
    quality: Quality | None
    categories: list[Category]
    origin: Origin | None = None
    reindex: Reindex | None = None

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]
