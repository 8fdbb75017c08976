"""The tables of a run.

The tables of another subject show rates, latency by number of clients, and the time of HTTP.
"""

import textwrap
from collections.abc import Collection
from statistics import median

from benchmarks.harness.bench import Bench
from benchmarks.harness.outside import OutsideEngine
from benchmarks.harness.plan import SHORT
from benchmarks.harness.records import OF_REQUESTS, Record
from benchmarks.harness.server import HTTP, JSON
from benchmarks.harness.summary import (
    WIDTH,
    four_digits,
    grid_table,
    headline,
    median_and_interval,
    milliseconds,
    summary_table,
)
from embedding_gate.claims.published import Published
from embedding_gate.text_table import aligned

__all__ = ["outside_tables", "share_of_http", "tables"]

RATES = ("measured", "texts x tokens", "tokens/s", "surely", "median (ms)", "surely", "rounds")
LATENCY = ("clients", "tokens/s", "surely", "p50 (ms)", "surely", "p90 (ms)", "p99 (ms)", "requests")


def tables(benches: Collection[Bench], published: Published) -> list[str]:
    """Return the tables of a run, for models of the library or for another subject."""
    if any(isinstance(bench.engine, OutsideEngine) for bench in benches):
        return [line for bench in benches for line in outside_tables(bench)]
    lines = summary_table(benches, published)
    for bench in benches:
        lines += ["", *grid_table(bench)]
    return lines


def outside_tables(bench: Bench) -> list[str]:
    """Return the tables of a subject, and notes that explain them."""
    found = bench.findings
    rates = [one for one in found.records if one.kind == "throughput"]
    rates += [one for one in found.shown if one.uncached]
    rates += [one for one in found.records if one.kind in (HTTP, JSON)]
    waits = [one for one in found.records if one.kind == "latency" or one.requests]
    name = bench.engine.name if isinstance(bench.engine, OutsideEngine) else "the subject"
    lines = [f"{name}, which claims to be {bench.name}: vectors of {bench.engine.dimension}"]
    for head, rows in (
        (RATES, [_rate(one) for one in rates]),
        (LATENCY, [_wait(one) for one in waits]),
    ):
        lines += ["", *aligned([head, *rows], right=range(1, len(head)))] if rows else []
    for note in _notes(bench):
        lines += textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _rate(one: Record) -> tuple[str, ...]:
    rates = ("-", "-")
    if one.tokens:
        rates = median_and_interval(one.seconds, lambda seconds: one.tokens / seconds)
    shape = one.shape if one.batch else "-"
    return (one.kind, shape, *rates, *median_and_interval(one.seconds, milliseconds), str(len(one.seconds)))


def _wait(one: Record) -> tuple[str, ...]:
    clients = one.kind.removesuffix(" clients") if one.requests else "1"
    rates, middle = (
        median_and_interval(one.seconds, lambda seconds: one.tokens / seconds),
        median_and_interval(one.calls, milliseconds),
    )
    late = [four_digits(1e3 * one.percentiles[at]) if at in one.percentiles else "-" for at in (90, 99)]
    return (clients, *rates, *middle, *late, str(len(one.calls)))


def share_of_http(bench: Bench) -> float | None:
    """Return the share of a headline round that HTTP and JSON take.

    It is the time of a request without a text and of the client's JSON work, divided by the time of the
    round.
    """
    of = {one.kind: one for one in bench.findings.records}
    if (rate := headline(bench)) is None or HTTP not in of or JSON not in of:
        return None
    return (median(of[HTTP].seconds) + median(of[JSON].seconds)) / median(rate.seconds)


def _notes(bench: Bench) -> list[str]:
    short = min(bench.limit, SHORT)
    found = [
        f"texts are new in every round; the judge's tokenizer of {bench.name} counts tokens; 'surely' is the "
        "interval of the median at 98 %",
        f"a request of a client is one text of {short} tokens; rates are of all clients together; p90 needs "
        f"{OF_REQUESTS[90]} requests, p99 {OF_REQUESTS[99]}",
    ]
    if cache := bench.findings.own_cache:
        again, new = median(cache.seconds), median(cache.uncached)
        found.append(
            f"the subject has a cache: texts that it had before take {1e3 * again:.4g} ms, new ones "
            f"{1e3 * new:.4g} ms ({new / again:.4g} times)"
        )
    if (share := share_of_http(bench)) is not None:
        batch, length = bench.fit(bench.plan.headline)
        found.append(
            f"HTTP and JSON take {share:.1%} of a round of {batch} x {length} tokens: a request of no text, "
            "and what this side does to write the request and to read the answer; what the server does with "
            "the JSON of the texts is not in it"
        )
    return found
