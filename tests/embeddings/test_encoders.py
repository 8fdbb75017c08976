"""The families of encoders beside transformers' own classes, on tiny random checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embedding_gate.data.checkpoint import read_checkpoint
from embedding_gate.data.declared import read_declared
from embeddings.backend import mx
from embeddings.models import ENCODERS as ARCHITECTURES
from embeddings.models import layers, modernbert, mpnet, xlm_roberta
from tests.support.families import ENCODERS, build, differences, read

LENGTHS = (1, 2, 17, 64, 300, 512)  # windows are 8 tokens on each side
# The largest difference of a hidden state, as a part of the states' root mean square. Measured: 4e-7 for one
# token to 4.7e-6 for 300, of Gemma 3.
ALIKE = 1e-5


def load(folder: Path, name: str, **changes: Any) -> embeddings.Embedder:
    return embeddings.load(build(folder / "model", name, pooling="mean_tokens", **changes))


@pytest.mark.parametrize("name", ENCODERS)
def test_parity(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, name).model
    for length in LENGTHS:
        strays, size = differences(name, model, length)
        assert strays < ALIKE * size, length


@pytest.mark.parametrize("name", ["mpnet", "xlm-roberta"])
def test_a_text_may_hold_the_padding_token(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not counted. If it were, the states would differ, because the goldens have such a token."""
    model = load(tmp_path, name).model
    for module in (mpnet, xlm_roberta):
        monkeypatch.setattr(module, "fairseq_positions", lambda ids, _: mx.arange(2, 2 + ids.shape[1])[None])
    strays, size = differences(name, model, 64)
    assert strays > 1e4 * ALIKE * size


@pytest.mark.parametrize(("name", "module"), [("modernbert", modernbert), ("mpnet", mpnet)])
def test_gelu_gets_contiguous_arrays(
    tmp_path: Path, name: str, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another layout would have loops of its own, compiled at its first use (models/fusing.py)."""
    found: list[bool] = []

    def gelu(x: mx.array) -> mx.array:
        mx.eval(x)
        found.append(memoryview(x).c_contiguous)  # type: ignore[arg-type]
        return layers.gelu(x)

    monkeypatch.setattr(module, "gelu", gelu)
    model = load(tmp_path, name).model
    model(mx.zeros((3, 5), dtype=mx.int32), mx.array([5, 4, 3]))
    assert found
    assert all(found)


@pytest.mark.parametrize("name", ENCODERS)
def test_texts_of_a_batch_do_not_see_each_other(tmp_path: Path, name: str) -> None:
    """Right padding changes no state, also where a window lies in the padding altogether."""
    model = load(tmp_path, name).model
    draw, lengths = np.random.default_rng(0), [3, 60, 17]
    ids = draw.integers(260, size=(3, 60)).astype(np.int32)
    together = np.array(model(mx.array(ids), mx.array(lengths)))
    assert np.isfinite(together).all()
    for row, length in enumerate(lengths):
        alone = np.array(model(mx.array(ids[row : row + 1, :length]), mx.array([length])))[0]
        np.testing.assert_allclose(together[row, :length], alone, atol=1e-5)  # measured: 2.9e-6


@pytest.mark.parametrize(
    ("name", "changes", "most"),
    [
        ("mpnet", {}, 512),  # two of 514 positions are never used
        ("xlm-roberta", {}, 512),
        ("modernbert", {}, 4096),  # what the tokenizer says
        ("gemma3-both-ways", {}, 2048),
        ("nomic", {}, 2048),
        ("nomic", {"n_positions": 3000}, 3000),
    ],
)
def test_longest_text(tmp_path: Path, name: str, changes: dict[str, Any], most: int) -> None:
    folder = build(tmp_path / "model", name, pooling="mean_tokens", **changes)
    assert embeddings.load(folder).max_tokens == most
    assert read_declared(folder).max_tokens == most  # the judge's own reading


@pytest.mark.parametrize("name", ENCODERS)
def test_each_weight_counts(tmp_path: Path, name: str) -> None:
    """A weight that is missing or left over is named, and a change of any other changes the states."""
    folder = build(tmp_path / "model", name, pooling="mean_tokens")
    weights = load_file(folder / "model.safetensors")
    model = embeddings.load(folder).model
    ids, lengths = mx.arange(2, 62)[None], mx.array([60])
    right = np.array(model(ids, lengths))
    used = weights.keys() - model.unused
    assert used == model.weights.keys()
    for weight in sorted(used):
        if weight.endswith(("self.key.bias", "attn.k.bias")):
            continue  # it adds the same to all scores of a query
        changed = model.with_weights({**model.weights, weight: model.weights[weight][..., ::-1]})
        assert np.abs(np.array(changed(ids, lengths)) - right).max() > 1e-4, weight
    first = min(used)
    save_file({key: of for key, of in weights.items() if key != first}, folder / "model.safetensors")
    with pytest.raises(embeddings.WeightMismatch, match=f"1 weights missing, first '{first}'"):
        embeddings.load(folder)
    save_file({**weights, "layers.9.weight": weights[first]}, folder / "model.safetensors")
    with pytest.raises(embeddings.WeightMismatch, match=r"no use for, first 'layers.9.weight'"):
        embeddings.load(folder)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "nomic"])
def test_names_with_a_prefix(tmp_path: Path, name: str) -> None:
    """Checkpoints of a model with a head have a prefix before each name."""
    folder = build(tmp_path / "model", name, pooling="mean_tokens")
    plain = embeddings.load(folder)
    prefix = ARCHITECTURES[read(name)[0]["model_type"]].prefix
    weights = load_file(folder / "model.safetensors")
    save_file({f"{prefix}{key}": of for key, of in weights.items()}, folder / "model.safetensors")
    model = embeddings.load(folder)
    np.testing.assert_array_equal(model.encode(["a text"]), plain.encode(["a text"]))
    judged = read_checkpoint(folder).keys()  # the judge's own reading
    assert judged - model.unused_weights == model.parameters().keys()


ROPES = {
    "full_attention": {"rope_theta": 160000.0, "rope_type": "default"},
    "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
}
KINDS = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
GPT2 = {  # Nomic BERT as it was published
    "activation_function": "swiglu",
    "causal": False,
    "layer_norm_epsilon": 1e-12,
    "layer_norm_eps": None,
    "n_embd": 32,
    "hidden_size": None,
    "n_head": 4,
    "num_attention_heads": None,
    "n_inner": 64,
    "intermediate_size": None,
    "n_layer": 2,
    "num_hidden_layers": None,
    "n_positions": 2048,
    "prenorm": False,
    "rope_parameters": None,
    "rotary_emb_base": 1000.0,
    "rotary_emb_fraction": 1.0,
    "use_flash_attn": True,
}
SPELLINGS: list[tuple[str, dict[str, Any]]] = [
    ("modernbert", {"layer_types": KINDS, "global_attn_every_n_layers": None}),
    ("modernbert", {"rope_parameters": ROPES, "global_rope_theta": None, "local_rope_theta": None}),
    ("gemma3-both-ways", {"layer_types": None}),  # the pattern says the same
    ("gemma3-both-ways", {"layer_types": None, "_sliding_window_pattern": None, "sliding_window_pattern": 3}),
    ("gemma3-both-ways", {"_sliding_window_pattern": 6}),  # transformers writes it beside layer_types
    ("nomic", GPT2),
    ("nomic", {"n_embd": 32, "rotary_emb_base": 1000, "head_dim": 8}),
]


@pytest.mark.parametrize(("name", "changes"), SPELLINGS)
def test_both_spellings(tmp_path: Path, name: str, changes: dict[str, Any]) -> None:
    text = ["a text that is longer than a window"]
    other = load(tmp_path / "other", name, **changes).encode(text)
    np.testing.assert_array_equal(other, load(tmp_path, name).encode(text))


LLAMA_3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0}
REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("mpnet", {"hidden_act": "relu"}, "hidden_act must be 'gelu', got 'relu'"),
    ("mpnet", {"pad_token_id": 0}, "pad_token_id must be 1, got 0"),
    ("mpnet", {"relative_attention_num_buckets": 64}, "relative_attention_num_buckets must be 32, got 64"),
    ("mpnet", {"max_position_embeddings": 0}, "max_position_embeddings must be at least 1, got 0"),
    ("mpnet", {"num_attention_heads": 5}, "32 is not a multiple of num_attention_heads 5"),
    ("mpnet", {"type_vocab_size": 2}, "unknown key 'type_vocab_size'"),
    ("xlm-roberta", {"pad_token_id": 0}, "pad_token_id must be 1, got 0"),
    (
        "xlm-roberta",
        {"position_embedding_type": "relative_key"},
        "position_embedding_type must be 'absolute'",
    ),
    ("xlm-roberta", {"layer_norm_eps": None}, "'layer_norm_eps' is missing"),
    ("modernbert", {"hidden_activation": "silu"}, "hidden_activation must be 'gelu'"),
    ("modernbert", {"norm_bias": True}, "norm_bias must be False"),
    ("modernbert", {"mlp_bias": True}, "mlp_bias must be False"),
    ("modernbert", {"global_attn_every_n_layers": None}, "'global_attn_every_n_layers' is missing"),
    ("modernbert", {"global_attn_every_n_layers": 0}, "global_attn_every_n_layers must be at least 1, got 0"),
    ("modernbert", {"layer_types": KINDS[:3]}, "layer_types must name 4 layers"),
    ("modernbert", {"layer_types": ["chunked_attention"] * 4}, "layer_types .*chunked_attention"),
    ("modernbert", {"local_rope_theta": None}, "'local_rope_theta' is missing"),
    ("modernbert", {"local_rope_theta": 5.0, "rope_parameters": ROPES}, "declared twice, as 5.0 and 10000.0"),
    ("modernbert", {"rope_parameters": {**ROPES, "full_attention": LLAMA_3}}, "rope_parameters .*llama3"),
    ("modernbert", {"rope_parameters": {"rope_theta": 1.0}}, "rope_parameters .*rope_theta"),
    ("modernbert", {"gated": True}, "unknown key 'gated'"),
    ("gemma3-both-ways", {"use_bidirectional_attention": None}, "without use_bidirectional_attention is"),
    ("gemma3-both-ways", {"use_bidirectional_attention": False}, "use_bidirectional_attention must be True"),
    ("gemma3-both-ways", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping must be None"),
    ("gemma3-both-ways", {"hidden_activation": "gelu"}, "hidden_activation must be 'gelu_pytorch_tanh'"),
    ("gemma3-both-ways", {"rope_scaling": {"factor": 8.0}}, "rope_scaling must be None"),
    ("gemma3-both-ways", {"num_key_value_heads": 3}, "4 is not a multiple of num_key_value_heads 3"),
    ("gemma3-both-ways", {"query_pre_attn_scalar": None}, "'query_pre_attn_scalar' is missing"),
    ("nomic", {"activation_function": "gelu"}, "activation_function must be 'swiglu'"),
    ("nomic", {"rotary_scaling_factor": 2.0}, "rotary_scaling_factor must be None"),
    ("nomic", {"rotary_emb_fraction": 0.5}, "rotary_emb_fraction must be 1.0"),
    ("nomic", {"n_layer": 3}, "n_layer 3 contradicts num_hidden_layers 2"),
    ("nomic", {"rotary_emb_base": 500.0}, "contradicts rope_theta 500.0"),
    ("nomic", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters .*yarn"),
    ("nomic", {"head_dim": 16}, "head_dim must be hidden_size / num_attention_heads, got 16"),
    ("nomic", {"num_experts": 8}, "unknown key 'num_experts'"),
]


@pytest.mark.parametrize(("name", "changes", "words"), REFUSALS)
def test_refused_values(tmp_path: Path, name: str, changes: dict[str, Any], words: str) -> None:
    folder = build(tmp_path / "model", name, pooling="mean_tokens", **changes)
    with pytest.raises(embeddings.ModelError, match=words) as caught:
        embeddings.load(folder)
    assert str(folder / "config.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_for_decoders_is_refused(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", "nomic", pooling="mean_tokens")
    with pytest.raises(embeddings.UnsupportedModel, match="reference-2025 is for decoders"):
        embeddings.load(folder, recipe="reference-2025")
