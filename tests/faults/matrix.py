"""The kill matrix: what the gate says of each injected fault."""

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
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
from embeddings.evaluation.subject import Sets, Subject
from embeddings.evaluation.thresholds import Threshold, Verdict
from tests import harness
from tests.faults import clean, usual_kind
from tests.faults.catalogue import BY_NAME, injected
from tests.faults.registry import TINY_DECODER
from tests.quality import test_batching, test_determinism, test_hostile

__all__ = ["Outcome", "Run", "judge", "judged", "slice_of"]

Run = tuple[str, int]  # a fault's name, and a seed
_SHORT_SEARCH = settings(test_batching.SEARCH, max_examples=3, phases=[Phase.generate])


@dataclass(frozen=True)
class Outcome:
    """What was said of the library under a fault or benign variant of that name, in the run of that number.

    bars: check -> what the verdicts come from.
    usual: the verdicts of a gate of the usual kind; none where such a gate measures and does not judge.
    """

    name: str
    seed: int
    verdicts: tuple[Verdict, ...]
    bars: Mapping[str, Threshold]
    usual: tuple[Verdict, ...] = ()
    seconds: float = 0.0

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]

    @property
    def checks(self) -> set[str]:
        """The names of the red checks."""
        return {verdict.check.partition(":")[0] for verdict in self.red}


def judge(name: str, seed: int = 0, number: int = 0) -> Outcome:
    """Inject a fault, run the whole gate on the library as it then is, and take the fault out again.

    number: of the slice of the texts that it is judged on.
    """
    start, fault = time.perf_counter(), BY_NAME[name]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean.reuse(patch, fault)
        patch.setattr(test_batching, "SEARCH", _SHORT_SEARCH)
        if fault.model != TINY_DECODER:  # which takes a second for all rows
            patch.setattr(test_batching, "ROWS", 384)
        patch.setattr(test_hostile, "MEGABYTE", 100_000)
        patch.setattr(test_determinism, "ROUNDS", 1)
        patch.setattr(test_determinism, "TEXTS", 2)
        options = harness.Options(precision=fault.precision)
        with injected(name, seed):
            subject = slice_of(harness.open_subject(fault.model, options, variant=(name, seed)), number)
            gate = harness.open_gate(subject, options)
            harness.run_gate(subject, gate)
            usual = usual_kind.judge(subject)
    return Outcome(name, seed, tuple(gate.verdicts), gate.thresholds, usual, time.perf_counter() - start)


@contextmanager
def judged(runs: Iterable[Run], number: int = 0) -> Iterator[dict[Run, Future[Outcome]]]:
    """Judge many faults on a slice of the texts, one process per core; leaving early cancels the rest."""
    pool = ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENBLAS_NUM_THREADS", "1")  # NumPy's too, or the processes fight over the cores
            futures = {run: pool.submit(judge, *run, number) for run in runs}
        yield futures
    finally:
        pool.shutdown(cancel_futures=True)


def slice_of(subject: Subject, number: int = 0) -> Subject:
    """The same subject on a fixed slice of the texts: the same verdicts in a fraction of the time.

    number: 0, or 1 for a slice of other texts. Both have the topics, whose bars bind those very texts, and
    the four pairs of texts that differ in their last word.
    """
    golden, sets = golden_of(subject.name, number), harness.slice_of_sets(number)
    baseline = Baseline(subject.name, subject.source, golden, lambda: subject.encoder)
    return replace(subject, texts=_texts(number), golden=golden, sets=sets, baseline=baseline)


_LENGTHS = (("length-64", "length-256", "length-257"), ("length-129", "length-255", "length-258"))


@cache
def _rows(number: int) -> list[int]:
    """A slice: all pairs, both sides of the limit, every ninth of the rest but the longest."""
    texts = harness.texts()
    return [
        row
        for row, (name, kind) in enumerate(zip(texts.ids, texts.kinds, strict=True))
        if kind == "prefix"
        or name in _LENGTHS[number]
        or (row % 9 == 4 * number and kind not in ("length", "long"))
    ]


@cache
def _texts(number: int) -> Texts:
    texts, rows = harness.texts(), _rows(number)
    return Texts(
        ids=tuple(texts.ids[row] for row in rows),
        kinds=tuple(texts.kinds[row] for row in rows),
        texts=tuple(texts.texts[row] for row in rows),
        sha256=texts.sha256,
    )


@cache
def golden_of(model: str, number: int = 0) -> Golden | None:
    golden, rows = harness.golden(model), _rows(number)
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
        sets=_golden_sets(golden, harness.slice_of_sets(number), number),
        prompts={name: _first(prompted, rows) for name, prompted in golden.prompts.items()},
        recipe=golden.recipe,
        random=golden.random,
    )


def _first(prompted: Prompted, rows: list[int]) -> Prompted:
    """Return those of the prompted texts that are in the slice; they come first there too."""
    rows = [row for row in rows if row < len(prompted.vectors)]
    return Prompted([prompted.token_ids[row] for row in rows], prompted.vectors[rows])


def _golden_sets(golden: Golden, few: Sets, number: int) -> dict[str, list[NDArray[np.float32]]]:
    whole = harness.sets()
    queries, passages = golden.sets[whole.retrieval.sha256]
    pairs, asked = (
        slice(number * count, (number + 1) * count)
        for count in (len(few.pairs.grades), len(few.retrieval.queries))
    )
    return {
        **golden.sets,
        few.pairs.sha256: [side[pairs] for side in golden.sets[whole.pairs.sha256]],
        few.retrieval.sha256: [queries[asked], passages[few.retrieval.only]],
    }
