"""The decoder trunk beside transformers' Qwen3Model, on a tiny random checkpoint of the real layout."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embedding_gate import adapter, own_files
from embedding_gate.subjects.live import LONGEST
from embeddings.backend import mx
from embeddings.models.decoder import Decoder
from embeddings.models.quantized import unpacked

FLOAT, FOUR_BITS = own_files.FIXTURES / "tiny-qwen3", own_files.FIXTURES / "tiny-qwen3-4bit"
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


TEXTS = ["a", "a longer text of some words", "né 日本", "x" * 70, ""]


def test_official_recipe() -> None:
    """One end token, the last real token pooled, length 1, the instruction before queries alone."""
    model = embeddings.load(FLOAT)
    tokens = model.tokenize(TEXTS)
    for ids in tokens.ids:
        assert ids[-1] == 256
        assert (ids[:-1] != 256).all()
    vectors = model.encode(TEXTS)
    for vector, states in zip(vectors, model.hidden_states(TEXTS), strict=True):
        np.testing.assert_allclose(vector, states[-1] / np.linalg.norm(states[-1]), atol=1e-6)
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a"
    np.testing.assert_allclose(model.encode(["a"], prompt_name="query"), model.encode([asked]), atol=1e-6)
    np.testing.assert_allclose(model.encode(["a"], prompt_name="document"), vectors[:1], atol=1e-6)


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


def test_many_and_few_rows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking a weight inside the call gives what MLX's quantized product gives."""
    found, asked = list[np.ndarray](), list[int]()

    def counted(*parts: mx.array, group_size: int, bits: int) -> mx.array:
        asked[-1] += 1
        return unpacked(*parts, group_size=group_size, bits=bits)

    monkeypatch.setattr("embeddings.models.quantized.unpacked", counted)
    for crossover in (1, None):
        asked.append(0)
        table = dict.fromkeys(("cpu", "cuda", "metal"), crossover)
        monkeypatch.setattr("embeddings.models.quantized.CROSSOVER", table)
        found.append(embeddings.load(FOUR_BITS).encode(TEXTS))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert asked[0] > 0 == asked[1]  # two ways indeed


def test_the_number_of_rows_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of all texts together: 7 are few, 8 are many."""
    monkeypatch.setattr("embeddings.models.quantized.CROSSOVER", dict.fromkeys(("cpu", "cuda", "metal"), 8))
    asked: list[int] = []
    monkeypatch.setattr("embeddings.models.quantized.unpacked", lambda *_, **__: asked.append(1))
    model = embeddings.load(FOUR_BITS).model
    model(mx.zeros((7, 1), dtype=mx.int32), mx.ones((7,), dtype=mx.int32))
    assert not asked
    with pytest.raises(AttributeError):
        model(mx.zeros((4, 2), dtype=mx.int32), mx.full((4,), 2))
    assert asked


def test_the_walk_is_the_trunks_own() -> None:
    """Layer by layer, as on a GPU, gives what mlx-lm's trunk gives."""
    model = embeddings.load(FLOAT).model
    assert isinstance(model, Decoder)
    ids = mx.array(np.random.default_rng(0).integers(256, size=(3, 40)).astype(np.int32))
    walked = model.walk(ids, "causal", ahead=2)
    np.testing.assert_allclose(walked, model.trunk(ids), atol=1e-6)
    np.testing.assert_allclose(model.walk(ids[:, :1], "causal"), model.trunk(ids[:, :1]), atol=1e-6)


def drawn(*shape: int) -> mx.array:
    """Draw normal numbers, the same in each run: MLX's own seed is the time of day."""
    return mx.random.normal(shape, key=mx.random.key(0))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("precision", [mx.float32, mx.bfloat16])
def test_unpacking_is_that_of_mlx(bits: int, precision: mx.Dtype) -> None:
    """By shifts where the bits divide a word; by MLX itself where they do not."""
    parts = mx.quantize(drawn(24, 192).astype(precision), group_size=64, bits=bits)
    ours = unpacked(*parts, group_size=64, bits=bits)
    assert ours.dtype == precision
    assert mx.array_equal(ours, mx.dequantize(*parts, group_size=64, bits=bits))


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def weights_changed(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def config_changed(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


NORM = "layers.1.self_attn.q_norm.weight"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: weights_changed(f, lambda w: w.pop(NORM)), f"1 weights missing, first '{NORM}'"),
        (lambda f: weights_changed(f, lambda w: w.update(more=w[NORM])), "no use for, first 'more'"),
        (lambda f: weights_changed(f, lambda w: w.update({NORM: w[NORM][:3]})), "must have shape"),
        (
            lambda f: config_changed(f, rope_scaling={"rope_type": "spiral", "factor": 2}),
            "rope_scaling .*spiral",
        ),
        (lambda f: config_changed(f, model_type="mamba"), "model_type must be one of bert, qwen3"),
        (lambda f: config_changed(f, surprise=1), "unknown key 'surprise'"),
        (
            lambda f: config_changed(f, quantization={"bits": 4, "group_size": 64, "mode": "mxfp4"}),
            "quantization",
        ),
        (
            lambda f: config_changed(f, use_sliding_window=True, sliding_window=8),
            "use_sliding_window|sliding",
        ),
        (lambda f: config_changed(f, hidden_act="gelu"), "hidden_act must be 'silu'"),
        (lambda f: config_changed(f, attention_bias=True), "attention_bias must be False, got True"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    folder = copy_of(FLOAT, tmp_path / "model")
    damage(folder)
    with pytest.raises(embeddings.ModelError, match=words) as caught:
        embeddings.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_gate_cuts_texts_at_a_limit_of_its_own() -> None:
    """A model of 4,096 tokens is judged on 512, and the table says so."""
    subject = adapter.open_subject(str(FLOAT))
    assert subject.encoder.max_tokens == LONGEST == 512
    assert subject.notes[0] == "  judged on texts of at most 512 tokens; the model reads 4,096"


def without(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()


def test_an_end_token_is_appended_where_the_template_lacks_it(tmp_path: Path) -> None:
    folder = copy_of(FLOAT, tmp_path / "model")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    shipped = embeddings.load(folder)
    for lacking in (None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}):
        path.write_text(json.dumps({**content, "post_processor": lacking}))
        old = embeddings.load(folder)
        long = [*TEXTS, "z" * 600]
        for one, other in zip(old.tokenize(long).ids, shipped.tokenize(long).ids, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(old.tokenize(long).dropped, shipped.tokenize(long).dropped)
    path.write_text(path.read_text().replace("<|endoftext|>", "<|other|>"))
    with pytest.raises(embeddings.DamagedModel, match=r"has no <\|endoftext\|>"):
        embeddings.load(folder)


def test_an_instruction_of_the_callers() -> None:
    model = embeddings.load(FLOAT)
    own = "Instruct: Find a rhyme\nQuery:a"
    found = model.encode(["a"], prompt_name="query", instruction="Find a rhyme")
    np.testing.assert_allclose(found, model.encode([own]), atol=1e-6)
    assert model.count_tokens(["a"], prompt_name="query", instruction="Find a rhyme")[0] == len(own) + 1
    with pytest.raises(embeddings.InputError, match="takes none with prompt 'document'"):
        model.encode(["a"], prompt_name="document", instruction="x")
    with pytest.raises(embeddings.InputError, match="instruction: all-MiniLM-L6-v2 takes none; leave it out"):
        embeddings.load().encode(["a"], instruction="x")


def test_dimensions_outside_what_the_model_allows() -> None:
    model = embeddings.load(FLOAT)
    assert model.encode(["a"], truncate_dim=32).shape == (1, 32)
    for width in (31, 65):
        with pytest.raises(embeddings.InputError, match="whole number from 32 to 64"):
            model.encode(["a"], truncate_dim=width)


def test_a_recipe_where_the_folder_declares_none(tmp_path: Path) -> None:
    """Nothing is guessed: the catalog knows the name, or the caller names a recipe."""
    known = copy_of(FLOAT, tmp_path / "Qwen3-Embedding-0.6B-4bit-DWQ")
    unknown = copy_of(FLOAT, tmp_path / "mine")
    for folder in (known, unknown):
        without(folder, "modules.json", "config_sentence_transformers.json")
    expected = embeddings.load(FLOAT).encode(TEXTS, prompt_name="query")
    np.testing.assert_array_equal(embeddings.load(known).encode(TEXTS, prompt_name="query"), expected)
    with pytest.raises(embeddings.DamagedModel, match=r"nothing says how to pool.*qwen3-embedding"):
        embeddings.load(unknown)
    named = embeddings.load(unknown, recipe="qwen3-embedding")
    np.testing.assert_array_equal(named.encode(TEXTS, prompt_name="query"), expected)
    with pytest.raises(embeddings.InputError, match="no recipe has that name; take declared or"):
        embeddings.load(unknown, recipe="surprise")


def test_reference_recipe() -> None:
    """The mean over all tokens, each of which reads the whole text: as the published figures were made."""
    model = embeddings.load(FLOAT, recipe="reference-2025")
    for vector, states in zip(model.encode(TEXTS), model.hidden_states(TEXTS), strict=True):
        mean = states.mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    first = [states[0] for states in model.hidden_states(["a text", "a tent"])]
    assert np.abs(first[0] - first[1]).max() > 0.01
    with pytest.raises(embeddings.UnsupportedModel, match="recipe reference-2025 is for decoders"):
        embeddings.load(recipe="reference-2025")


def test_limit_and_precision() -> None:
    short = embeddings.load(FLOAT, max_tokens=16)
    assert short.count_tokens(["x" * 50])[0] == short.max_tokens == 16
    for limit in (0, 4097, -1):
        with pytest.raises(embeddings.InputError, match="max_tokens: must be a whole number from 1 to 4096"):
            embeddings.load(FLOAT, max_tokens=limit)
    with pytest.raises(embeddings.InputError, match="precision: must be one of"):
        embeddings.load(FLOAT, precision="fp8")


def test_shards(tmp_path: Path) -> None:
    """A checkpoint in several files, each named by an index; a shard that is missing is an error."""
    folder = copy_of(FLOAT, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {name: f"model-{number % 2 + 1}-of-2.safetensors" for number, name in enumerate(tensors)}
    for shard in set(shards.values()):
        save_file({name: tensors[name] for name in tensors if shards[name] == shard}, folder / shard)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    np.testing.assert_array_equal(embeddings.load(folder).encode(TEXTS), embeddings.load(FLOAT).encode(TEXTS))
    (folder / "model-2-of-2.safetensors").unlink()
    with pytest.raises(embeddings.DamagedModel, match="no such file"):
        embeddings.load(folder)
    index.write_text('{"weight_map": {"a": "../elsewhere.safetensors"}}')
    with pytest.raises(embeddings.DamagedModel, match="must name files of this folder"):
        embeddings.load(folder)
