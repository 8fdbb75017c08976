"""The table of confusions: ``python -m tests.reindex.confusions [MODEL [CASES [SECONDS [KIND ...]]]]``.

Each case draws texts of a recorded world, a strength and a seed, plants a kind of drift, and judges it. What
was judged is kept in build/reindex, so that a run goes on where the last one ended. Without a model it prints
the table.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedding_gate.own_files import ROOT
from embedding_gate.reindex.canaries import Canaries, StoredRetrieval, canaries_of
from embedding_gate.reindex.identity import Identity
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.verdict import Verdict, judge
from tests.reindex.planted import KINDS, Case, Planted
from tests.reindex.record import MODELS, file_of
from tests.reindex.worlds import WORLDS, world

__all__ = ["judged", "right"]

KEPT = 0.8  # share of the texts of a world that a case has; passages are all there
RESULTS = ROOT / "build" / "reindex" / "confusions.json"
Rows = dict[str, NDArray[np.int64]]


@cache
def recorded(model: str, number: int) -> dict[str, NDArray[np.float64]]:
    """Return the recorded vectors of a world: variant -> (N, D)."""
    with np.load(file_of(model, number)) as found:
        return {name: found[name].astype(np.float64) for name in found.files}


def drawn(canaries: Canaries, draw: np.random.Generator) -> tuple[Canaries, NDArray[np.int64]]:
    """Draw some of the texts. Return them, and their rows among all."""
    rows: Rows = {}
    for name, part in canaries.parts.items():
        count = part.count if name == "passages" else round(KEPT * part.count)
        rows[name] = np.sort(draw.permutation(part.count)[:count])
    rows["sentence2"] = rows["sentence1"]
    known = canaries.sets
    topics, pairs, retrieval = known.topics, known.pairs, known.retrieval
    assert isinstance(retrieval, StoredRetrieval)
    kept = np.isin(retrieval.query_rows, rows["queries"])

    def of(texts: Any, name: str) -> tuple[str, ...]:
        return tuple(texts[row] for row in rows[name])

    sets = replace(
        known,
        topics=replace(topics, categories=of(topics.categories, "topics"), texts=of(topics.texts, "topics")),
        pairs=replace(
            pairs,
            one=of(pairs.one, "sentence1"),
            other=of(pairs.other, "sentence1"),
            grades=pairs.grades[rows["sentence1"]],
        ),
        retrieval=replace(
            retrieval,
            queries=of(retrieval.queries, "queries"),
            query_rows=np.searchsorted(rows["queries"], retrieval.query_rows[kept]),
            passage_rows=retrieval.passage_rows[kept],
            gains=retrieval.gains[kept],
        ),
    )
    starts = np.cumsum([0, *(part.count for part in canaries.parts.values())])
    every = [rows[name] + start for name, start in zip(canaries.parts, starts, strict=False)]
    return canaries_of(canaries.texts.rows(rows["texts"].tolist()), sets, own=False), np.concatenate(every)


def snapshot(canaries: Canaries, vectors: NDArray[np.float64]) -> Snapshot:
    """Return vectors (N, D) of all texts as a snapshot."""
    ends = np.cumsum([part.count for part in canaries.parts.values()])[:-1]
    parts = dict(zip(canaries.parts, np.split(vectors.astype(np.float32), ends), strict=True))
    return Snapshot("case", Identity(vectors.shape[1], dtype="float32"), canaries, parts)


def judged(model: str, kind: str, number: int) -> tuple[Planted, Verdict]:
    """Plant a kind of drift in a case, and judge it."""
    draw = np.random.default_rng([sorted(MODELS).index(model), sorted(KINDS).index(kind), number])
    which = int(draw.integers(WORLDS))
    canaries, rows = drawn(world(which), draw)
    parts = [
        (part.role, row, text) for part in canaries.parts.values() for row, text in enumerate(part.texts)
    ]
    roles, places, texts = zip(*parts, strict=True)
    case = Case(
        {name: vectors[rows] for name, vectors in recorded(model, which).items()},
        list(texts),
        np.array(roles),
        np.array(places),
        draw,
        meaning=model == "embedded",
    )
    strengths = KINDS[kind].strengths
    planted = KINDS[kind].plant(case, strengths[number % len(strengths)])
    return planted, judge(snapshot(canaries, case.base), snapshot(canaries, planted.vectors))


def right(kind: str, planted: Planted, verdict: Verdict) -> tuple[bool, bool]:
    """Tell whether the answer is right, and whether the reason is."""
    answer = verdict.answer in planted.answers if planted.answers else True
    reason = verdict.reason.kind in KINDS[kind].reasons and planted.rule in verdict.reason.words
    return answer, reason


def one(model: str, kind: str, number: int) -> dict[str, Any]:
    """Judge one case, and return what the table needs."""
    planted, verdict = judged(model, kind, number)
    answer, reason = right(kind, planted, verdict)
    said = int(verdict.reason.words.split(" bits")[0].split()[-1]) if planted.bits and reason else 0
    return {
        "answer": verdict.answer,
        "reason": verdict.reason.kind,
        "right answer": answer,
        "right reason": reason,
        "bits": [planted.bits, said],
        "words": "" if answer and reason else verdict.line,
    }


def run(model: str, cases: int, limit: float, kinds: Collection[str]) -> None:
    """Judge cases until their number is there, or ``limit`` seconds of processor time are used up."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    start = time.process_time()
    for number in range(cases):
        for kind in kinds:
            of = found.setdefault(model, {}).setdefault(kind, [])
            if len(of) > number or time.process_time() - start > limit:
                continue
            of.append(one(model, kind, number))
        half = RESULTS.with_suffix(".half")
        half.write_text(json.dumps(found, indent=1))
        half.replace(RESULTS)  # a run that is stopped here loses nothing


def interval(count: int, cases: int) -> str:
    """Return a share with its exact 95 % interval (Clopper & Pearson 1934)."""
    low, high = binomtest(count, cases).proportion_ci(0.95, "exact")
    return f"{count} of {cases} ({low:.1%} to {high:.1%})"


def table() -> list[str]:
    """Return the table in Markdown."""
    lines = [
        "| planted | in | right answer | right reason | answers | reasons |",
        "|---|---|---|---|---|---|",
    ]
    for model, kinds in json.loads(RESULTS.read_text()).items():
        for kind, cases in kinds.items():
            answer, reason = (
                interval(sum(case[f"right {what}"] for case in cases), len(cases))
                for what in ("answer", "reason")
            )
            said = (
                ", ".join(
                    f"{name} {count}" for name, count in Counter(case[what] for case in cases).most_common()
                )
                for what in ("answer", "reason")
            )
            lines.append(f"| {kind} | {model} | {answer} | {reason} | {' | '.join(said)} |")
    return lines


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(
            sys.argv[1],
            int((sys.argv[2:] or ["200"])[0]),
            float((sys.argv[3:] or ["inf"])[0]),
            sys.argv[4:] or KINDS,
        )
    print("\n".join(table()))
