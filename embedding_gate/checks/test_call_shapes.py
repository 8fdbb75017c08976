"""No number of texts, length, option, thread or earlier call changes a vector.

Most calls go to a small model by the judged model's code. So thousands of them take about a second.
"""

from collections import ChainMap
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from dataclasses import replace
from io import StringIO
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np
import pytest

from embedding_gate.checks.test_batching import as_alone
from embedding_gate.errors import SubjectMalformed
from embedding_gate.subjects.calls import Call, at_once, judge_calls
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.plan import covering, mixed, numbers_of_texts
from embedding_gate.subjects.probe import WIDE
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
IN_ONE_BATCH = {"batch_tokens": WIDE}
SIZES = (1, 2, 17, 40, 130)  # texts of a call, beside each value of each option
SOME_SIZES = (48, 257)  # the numbers of texts where there is no small model: each, and powers of two
ROWS = 17  # of a batch of the judged model itself
SOME_CALLS = 100
SOME_CROWD = 24  # texts of each of the many threads
SOME_LENGTHS = 16  # how many lengths where there is no small model
THREADS: dict[int, dict[str, Any]] = {32: {}, 64: IN_ONE_BATCH}  # and the options of their calls
TASK = "Find what is sold here"


def test_call_sizes(subject: Subject, gate: Gate) -> None:
    """In a call of each number of texts, which are one batch, each text has its vector."""
    probe, effort = subject.probe, subject.effort
    sizes = numbers_of_texts(*map(probe.most, (effort.sizes, effort.largest), SOME_SIZES))
    calls = (Call(mixed(probe.texts, size), IN_ONE_BATCH) for size in sizes)
    judge_calls(gate, calls, probe.difference, shrink=effort.shrink, refusal=subject.refusal)


@pytest.mark.needs("batch")
def test_batch_rows(subject: Subject, gate: Gate) -> None:
    """In batches of 2^k - 1, 2^k and 2^k + 1 rows of the judged model itself, each text has its vector."""
    words = sorted(subject.texts.of_kind("word"), key=len)[:12]
    calls = (Call(mixed(words, rows), IN_ONE_BATCH) for rows in numbers_of_texts(0, ROWS))
    as_alone(subject, gate, calls, subject.vectors_of)


def test_padded_lengths(subject: Subject, gate: Gate) -> None:
    """In a batch that is padded to each length, a short text and the long one have their vectors."""
    probe, limit = subject.probe, subject.max_tokens
    step = -(-limit // probe.most(subject.effort.lengths, SOME_LENGTHS))
    words = list(islice(cycle(probe.texts), limit))
    texts = [" ".join(words[:number]) for number in range(1, limit, step)]
    whole = subject.tokenizer.tokenize(texts).dropped == 0
    few = [text for text, is_whole in zip(texts, whole, strict=True) if is_whole]
    calls = (Call((text, "a"), IN_ONE_BATCH) for text in few)
    judge_calls(gate, calls, probe.difference, shrink=subject.effort.shrink, refusal=subject.refusal)


def factors_of(subject: Subject, cache: Any) -> list[list[dict[str, Any]]]:
    """Return the values of each option that the subject takes, each with its default first."""
    encoder, offers = subject.probe.encoder, subject.offers
    fewer = {"truncate_dim": max(encoder.min_dimensions, encoder.dimension // 2)}
    before = [{"prompt_name": name} for name in sorted(encoder.prompts)]
    if "errors" in offers:  # a library: what else is judged takes no such options
        before += [{"prompt": "q: "}, {"prompt_name": "query", "instruction": TASK}]
    values: dict[str, list[dict[str, Any]]] = {
        "encode": [one for one in before if _takes(subject, one)],
        "truncate_dim": [fewer] if "truncate_dim" in offers and _takes(subject, fewer) else [],
        "raw": [{"normalize_embeddings": False}],
        "batch": [{"batch_tokens": tokens} for tokens in (32, WIDE)],
        "progress bar": [{"show_progress_bar": True}],
        "cache": [{"cache": cache}],
    }
    return [[{}, *some] for offer, some in values.items() if offer in offers and some]


def _takes(subject: Subject, options: dict[str, Any]) -> bool:
    try:
        subject.probe.encoder.encode(["a"], **options)
    except (subject.refusal, SubjectMalformed):  # "shorter dimensions" judges a wrong width
        return False
    return True


@contextmanager
def planned(subject: Subject, sizes: Sequence[int]) -> Iterator[list[Call]]:
    """Plan calls in which any values of so many options meet; the number of texts is one of them."""
    opened: AbstractContextManager[Any] = (
        subject.open_cache(None) if "cache" in subject.offers else nullcontext()
    )
    with opened as cache, redirect_stderr(StringIO()):
        factors: list[Sequence[Any]] = [sizes, *factors_of(subject, cache)]
        rows = ((row[0], list(row[1:])) for row in covering(factors, subject.effort.together))
        yield [Call(mixed(subject.probe.mixed, size), dict(ChainMap(*options))) for size, options in rows]


def test_options_together(subject: Subject, gate: Gate) -> None:
    """With each few options together, in calls of few and of many texts, each text has its vector."""
    with planned(subject, SIZES) as calls:
        judge_calls(
            gate, calls, subject.probe.difference, shrink=subject.effort.shrink, refusal=subject.refusal
        )


def test_many_calls(subject: Subject, gate: Gate) -> None:
    """In hundreds of calls after each other, each of other texts, each text has its vector."""
    effort, probe = subject.effort, subject.probe
    pairs = pairwise(islice(cycle(probe.texts), 1 + probe.most(effort.calls, SOME_CALLS)))
    calls = (Call(pair, IN_ONE_BATCH) for pair in pairs)
    judge_calls(gate, calls, probe.difference, shrink=effort.shrink, refusal=subject.refusal)


@pytest.mark.needs("threads")
def test_many_threads(subject: Subject, gate: Gate) -> None:
    """32 threads at the same moment get the same vectors as one thread alone, and so do 64."""
    effort, probe = subject.effort, subject.probe
    texts = tuple(probe.texts[: probe.most(effort.thread_crowd, SOME_CROWD)])
    probe.known(texts)  # before the threads begin

    def difference(call: Call) -> float:
        refused: list[Exception] = []

        def stray_of(thread: int) -> float:
            mine = replace(call, texts=tuple(np.roll(call.texts, thread).tolist()))
            try:
                return probe.difference(mine)
            except subject.refusal as error:  # a server may be too busy for some
                refused.append(error)
                return 0.0

        worst = at_once(call.threads, stray_of)
        if len(refused) == call.threads or (refused and "errors" in subject.offers):
            raise refused[0]
        return worst

    calls = (Call(texts, options, threads) for threads, options in THREADS.items())
    judge_calls(gate, calls, difference, shrink=effort.shrink, refusal=subject.refusal)
