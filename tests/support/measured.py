"""Measurements of servers of the fake embedder, with a fake clock that only their work moves."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.audits import judge
from benchmarks.harness.bench import Bench, Measure
from benchmarks.harness.clock import by_clock
from benchmarks.harness.fresh import Seen
from benchmarks.harness.opening import open_outside_bench
from benchmarks.harness.outside import OutsideEngine
from benchmarks.harness.plan import Plan
from embedding_gate.endpoint import open_client
from embedding_gate.subjects.server import Server
from tests.support.endpoints import FAKE, FORMS
from tests.support.server import Service, serve

__all__ = ["PLAN", "Rounds", "Vectors", "Work", "measure_all", "measured", "opened", "red"]

PLAN = Plan(
    grid=((8, 8),),
    headline=(8, 8),
    rounds=9,
    latency_rounds=12,
    probe=(8, 32),
    probe_rounds=9,
    warm_ups=1,
    clients=(8,),
    each=2,
    requests=64,
)
Vectors = NDArray[np.float32]


class Work:
    """A fake clock that moves 0.1 ms for each encoded token. Each reading of it takes 1 us."""

    def __init__(self) -> None:
        self.now, self._lock = 0.0, threading.Lock()

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.take(1e-6)

    def take(self, seconds: float) -> float:
        """Move the clock forward."""
        with self._lock:
            self.now += seconds
            return self.now

    def encode(self, texts: list[str]) -> Vectors:
        """Encode as the fake embedder does."""
        self.take(1e-4 * sum(len(ids) for ids in FAKE.tokenize(texts).ids))
        return FAKE.encode(texts)


class Words:
    """The tokenizer that the judge uses for the fake embedder."""

    max_tokens = FAKE.limit
    tokenize = staticmethod(FAKE.tokenize)

    @staticmethod
    def count_tokens(texts: Sequence[str]) -> Any:
        """Return the token counts (N,)."""
        return np.array([len(ids) for ids in FAKE.tokenize(texts).ids])


class Rounds:
    """A replacement of the pytest-benchmark fixture."""

    def __init__(self, clock: Work) -> None:
        self._clock, self.extra_info = clock, dict[str, Any]()
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]))

    def pedantic(self, work: Any, *, setup: Any, teardown: Any, rounds: int, **_: Any) -> None:
        """Time the rounds."""
        self.stats.stats.data = by_clock(self._clock)(setup, work, teardown, rounds)


@contextmanager
def opened(service: Service, clock: Work, form: str = FORMS[0]) -> Iterator[Bench]:
    """Start the server, and open it for measurement."""
    with serve(service) as running:
        address = form.format(running.place)
        asked = Server(address, open_client(address, "model"))
        engine = OutsideEngine(asked, Words(), "fake")  # type: ignore[arg-type]
        yield open_outside_bench(engine, PLAN, Seen(), precision="float32", clock=clock)
        asked.close()


def measure_all(bench: Bench, clock: Work) -> None:
    """Run all benchmarks, and collect what the audits need."""

    def measure() -> Measure:
        return Measure(bench, Rounds(clock))

    measure().throughput(*PLAN.headline)
    measure().latency(8)
    measure().clients(8)
    measure().json()
    measure().no_text()
    bench.audit()


def measured(change: Callable[[Work], Callable[[list[str]], Vectors]], form: str = FORMS[0]) -> Bench:
    """Measure a server with another encode function."""
    clock = Work()
    with opened(Service(change(clock), FAKE.tokenize), clock, form) as bench:
        measure_all(bench, clock)
    return bench


def red(bench: Bench) -> set[str]:
    """Return the names of the audits that fail."""
    gate = judge("fake", bench.findings)
    assert not gate.unread
    return {verdict.check for verdict in gate.red}
