"""A text is read up to the model's limit. The tokens beyond it are counted and reported."""

import warnings

import numpy as np
import pytest

from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
SHORT = 32  # any limit shows whether encode warns


@pytest.mark.needs("tokens", "max_tokens")
def test_truncation_count(subject: Subject, gate: Gate) -> None:
    """Each text's cut-off tokens are counted, and encode warns of the cut."""
    tokens = subject.encoder.tokenize(subject.texts.texts)
    kept = np.array([len(ids) for ids in tokens.ids])
    limit = subject.encoder.max_tokens
    wrong = (kept > limit) | ((tokens.dropped > 0) & (kept != limit))
    if subject.golden is not None:
        wrong |= tokens.dropped != subject.golden.dropped
    long = " ".join(subject.texts.of_kind("paragraph")) + " and more" * limit
    over = [long, "short", "and more " * 3 * limit]
    encoder = subject.encoder.with_max_tokens(min(limit, SHORT))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder.encode(over)
    told = [item.message for item in caught if isinstance(item.message, subject.truncation)]
    dropped = int(encoder.tokenize(over).dropped.sum())
    reported = [(warning.texts, warning.cut, warning.dropped) for warning in told] == [(3, 2, dropped)]
    gate.require(
        int(wrong.sum()) + (not reported),
        evidence=f"miscounted: {subject.name_rows(wrong)}; reported rightly: {reported}",
    )


def test_long_tail(subject: Subject, gate: Gate) -> None:
    """Changing a word near the end of a text of maximum length changes its vector."""
    words = subject.text_of(subject.max_tokens).split()
    places = (len(words) // 2 + 1, len(words) * 7 // 8, len(words) - 2)
    changed = [" ".join([*words[:place], "volcano", *words[place + 1 :]]) for place in places]
    vectors = subject.encoder.encode([" ".join(words), *changed])
    distances = [*np.linalg.norm(vectors[1:] - vectors[0], axis=1)]
    blank = " " * 20_000
    if (
        np.ptp(subject.tokenizer.count_tokens(["", blank])) == 0
    ):  # blanks have no tokens, so the word after them must be read
        far = subject.encoder.encode([blank + "anchor", blank + "volcano"])
        distances.append(np.linalg.norm(far[1] - far[0]))
    gate.require(np.min(distances), evidence=f"distances {', '.join(f'{d:.2g}' for d in distances)}")
