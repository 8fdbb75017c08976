"""The sections on what a change moved: the gate, speed and vectors beside a revision, or beside an origin."""

from embedding_gate.report.blocks import (
    Block,
    Columns,
    Items,
    Picture,
    Section,
    Table,
    Text,
    number,
    percent,
    table,
)
from embedding_gate.report.schema.models import Drift, Figure, Metric, Mixed, Origin, Reindex, Side
from embedding_gate.report.schema.record import Record
from embedding_gate.report.schema.speed import Moved, Ratio, Vectors

__all__ = ["compared", "judge", "origin", "performance", "reindex"]

HEADER = ("benchmark", "measured", "ratio", "90 % interval", "at most", "verdict", "what that says")


def judge(record: Record) -> Section | None:
    """What moved in the gate itself, where the run was judged by another revision."""
    if not (found := record.judge):
        return None
    blocks: list[Block] = [Text(f"Judged by {found.base[:12]}: {found.base_verdict}.")]
    if not found.changed:
        return Section("The judge", [*blocks, Text("This change leaves the judge as it is.")])
    consent = (
        "A person approved it." if found.approved else "No person approved it, so the verdict is a fail."
    )
    blocks += [
        Text(f"THE JUDGE CHANGED. Its own verdict: {found.head_verdict or 'none'}. {consent}"),
        Items(found.moved),
        Text(f"An approval names this digest of the change: `{found.digest}`."),
    ]
    return Section("The judge", blocks)


def performance(record: Record) -> Section | None:
    """What changed beside another revision, where one was compared."""
    if not (found := record.against):
        return None
    lead = (
        f"{found.model}, this tree beside {found.revision} ({found.commit[:12]}). Both took turns for "
        f"{found.rounds} rounds on the same new texts. The ratio is the time of this tree over the time of "
        "the other, the median of the rounds; below 1 is faster. A benchmark is red only if it was beyond "
        "its threshold twice, or could not be measured twice. The control is the other revision over itself, "
        "in another process."
    )
    rows: list[tuple[str, ...]] = []
    for one in found.rows:
        judged = (number(one.threshold), one.outcome, one.evidence or "-")
        rows.append((one.benchmark, one.unit, _ratio(one), _interval(one), *judged))
        rows.append(("control", one.unit, _ratio(one.control), _interval(one.control), "-", "-", "-"))
    blocks: list[Block] = [
        Text(lead),
        Table("Paired ratios of time", HEADER, rows),
        *_vectors(found.vectors),
        *([Items(found.notes)] if found.notes else []),
    ]
    return Section("Against another revision", blocks)


def _vectors(found: Vectors) -> list[Block]:
    texts = f"{found.texts:,} texts"
    if found.identical:
        return [Text(f"The vectors of {texts} are identical, bit for bit.")]
    changed = "-" if found.neighbours_changed is None else f"{found.neighbours_changed:,}"
    told = Text(
        f"The vectors of {texts} are NOT identical. The lowest cosine between a text's two vectors is "
        f"{number(found.least_cosine, 9)}. The nearest text changed for {changed} of them."
    )
    if not found.moved:
        return [told, Text("No metric moved.")]
    columns: Columns[Moved] = {
        "metric": lambda one: one.metric,
        "before": lambda one: number(one.before, 4),
        "after": lambda one: number(one.after, 4),
        "interval of the change": _interval,
    }
    return [told, table("Metrics that moved", columns, found.moved)]


def origin(record: Record) -> Section | None:
    """How far each model lies from the one that it was fine-tuned or quantized from."""
    blocks: list[Block] = []
    for model in record.models:
        if found := model.origin:
            blocks += [Text(f"{model.name} beside {found.source}."), *_origin(found)]
    return Section("Beside its origin", blocks) if blocks else None


def _origin(found: Origin) -> list[Block]:
    if found.same:
        return [Text("It is the same model, bit for bit.")]
    declared = found.declared or ["nothing differs"]
    return [
        *(_drift(found.drift) if found.drift else []),
        Text("What the two folders declare differently:"),
        Items(declared),
    ]


def _drift(found: Drift) -> list[Block]:
    median, low, least = (number(one, 7) for one in (found.median, found.low, found.least))
    most = ", ".join(f"{name} ({number(cosine, 7)})" for name, cosine in found.most.items()) or "-"
    columns: Columns[Metric] = {
        "metric": lambda one: one.metric,
        "origin": lambda one: number(one.before, 4),
        "this model": lambda one: number(one.after, 4),
        "interval of the change": _interval,
        "surely worse by": lambda one: number(one.surely_worse, 4),
    }
    return [
        Text(
            f"The cosines between the two vectors of {found.texts:,} texts have the median {median}, the 1 % "
            f"quantile {low} and the least value {least}. These texts moved most: {most}. Of the 10 passages "
            f"nearest to a query, {percent(found.kept)} are the same."
        ),
        table("Metrics beside the origin's", columns, found.metrics),
    ]


def reindex(record: Record) -> Section | None:
    """Whether old and new vectors may stand in one index, and why."""
    blocks = [
        block for model in record.models if model.reindex for block in _reindex(model.name, model.reindex)
    ]
    return Section("Old and new vectors", blocks) if blocks else None


def _reindex(name: str, found: Reindex) -> list[Block]:
    columns: Columns[Mixed] = {
        "metric": lambda one: one.metric,
        "mixed": lambda one: one.way,
        "old alone": lambda one: number(one.before, 4),
        "old and new": lambda one: number(one.after, 4),
        "interval of the change": _interval,
        "surely worse by": lambda one: number(one.surely_worse, 4),
    }
    told = [
        f"{found.texts:,} texts were compared. The largest difference of a component is "
        f"{number(found.largest)}; arithmetic may make {number(found.limit)}.",
        *([f"The models differ in {', '.join(found.identity)}."] if found.identity else []),
        *([f"Instead of a new index: {found.remedy}."] if found.remedy else []),
    ]
    tables = [table("Old and new vectors, mixed", columns, found.figures)] if found.figures else []
    if found.after_mapping:
        tables.append(table("Old vectors, mapped", columns, found.after_mapping))
    return [Text(f"{name} beside {found.beside}: {found.line}."), Items(told), *tables]


def compared(record: Record) -> Section | None:
    """Models side by side."""
    if not record.compared:
        return None
    columns: Columns[Side] = {
        "model": lambda one: one.name,
        "bits of a weight": lambda one: number(one.bits),
        "MB": lambda one: number(one.megabytes),
        "tokens/s": lambda one: _figure(one.speed),
        "cosine": lambda one: _figure(one.cosine),
        "nDCG@10": lambda one: number(one.ndcg, 4),
        "change of nDCG@10": lambda one: _figure(one.ndcg_change),
        "Spearman": lambda one: number(one.spearman, 4),
        "change of Spearman": lambda one: _figure(one.spearman_change),
        "neighbours kept": lambda one: _figure(one.kept),
        "Pareto front": lambda one: "yes" if one.front else "no",
    }
    lead = (
        f"Each model beside {record.compared[0].name}. Intervals are the middle 95 % of the paired bootstrap "
        "over texts; that of tokens/s is the least and the most of six rounds. On the Pareto front no other "
        "model is as small, as fast and as good. Bits and MB are those of the weights as loaded; the scales "
        "of packed weights count too."
    )
    return Section(
        "Side by side", [Text(lead), table("Models", columns, record.compared), Picture("side by side")]
    )


def _figure(one: Figure | None) -> str:
    return "-" if one is None else f"{number(one.value)} ({number(one.low)} to {number(one.high)})"


def _ratio(one: Ratio) -> str:
    return "-" if one.ratio is None else f"{number(one.ratio)}x"


def _interval(one: Ratio | Moved | Metric) -> str:
    return "-" if one.low is None else f"{number(one.low)} to {number(one.high)}"
