"""Another subject is measured: a server of the fake embedder, by a clock that only its work moves.

So nothing here depends on how fast this machine is, or on what else it does.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import test_outside_speed
from benchmarks.harness.audits import judge
from benchmarks.harness.bench import Measure
from benchmarks.harness.plan import outside_plan
from benchmarks.harness.serialize import measurements
from benchmarks.harness.server import HTTP, JSON
from benchmarks.harness.tables import outside_tables, share_of_http
from embedding_gate import own_files
from embedding_gate.claims.published import read_published
from embedding_gate.errors import EndpointError, GateError
from embedding_gate.report.schema.speed import Speed
from embedding_gate.subjects.offers import unoffered
from embedding_gate.verdicts.thresholds import NOT_OFFERED
from tests.support.endpoints import FAKE, FORMS
from tests.support.measured import Rounds, Vectors, Work, measure_all, measured, opened, red
from tests.support.server import Service

INSIDE = {"real tokens", "precision", "roofline", "device peak"}  # audits that need more than vectors


@pytest.mark.parametrize("form", FORMS)
def test_a_right_server(form: str) -> None:
    """No audit is red, and those that need the inside say so. Tokens are the judge's, and of all clients."""
    bench = measured(lambda work: work.encode, form)
    assert red(bench) == set()
    outcomes = {one.check: one.outcome for one in judge("fake", bench.findings).verdicts}
    assert {name for name, outcome in outcomes.items() if outcome == NOT_OFFERED} == INSIDE
    of = {one.kind: one for one in bench.findings.records}
    assert list(of) == ["throughput", "latency", "8 clients", JSON, HTTP]
    assert of["throughput"].rate == pytest.approx(1e4, rel=0.01)
    assert (of["8 clients"].tokens, of["8 clients"].batch) == (16 * 16, 16)
    assert len(of["8 clients"].requests) == 7 * 16
    assert set(of["8 clients"].percentiles) == {50, 90}  # 112 requests; p99 needs 662
    assert bench.findings.own_cache is None


def test_a_server_that_caches_whole_answers() -> None:
    """Its answer to the same request takes no time: "repeated texts" is red, and the table says why."""

    def caching(work: Work) -> Callable[[list[str]], Vectors]:
        held: dict[tuple[str, ...], Vectors] = {}

        def encode(texts: list[str]) -> Vectors:
            if tuple(texts) not in held:
                held[tuple(texts)] = work.encode(texts)
            return held[tuple(texts)]

        return encode

    bench = measured(caching)
    assert red(bench) == {"repeated texts"}
    cache = bench.findings.own_cache
    assert cache is not None
    assert cache.speedup is not None
    assert cache.speedup > 1000
    evidence = next(one.evidence for one in judge("fake", bench.findings).red)
    assert evidence.endswith("the subject has a cache")
    lines = outside_tables(bench)
    assert any(line.startswith("  own cache") for line in lines)
    assert any(line.startswith("  the subject has a cache: texts that it had before take") for line in lines)


def test_a_server_that_sleeps_in_each_call() -> None:
    """Its time does not depend on the texts."""

    def sleeping(work: Work) -> Callable[[list[str]], Vectors]:
        def encode(texts: list[str]) -> Vectors:
            work.take(0.02)
            return FAKE.encode(texts)

        return encode

    assert red(measured(sleeping)) == {"growing work"}


def test_a_server_that_answers_from_a_pool_at_speed() -> None:
    """After a few requests of one text it has vectors ready, of other texts."""

    def pooled(work: Work) -> Callable[[list[str]], Vectors]:
        pool, in_a_row, lock = FAKE.encode(["one text", "another text"]), [0], threading.Lock()

        def encode(texts: list[str]) -> Vectors:
            vectors = work.encode(texts)
            with lock:
                in_a_row[0] = in_a_row[0] + 1 if len(texts) == 1 else 0
                return pool[in_a_row[0] % 2][np.newaxis] if in_a_row[0] > 3 else vectors

        return encode

    bench = measured(pooled)
    assert red(bench) == {"untimed vectors"}
    strays = {one.kind: one.stray for one in bench.findings.records if one.stray is not None}
    assert strays["throughput"] < 1e-6
    assert min(strays["latency"], strays["8 clients"]) > 0.01


def test_a_server_in_half_precision() -> None:
    """The vectors of float16 are no alarm: nobody sees in what a server computes."""

    def rounded(work: Work) -> Callable[[list[str]], Vectors]:
        return lambda texts: (work.encode(texts) * (1 + 2e-4 * (len(texts) == 1))).astype(np.float32)

    assert red(measured(rounded)) == set()


def test_clients_ask_at_once() -> None:
    """Eight requests are with the server before any of them is answered."""
    clock, together = Work(), threading.Barrier(8, timeout=30)

    def encode(texts: list[str]) -> Vectors:
        if len(texts) == 1 and texts != ["a text"]:
            together.wait()
        return clock.encode(texts)

    with opened(Service(encode, FAKE.tokenize), clock) as bench:
        Measure(bench, Rounds(clock)).clients(8)
    assert len(bench.findings.records[0].requests) == 7 * 16


def test_a_server_that_fails_at_no_text() -> None:
    """A request of no text may be refused. An error of the server is no measurement of HTTP."""
    clock = Work()
    service = Service(clock.encode, FAKE.tokenize)
    right = service.texts

    def texts(given: Any, *, ids_allowed: bool) -> Any:
        assert given, "no text"
        return right(given, ids_allowed=ids_allowed)

    with (
        opened(service.patch(texts=texts), clock) as bench,
        pytest.raises(EndpointError, match=r"of no text: gave 500 .*; leave out .*no_text"),
    ):
        Measure(bench, Rounds(clock)).no_text()


def test_what_http_and_json_take() -> None:
    """Of a round of 8 ms, a request of no text that takes 2 ms and JSON that takes none are a quarter."""
    clock = Work()
    service = Service(clock.encode, FAKE.tokenize)
    read = service.read

    def slow(content: bytes) -> Any:
        clock.take(2e-3)
        return read(content)

    with opened(service.patch(read=slow), clock) as bench:
        measure_all(bench, clock)
    assert share_of_http(bench) == pytest.approx(2 / (6.4 + 2), rel=0.01)
    assert any("HTTP and JSON take 23.8% of a round of 8 x 8 tokens" in one for one in outside_tables(bench))


def test_the_tables_and_the_report() -> None:
    bench = measured(lambda work: work.encode)
    lines = outside_tables(bench)
    assert max(map(len, lines)) <= 120
    wait = next(line.split() for line in lines if line.startswith("  8  "))
    assert wait[-2:] == ["-", "112"]  # no p99 of so few requests
    published = read_published(own_files.FIXTURES / "published.toml")
    found = measurements([bench], {"fake": judge("fake", bench.findings)}, published)
    rows = [Speed(**row) for row in found["speed"]]
    assert {row.kind for row in rows} == {"throughput", "latency", "8 clients", JSON, HTTP}
    assert all(row.matmul is row.mfu is row.bound is row.flops_per_token is None for row in rows)
    clients = next(row for row in found["speed"] if row["kind"] == "8 clients")
    assert {(one["percent"], one["rounds"]) for one in clients["percentiles"]} == {(50, 112), (90, 112)}


def test_percentiles_have_enough_requests() -> None:
    """The plan of a quick subject has the 662 that p99 needs; a slow one is measured in little."""
    quick, slow = outside_plan(0.01), outside_plan(0.5)
    for count in quick.clients:
        assert quick.client_rounds(count) * count * quick.each >= 662
    assert quick.latency_rounds >= 662 > slow.latency_rounds >= 64
    assert min(plan.client_rounds(count) for plan in (quick, slow) for count in plan.clients) >= 7


def test_a_function_is_asked_for_no_http() -> None:
    """What only a server has is not measured of another subject."""
    of_a_server = {"test_clients", "test_json", "test_no_text"}
    tests = {name: test for name, test in vars(test_outside_speed).items() if name.startswith("test_")}
    assert {name for name, test in tests.items() if unoffered(test, frozenset({"encode"}))} == of_a_server
    assert not [test for test in tests.values() if unoffered(test, frozenset({"encode", "endpoint"}))]


def test_what_is_not_offered_is_an_error() -> None:
    clock = Work()
    with opened(Service(clock.encode, FAKE.tokenize), clock) as bench:
        with pytest.raises(LookupError, match="a cache is not offered"):
            bench.engine.encode(["a text"], cache=object())
        with pytest.raises(LookupError, match="a limit of 9 tokens is not offered"):
            bench.engine.with_max_tokens(9)


def test_vectors_of_another_length_stop_a_benchmark() -> None:
    clock = Work()
    with (
        opened(Service(lambda texts: 2 * clock.encode(texts), FAKE.tokenize), clock) as bench,
        pytest.raises(GateError, match="a vector has length 2"),
    ):
        Measure(bench, Rounds(clock)).latency(8)
