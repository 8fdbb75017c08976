"""The decoder trunk beside transformers' Qwen3Model, on a tiny random checkpoint of the real layout."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import embeddings
from embeddings.backend import mx
from embeddings.models.decoder import Decoder
from tests.support.tiny_decoders import FLOAT, FOUR_BITS, TEXTS

LENGTHS = (1, 2, 17, 64, 300, 4096)


def strays(folder: Path, length: int) -> float:
    """How far hidden states stray from the goldens."""
    golden = load_file(folder / "golden.safetensors")
    model = embeddings.load(folder).model
    ids = golden[f"ids.{length}"]
    hidden = np.array(model(mx.array(ids[None]), mx.array([length])))[0]
    return float(np.abs(hidden[golden[f"positions.{length}"]] - golden[f"hidden.{length}"]).max())


@pytest.mark.parametrize(
    ("folder", "length"),
    [*((FLOAT, length) for length in LENGTHS), *((FOUR_BITS, length) for length in LENGTHS[:-1])],
)
def test_parity(folder: Path, length: int) -> None:
    """Grouped-query attention, q and k norm, positions up to 4,096, names with and without a prefix."""
    assert strays(folder, length) < 2e-5  # measured 6e-7 for one token to 5.1e-6 for 4,096; states reach 5


@pytest.mark.parametrize("folder", [FLOAT, FOUR_BITS], ids=["float32", "4 bits"])
def test_a_vector_does_not_depend_on_its_batch(folder: Path) -> None:
    model = embeddings.load(folder)
    alone = np.concatenate([model.encode([text]) for text in TEXTS])
    for budget in (8, 100, 1 << 20):
        np.testing.assert_allclose(model.encode(TEXTS, batch_tokens=budget), alone, atol=2e-6)


def test_memory_grows_with_the_length_not_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text goes through in steps: twice the length takes twice the memory, and gives the same."""
    model = embeddings.load(FLOAT).model
    ids = mx.array(np.random.default_rng(0).integers(256, size=(1, 2048)).astype(np.int32))

    def run(length: int, step: int) -> tuple[np.ndarray, int]:
        monkeypatch.setattr("embeddings.models.decoder.STEP", step)
        mx.clear_cache()
        mx.reset_peak_memory()
        hidden = model(ids[:, :length], mx.array([length]))
        mx.eval(hidden)
        return np.array(hidden), mx.get_peak_memory() - held

    held = mx.get_active_memory()
    half, whole = run(1024, 128), run(2048, 128)
    at_once = run(2048, 2048)
    assert whole[1] < 2.4 * half[1]  # measured 2.0; in one step it is 4
    assert at_once[1] > 4 * whole[1]  # measured 8: the scores of all beside all
    np.testing.assert_allclose(whole[0], at_once[0], atol=2e-5)  # measured 3.1e-6 at 4,096; states reach 5


def test_out_of_memory_halves_the_budget_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is tried at half the budget, with a warning; then it is an error with the numbers."""
    model = embeddings.load(FLOAT)
    expected = model.encode(TEXTS)
    forward, room = Decoder.__call__, [0]

    def cramped(self: Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        if ids.size > room[0]:
            raise RuntimeError("[malloc] Unable to allocate 123 bytes.")
        return forward(self, ids, lengths)

    monkeypatch.setattr(Decoder, "__call__", cramped)
    room[0] = 100
    with pytest.warns(embeddings.MemoryWarning, match="the budget is now 100"):
        np.testing.assert_allclose(model.encode(TEXTS, batch_tokens=200), expected, atol=2e-6)
    room[0] = 50
    with (
        pytest.warns(embeddings.MemoryWarning),
        pytest.raises(embeddings.OutOfMemory, match=r"1 x 71 tokens \(budget 100\).*123 bytes.*batch_tokens"),
    ):
        model.encode(TEXTS, batch_tokens=200)
    monkeypatch.setattr(Decoder, "__call__", lambda *_: mx.array([1]) @ mx.array([[1, 2], [3, 4]]))
    with pytest.raises(ValueError, match="matmul"):  # any other error passes through
        model.encode(TEXTS)


def test_left_and_right_padding_agree() -> None:
    """Padded on the left, with mlx-lm's own cache for that, a text's last state is the same."""
    cache = pytest.importorskip("mlx_lm.models.cache")
    model = embeddings.load(FLOAT)
    assert isinstance(model.model, Decoder)
    ids = model.tokenize(TEXTS).ids
    longest = max(map(len, ids))
    gaps = [longest - len(row) for row in ids]
    padded = mx.array([[0] * gap + row.tolist() for gap, row in zip(gaps, ids, strict=True)])
    caches = [cache.BatchKVCache(gaps) for _ in model.model.trunk.layers]
    hidden = np.array(model.model.trunk(padded, cache=caches)[:, -1])
    expected = np.array([states[-1] for states in model.hidden_states(TEXTS)])
    np.testing.assert_allclose(hidden, expected, atol=1e-5)


@pytest.mark.parametrize("folder", [FLOAT, FOUR_BITS], ids=["float32", "4 bits"])
def test_more_than_32768_rows_in_one_batch(folder: Path) -> None:
    """Kernels have gone wrong past 2^15 rows: a batch of 36,000 tokens gives what each text gives alone."""
    model = embeddings.load(folder)
    some = ["x" * 59, "a text of some words", "y" * 50]
    many = [some[row % 3] for row in range(600)]
    assert model.count_tokens(many).max() * len(many) > 32_768
    alone = np.concatenate([model.encode([text]) for text in some])
    found = model.encode(many, batch_tokens=1 << 20)
    np.testing.assert_allclose(found, np.tile(alone, (200, 1)), atol=2e-6)


def test_causality() -> None:
    """No token sees what follows it; without the causal mask each sees all, and no padding."""
    model = embeddings.load(FLOAT)
    ids = mx.array([[1, 2, 3, 4], [1, 2, 3, 9]])
    lengths = mx.array([4, 4])
    hidden = np.array(model.model(ids, lengths))
    np.testing.assert_allclose(hidden[0, :3], hidden[1, :3], atol=1e-6)
    assert isinstance(model.model, Decoder)
    both_ways = Decoder(model.model.config, model.model.weights, causal=False)
    hidden = np.array(both_ways(ids, lengths))
    assert np.abs(hidden[0, 0] - hidden[1, 0]).max() > 0.01
    short = np.array(both_ways(ids[:1, :3], mx.array([3])))
    padded = np.array(both_ways(ids[:1], mx.array([3])))
    np.testing.assert_allclose(padded[:, :3], short, atol=1e-5)


def test_the_walk_is_the_trunks_own() -> None:
    """Layer by layer, as on a GPU, gives what mlx-lm's trunk gives."""
    model = embeddings.load(FLOAT).model
    assert isinstance(model, Decoder)
    ids = mx.array(np.random.default_rng(0).integers(256, size=(3, 40)).astype(np.int32))
    walked = model.walk(ids, "causal", ahead=2)
    np.testing.assert_allclose(walked, model.trunk(ids), atol=1e-6)
    np.testing.assert_allclose(model.walk(ids[:, :1], "causal"), model.trunk(ids[:, :1]), atol=1e-6)
