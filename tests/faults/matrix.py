"""The kill matrix: what the gate says of each injected fault."""

import math
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate import adapter, own_files, session
from embedding_gate.errors import GateError
from embedding_gate.outside import open_outside
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Threshold, Verdict
from embeddings.backend import usable_cores
from tests.faults import clean, simulated, usual_kind
from tests.faults.catalogue import BY_NAME, Fault, injected
from tests.faults.registry import TINY_DECODER
from tests.faults.slices import slice_of
from tests.faults.workers import begun
from tests.support.library_service import LibraryService
from tests.support.server import serve

__all__ = ["BARE", "LITTLE", "Outcome", "Run", "Through", "judge", "judged"]

Run = tuple[str, int]  # a fault's name, and a seed
Usual = tuple[Verdict, ...]  # of a gate of the usual kind
Through = Literal[
    "", "function", "server"
]  # what the gate sees the library through; "" for the library itself
BARE = frozenset({"encode", "threads", "new process"})  # offers of a function: python:MODULE:NAME
LITTLE = Effort(
    mixed=1,
    padded_rows=384,
    examples=3,
    shrink=False,
    edited=6,
    thread_calls=1,
    thread_texts=2,
    megabyte=100_000,
    sizes=66,
    largest=66,
    lengths=32,
    together=2,
    calls=60,
    thread_crowd=9,
)


@dataclass(frozen=True)
class Outcome:
    """What the gate said of the library with a fault or benign variant injected, in one run.

    name: of the fault or variant. seed: number of the run.
    thresholds: check -> the threshold of its verdict.
    usual: the verdicts of a gate of the usual kind; none where such a gate does not judge.
    """

    name: str
    seed: int
    verdicts: tuple[Verdict, ...]
    thresholds: Mapping[str, Threshold]
    usual: Usual = ()
    seconds: float = 0.0

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]

    @property
    def checks(self) -> set[str]:
        """The names of the red checks."""
        return {verdict.check.partition(":")[0] for verdict in self.red}


def judge(
    name: str,
    seed: int = 0,
    number: int = 0,
    only: Sequence[str] = (),
    *,
    named_only: bool = False,
    through: Through = "",
) -> Outcome:
    """Inject a fault, run the gate on the library as it then is, and take the fault out again.

    A fault of the measurements is judged by their audits, any other by the gate.

    number: of the slice of the texts that it is judged on.
    only: names of checks; no other is run. Empty for all checks.
    named_only: run no check but those that are named for the fault. A benign variant gets them all.
    through: let the gate see nothing but a function from texts to vectors, or a server of the library. A
        server is also judged by the contract of an endpoint.
    """
    start, fault = time.perf_counter(), BY_NAME[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gate, usual = (
            _audited(name, seed)
            if fault.where == "time"
            else _gated(fault, seed, number, only=only or fault.killers * named_only, through=through)
        )
    return Outcome(name, seed, tuple(gate.verdicts), gate.thresholds, usual, time.perf_counter() - start)


def _audited(name: str, seed: int) -> tuple[Gate, Usual]:
    with pytest.MonkeyPatch.context() as patch:
        simulated.simulate(patch)
        with injected(name, seed):
            return simulated.audited(), ()


def _gated(
    fault: Fault, seed: int, number: int, *, only: Sequence[str], through: Through
) -> tuple[Gate, Usual]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        clean.reuse(patch, fault)
        options = own_files.Options(precision=fault.precision)
        within = stack.enter_context(injected(fault.name, seed))
        clean.reuse_within(within, fault)
        opened = adapter.open_subject(
            fault.model, options, variant=("tests.faults.catalogue", fault.name, seed)
        )
        try:
            if through == "function":
                opened = _function(opened, fault.model, options)
            elif through == "server":
                running = stack.enter_context(serve(LibraryService(opened.whole)))
                options = replace(options, subject=f"http://{running.place}/v1/embeddings", served_as="model")
                opened = _server(opened, fault.model, options)
                stack.callback(opened.close)
        except GateError as error:  # a run ends here, with exit code 4 and this line
            gate = session.open_gate(opened, options)
            gate.verdicts.append(Verdict("opening", math.nan, "-", 0.0, "ERROR", str(error)))
            return gate, ()
        subject = replace(slice_of(opened, number), effort=_effort(fault))
        gate = session.open_gate(subject, options)
        session.run_gate(subject, gate, only)
        if subject.endpoint and (not only or not gate.red):
            session.run_endpoint_gate(subject.endpoint, gate)
        return gate, () if only or through else usual_kind.judge(subject)


def _function(opened: Subject, model: str, options: own_files.Options) -> Subject:
    """Return the loaded model as a function of texts, and as nothing more."""

    def embed(texts: list[str]) -> NDArray[np.float32]:
        return opened.encoder.encode(texts)

    subject = open_outside(model, options, embed)
    return replace(subject, offers=BARE, encode_elsewhere=opened.encode_elsewhere)


def _server(opened: Subject, model: str, options: own_files.Options) -> Subject:
    """Return the loaded model behind a server."""
    return replace(open_outside(model, options), encode_elsewhere=opened.encode_elsewhere)


def _effort(fault: Fault) -> Effort:
    """Return how much the checks do. Faults that need many rows, calls or options together get them.

    One that strikes one call in 50 is not seen in 66 calls of one run in four, and in 512 of one in 30,000.
    """
    if fault.cause == "kernels" and fault.model == TINY_DECODER:
        return replace(LITTLE, padded_rows=LITTLE.padded_rows_quantized)
    if "options together" in fault.killers:
        return replace(LITTLE, together=Effort.together)
    if fault.random and "call sizes" in fault.killers:
        return replace(LITTLE, sizes=Effort.sizes)
    return LITTLE


@contextmanager
def judged(
    runs: Iterable[Run],
    number: int = 0,
    *,
    only: Mapping[str, Sequence[str]] = MappingProxyType({}),
    named_only: bool = False,
    through: Through = "",
) -> Iterator[dict[Run, Future[Outcome]]]:
    """Judge many faults on a slice of the texts, one process per core; leaving early ends them at once.

    only: fault -> the checks that judge it. A fault that it does not have is judged by all.
    """
    longest_first = sorted(runs, key=lambda run: BY_NAME[run[0]].where not in ("fwd", "load"))
    calls = [(*run, number, only.get(run[0], ())) for run in longest_first]
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", scratch)  # of processes that are killed, and so do not clean up
        patch.setenv("OPENBLAS_NUM_THREADS", "1")  # NumPy's too, or the processes fight over the cores
        with begun(
            partial(judge, named_only=named_only, through=through), calls, processes=usable_cores()
        ) as futures:
            patch.undo()  # they have begun with it
            yield dict(zip(longest_first, futures, strict=True))
