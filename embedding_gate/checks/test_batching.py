"""A text's vector does not depend on the texts that it is encoded with.

Most published bugs of embedding servers are of this kind: padding enters the mean, the last token is taken
from the wrong position, a mask is left out, or results come back in another order.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, product

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st
from numpy.typing import NDArray

from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.calls import Call, judge_calls
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.probe import WIDE
from embedding_gate.subjects.protocols import Encoder, Tokenizer
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
APART = 11  # of the 46,656 texts of three letters or digits: every eleventh


class Broken(Exception):
    """A vector depends on the other texts of its batch."""


def mixture(subject: Subject, first: int = 0) -> list[str]:
    """Pick short texts of many kinds, in no order of length."""
    return subject.texts.of_kind("word", "sentence", "script", "format", "hostile")[first::13]


def twins(subject: Subject) -> list[str]:
    """Pick texts that differ only in case, white space, an accent, a sign, or the first or last word."""
    long = subject.texts.of_kind("paragraph")[0]
    short = ["apples", "Apples", " apples", "\u00e4pples", "apples."]
    return [*short, long, f"{long} Apples.", f"Apples {long}"]


def as_alone(
    subject: Subject,
    gate: Gate,
    calls: Iterable[Call],
    known: Callable[[Sequence[str]], list[NDArray[np.float32]]] | None = None,
) -> None:
    """Require that each call gives each text the vector that is known of it. None: that it has alone."""
    known = known or subject.alone

    def difference(call: Call) -> float:
        found = subject.encode(list(call.texts), **call.options)
        return float(differences(list(found), known(call.texts)).max())

    judge_calls(subject, gate, calls, difference)


def test_alone_or_mixed(subject: Subject, gate: Gate) -> None:
    """A text in a batch that is padded to the model's limit has the same vector as the text alone.

    There are two such batches of one shape, so that a wrongly reused result shows.
    """
    pairs = list(zip(mixture(subject), mixture(subject, 1), strict=False))[: subject.effort.mixed]
    long = subject.text_of(subject.max_tokens)
    as_alone(subject, gate, (Call((*few, long), {"batch_tokens": WIDE}) for few in zip(*pairs, strict=True)))


def test_alike_texts(subject: Subject, gate: Gate) -> None:
    """Nearly identical texts in one batch each get their own vector, which no other of them has."""
    if shared := _shared(twins(subject), subject.tokenizer, subject.encoder):
        return gate.require(np.inf, evidence=f"one vector of {shared!r}")
    return as_alone(subject, gate, [Call(tuple(twins(subject)))])


def test_distinct_texts(subject: Subject, gate: Gate) -> None:
    """Thousands of short texts have as many vectors, unless the tokenizer takes two texts for the same."""
    probe = subject.probe
    apart = APART if probe.is_small else 10 * APART
    texts = [" ".join(three) for three in islice(product(probe.texts, repeat=3), 0, None, apart)]
    shared = _shared(texts, subject.tokenizer, probe.encoder)
    gate.require(len(shared), evidence=f"one vector of {shared[:3]!r}" if shared else f"{len(texts)} texts")


def _shared(texts: Sequence[str], tokenizer: Tokenizer, encoder: Encoder) -> list[str]:
    """Return the texts whose vector an earlier text has, which has other tokens."""
    ids = [one.tobytes() for one in tokenizer.tokenize(texts).ids]
    vectors = [one.tobytes() for one in encoder.encode(texts)]
    first: dict[bytes, bytes] = {}
    return [
        text
        for text, of, vector in zip(texts, ids, vectors, strict=True)
        if first.setdefault(vector, of) != of
    ]


def test_permuted(subject: Subject, gate: Gate) -> None:
    """Vectors come back in the order of the input."""
    texts = mixture(subject)
    order = np.random.default_rng(0).permutation(len(texts))
    as_alone(subject, gate, [Call(tuple(texts[index] for index in order))], subject.vectors_of)


@pytest.mark.needs("batch")
def test_batch_budget(subject: Subject, gate: Gate) -> None:
    """Every token budget gives the same vectors in the same order, even one that is smaller than a text."""
    texts = (*mixture(subject), subject.text_of(min(96, subject.max_tokens)))
    as_alone(subject, gate, (Call(texts, {"batch_tokens": budget}) for budget in (64, 100, 300)))


def test_many_texts(subject: Subject, gate: Gate) -> None:
    """One batch of many hundred texts, with repeats, gives each text its vector."""
    words = subject.texts.of_kind("word")
    lengths = subject.tokenizer.count_tokens(words)
    few = np.argsort(lengths, kind="stable")[:5]
    effort = subject.effort
    rows = effort.padded_rows_quantized if subject.quantized else effort.padded_rows
    many = -(-rows // int(lengths[few[-1]]))
    texts = tuple(words[row] for row in np.random.default_rng(0).choice(few, size=many))
    as_alone(subject, gate, [Call(texts, {"batch_tokens": WIDE})])


def test_equal_lengths(subject: Subject, gate: Gate) -> None:
    """Texts of equal length, which need no padding, have the same vectors as each text alone."""
    groups: dict[int, list[str]] = defaultdict(list)
    lengths = subject.tokenizer.count_tokens(subject.texts.texts)
    for text, length in zip(subject.texts.texts, lengths, strict=True):
        groups[int(length)].append(text)
    as_alone(subject, gate, [Call(tuple(max(groups.values(), key=len)[:16]))])


def test_multiple_of_32(subject: Subject, gate: Gate) -> None:
    """A longest text of exactly 32 or 128 tokens (a kernel's tile) changes no vector of the batch."""
    few = subject.texts.of_kind("sentence")[:2]
    lengths = [tokens for tokens in (32, 128) if tokens <= subject.max_tokens]
    pairs = ((subject.text_of(tokens), subject.text_of(tokens - 1)) for tokens in lengths)
    as_alone(subject, gate, (Call((*pair, *few), {"batch_tokens": WIDE}) for pair in pairs))


def _search(effort: Effort) -> settings:
    return settings(
        max_examples=effort.examples,
        phases=tuple(Phase) if effort.shrink else (Phase.generate,),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def test_generated_mixtures(subject: Subject, gate: Gate) -> None:
    """Hypothesis searches for a list of texts whose vectors depend on each other."""
    anything = st.text("ab Zé9.,\n\t\x00ß\u0301\u200d中日अשع🙂👩[]#", max_size=40)
    some = st.one_of(anything, st.sampled_from(subject.texts.texts[:120]))
    bound = gate.bound()
    last: tuple[float, list[str]] = (0.0, [])
    worst = 0.0

    @_search(subject.effort)
    @given(st.lists(some, min_size=2, max_size=6))
    def search(texts: list[str]) -> None:
        nonlocal last, worst
        texts = [text for text in texts if not subject.refuses(text)]
        if not texts:
            return
        mixed = subject.encode(texts, batch_tokens=WIDE)
        difference = float(differences(list(mixed), subject.alone(texts)).max())
        last = (difference, texts)
        if not difference <= bound:  # also true for NaN; Hypothesis then shrinks the list
            raise Broken
        worst = max(worst, difference)
        target(difference)

    try:
        search()
    except Broken:  # the last list tried is the smallest that fails
        gate.require(last[0], evidence=f"smallest list: {last[1]!r}")
    else:
        gate.require(worst)
