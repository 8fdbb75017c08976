"""A subject of which only vectors are seen, and one that runs in the judge's own process."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate import session
from embedding_gate.errors import SubjectMalformed
from embedding_gate.outside import open_outside
from embedding_gate.own_files import OWN
from embedding_gate.subjects.black_box import BlackBox
from tests.support.subjects import hashed, other_width
from tests.support.told import Told

MODEL = "all-MiniLM-L6-v2"


def test_prompts_are_written_out_for_a_subject_that_takes_no_names() -> None:
    client = Told()
    box = BlackBox(client, {"query": "ask: "}, 1)
    assert box.prompts == {"query"}
    box.encode(["a"], prompt_name="query")
    assert client.asked[-1] == (["ask: a"], {})


def test_prompts_are_named_to_a_subject_that_takes_names() -> None:
    client = Told("prompts")
    box = BlackBox(client, {"query": "ask: ", "document": "say: "}, 1)
    assert box.prompts == {"query"}
    box.encode(["a"], prompt_name="query")
    assert client.asked[-1] == (["a"], {"prompt_name": "query"})


def test_nothing_takes_the_place_of_what_is_not_offered() -> None:
    box = BlackBox(Told(), {}, 1)
    with pytest.raises(LookupError, match="not offered"):
        box.encode(["a"], truncate_dim=2)
    for name in ("tokenize", "count_tokens", "hidden_states", "parameters", "path", "with_max_tokens"):
        assert not hasattr(box, name)
    for option in ("batch_tokens", "cache", "normalize_embeddings", "instruction", "show_progress_bar"):
        with pytest.raises(TypeError, match=option):
            box.encode(["a"], **{option: 1})  # type: ignore[arg-type]


def test_vectors_of_another_width_are_told() -> None:
    assert BlackBox(Told("truncate_dim"), {}, 1).encode(["a"], truncate_dim=2).shape == (1, 2)
    subject = open_outside(MODEL, OWN, other_width)
    with pytest.raises(SubjectMalformed, match="6 vectors of width 8 and gave 6 x 9; return one vector"):
        subject.encoder.encode(list("abcdef"))
    assert subject.encoder.encode([]).shape == (0, 8)


class SharesItsBuffer:
    """It gives the same array at each call."""

    def __init__(self) -> None:
        self._rows = np.zeros((600, 8), dtype=np.float32)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """(N, 8)."""
        self._rows[: len(texts)] = hashed(texts)
        return self._rows[: len(texts)]


def sorts_its_input(texts: list[str]) -> NDArray[np.float64]:
    """(N, 8), and the texts in another order."""
    found: NDArray[np.float64] = hashed(texts)
    texts.sort()
    return found


@pytest.mark.parametrize(
    ("embedder", "evidence"),
    [
        (SharesItsBuffer(), "an earlier result was overwritten"),
        (sorts_its_input, "the texts were changed"),
        (hashed, ""),
    ],
)
def test_side_effects_of_an_embedder_of_this_process(embedder: object, evidence: str) -> None:
    """Nothing is copied on the way, so what it does to the judge's data is seen."""
    subject = open_outside(MODEL, OWN, embedder)
    gate = session.open_gate(subject)
    session.run_gate(subject, gate, {"no side effects"})
    (verdict,) = gate.verdicts
    assert verdict.red == bool(evidence)
    assert verdict.evidence.startswith(evidence)


class Cuts:
    """It cuts vectors in one of several ways."""

    def __init__(self, how: str) -> None:
        self.how = how

    def encode(self, texts: list[str], *, truncate_dim: int | None = None) -> NDArray[np.float64]:
        """(N, 8) or (N, truncate_dim)."""
        found: NDArray[np.float64] = hashed(texts)
        if truncate_dim is None or self.how == "ignores":
            return found
        if self.how == "refuses":
            raise ValueError("this model has no Matryoshka dimensions")
        cut = found[:, :truncate_dim]
        return cut if self.how == "no norm" else cut / np.linalg.norm(cut, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("how", "outcome"),
    [("right", "pass"), ("refuses", "not applicable"), ("no norm", "FAIL"), ("ignores", "ERROR")],
)
def test_shorter_vectors_of_a_black_box(how: str, outcome: str) -> None:
    """They are cut and scaled again, or refused; never ignored."""
    subject = open_outside(MODEL, OWN, Cuts(how))
    gate = session.open_gate(subject)
    session.run_gate(subject, gate, {"shorter dimensions"})
    assert [verdict.outcome for verdict in gate.verdicts] == [outcome]


def test_an_ignored_width_is_told_once_with_its_cure() -> None:
    """No other check meets it, so that one fault is one red check."""
    subject = open_outside(MODEL, OWN, Cuts("ignores"))
    gate = session.open_gate(subject)
    session.run_gate(subject, gate, {"shorter dimensions", "options together"})
    (red,) = gate.red
    assert red.check == "shorter dimensions"
    assert red.evidence.endswith("gave 1 x 8; cut the vectors to that width, or refuse it")
