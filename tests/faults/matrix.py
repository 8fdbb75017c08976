"""The kill matrix: what the gate says of each injected fault."""

import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import Phase, settings
from numpy.typing import NDArray

from embeddings.blas import usable_cores
from embeddings.evaluation.datasets import Golden, Prompted, Texts
from embeddings.evaluation.embed import Baseline
from embeddings.evaluation.gate import check_name
from embeddings.evaluation.subject import Subject
from embeddings.evaluation.thresholds import Verdict
from tests import harness
from tests.faults import clean
from tests.faults.catalogue import BENIGN, BY_NAME, injected
from tests.quality import test_batching, test_determinism, test_edits, test_hostile

__all__ = ["Outcome", "judge", "judged", "matrix_table", "slice_of"]

Run = tuple[str, int]  # a fault's name, and a seed
_SHORT_SEARCH = settings(test_batching.SEARCH, max_examples=3, phases=[Phase.generate])


@dataclass(frozen=True)
class Outcome:
    """The verdicts on the library under a fault or benign variant of that name, in the run of that number."""

    name: str
    verdicts: tuple[Verdict, ...]
    seed: int = 0
    seconds: float = 0.0

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]

    @property
    def checks(self) -> set[str]:
        """The names of the red checks."""
        return {verdict.check.partition(":")[0] for verdict in self.red}

    @property
    def strays(self) -> float:
        """How far the vectors stray from the goldens: the parity check's measurement."""
        return next(verdict.measured for verdict in self.verdicts if verdict.check == "parity")


def judge(name: str, seed: int = 0) -> Outcome:
    """Inject a fault, run the whole gate on the library as it then is, and take the fault out again."""
    start, fault = time.perf_counter(), BY_NAME[name]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean.reuse(patch, fault)
        patch.setattr(test_batching, "SEARCH", _SHORT_SEARCH)
        patch.setattr(test_batching, "MANY", 128)
        patch.setattr(test_hostile, "MEGABYTE", 100_000)
        patch.setattr(test_edits, "MOST", 40)
        patch.setattr(test_determinism, "ROUNDS", 1)
        patch.setattr(test_determinism, "TEXTS", 2)
        options = harness.Options(precision=fault.precision)
        with injected(name, seed):
            subject = slice_of(harness.open_subject(fault.model, options, variant=(name, seed)))
            gate = harness.open_gate(subject, options)
            harness.run_gate(subject, gate)
    return Outcome(name, tuple(gate.verdicts), seed, time.perf_counter() - start)


@contextmanager
def judged(runs: Iterable[Run]) -> Iterator[dict[Run, Future[Outcome]]]:
    """Judge many faults, one process per core; leaving early cancels the rest."""
    pool = ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENBLAS_NUM_THREADS", "1")  # NumPy's too, or the processes fight over the cores
            futures = {run: pool.submit(judge, *run) for run in runs}
        yield futures
    finally:
        pool.shutdown(cancel_futures=True)


def slice_of(subject: Subject) -> Subject:
    """The same subject on a fixed slice of the texts: the same verdicts in a fraction of the time."""
    golden = golden_of(subject.name)
    baseline = Baseline(subject.name, subject.source, golden, lambda: subject.encoder)
    return replace(subject, texts=_texts(), golden=golden, sets=harness.slice_of_sets(), baseline=baseline)


@cache
def _rows() -> list[int]:
    """The slice: all pairs, both sides of the limit, every ninth of the rest but the longest."""
    texts = harness.texts()
    always = ("length-64", "length-256", "length-257")
    return [
        row
        for row, (name, kind) in enumerate(zip(texts.ids, texts.kinds, strict=True))
        if kind == "prefix" or name in always or (row % 9 == 0 and kind not in ("length", "long"))
    ]


@cache
def _texts() -> Texts:
    texts, rows = harness.texts(), _rows()
    return Texts(
        ids=tuple(texts.ids[row] for row in rows),
        kinds=tuple(texts.kinds[row] for row in rows),
        texts=tuple(texts.texts[row] for row in rows),
        sha256=texts.sha256,
    )


@cache
def golden_of(model: str) -> Golden | None:
    golden, rows = harness.golden(model), _rows()
    if golden is None:
        return None
    kept = [
        (rows.index(row), states)
        for row, states in zip(golden.hidden_rows, golden.hidden_states, strict=True)
        if row in rows
    ]
    return Golden(
        vectors=golden.vectors[rows],
        token_ids=[golden.token_ids[row] for row in rows],
        dropped=golden.dropped[rows],
        hidden_rows=np.array([row for row, _ in kept]),
        hidden_states=[states for _, states in kept],
        files=golden.files,
        sets=_golden_sets(golden),
        prompts={name: _first(prompted) for name, prompted in golden.prompts.items()},
        recipe=golden.recipe,
        random=golden.random,
    )


def _first(prompted: Prompted) -> Prompted:
    """Return those of the prompted texts that are in the slice; they come first there too."""
    rows = [row for row in _rows() if row < len(prompted.vectors)]
    return Prompted([prompted.token_ids[row] for row in rows], prompted.vectors[rows])


def _golden_sets(golden: Golden) -> dict[str, list[NDArray[np.float32]]]:
    whole, few = harness.sets(), harness.slice_of_sets()
    queries, passages = golden.sets[whole.retrieval.sha256]
    return {
        **golden.sets,
        few.pairs.sha256: [side[: len(few.pairs.grades)] for side in golden.sets[whole.pairs.sha256]],
        few.retrieval.sha256: [queries[: len(few.retrieval.queries)], passages[few.retrieval.only]],
    }


def matrix_table(outcomes: list[Outcome]) -> list[str]:
    """Return the lines of the matrix: faults down, checks across."""
    checks = [check_name(name) for name in harness.live_tests()]
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [f"  {'':{width}}  {number:>2} {check}" for number, check in enumerate(checks, start=1)]
    lines.append(
        f"  {'':{width}}  "
        + " ".join(f"{number:>2}" for number in range(1, len(checks) + 1))
        + "   strays by"
    )
    for outcome in outcomes:
        marks = " ".join(" x" if check in outcome.checks else " ." for check in checks)
        if outcome.name in {variant.name for variant in BENIGN}:
            verdict = "FALSE ALARM" if outcome.red else "harmless, passed"
        else:
            verdict = "killed" if outcome.red else "SURVIVED"
        lines.append(f"  {outcome.name:{width}}  {marks}  {outcome.strays:>10.1e}  {verdict}")
    return lines
