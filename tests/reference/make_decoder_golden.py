"""Make a tiny Qwen3 checkpoint and its golden hidden states: part of ``make golden``.

The weights are random (NumPy, seeded). The tiny model has the features of the real models: grouped-query
attention, q and k normalised per head, a head wider than hidden size / heads, tied embeddings, and a theta of
a million. The goldens come from transformers' Qwen3Model in float64. This file imports nothing from
``embeddings``.
"""

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import Qwen3Config, Qwen3Model

from tests.reference import plain_folder
from tests.reference.plain_folder import END, MODULES

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FLOAT, FOUR_BITS = FIXTURES / "tiny-qwen3", FIXTURES / "tiny-qwen3-4bit"
GROUP = 64
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 256,
    "eos_token_id": 256,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 128,
    "max_position_embeddings": 40960,
    "max_window_layers": 3,
    "model_type": "qwen3",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "transformers_version": "4.51.3",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 260,
}
POOLING = {
    "word_embedding_dimension": 64,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": False,
    "pooling_mode_lasttoken": True,
    "include_prompt": True,
}
PROMPTS = {**plain_folder.PROMPTS, "similarity_fn_name": "cosine"}
LENGTHS = (1, 2, 17, 64, 300, 4096)  # lengths of the golden sequences
EVERY = 64  # a long sequence keeps one position in this many, and its end


def weights() -> dict[str, np.ndarray]:
    """Return seeded weights under the official checkpoints' names. These lack the prefix "model."."""
    draw = np.random.default_rng(20)
    width, inner, heads, key_heads, head = 64, 128, 4, 2, 32

    def normal(*shape: int, scale: float) -> np.ndarray:
        return (scale * draw.normal(size=shape)).astype(np.float32)

    found = {"embed_tokens.weight": normal(CONFIG["vocab_size"], width, scale=1.0)}
    for layer in range(CONFIG["num_hidden_layers"]):
        for name, shape in {
            "self_attn.q_proj": (heads * head, width),
            "self_attn.k_proj": (key_heads * head, width),
            "self_attn.v_proj": (key_heads * head, width),
            "self_attn.o_proj": (width, heads * head),
            "mlp.gate_proj": (inner, width),
            "mlp.up_proj": (inner, width),
            "mlp.down_proj": (width, inner),
        }.items():
            found[f"layers.{layer}.{name}.weight"] = normal(*shape, scale=shape[1] ** -0.5)
        for name, size in (
            ("self_attn.q_norm", head),
            ("self_attn.k_norm", head),
            ("input_layernorm", width),
            ("post_attention_layernorm", width),
        ):
            found[f"layers.{layer}.{name}.weight"] = 1 + normal(size, scale=0.3)
    found["norm.weight"] = 1 + normal(width, scale=0.3)
    return found


def tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer without merges. It appends one end token, as Qwen3-Embedding's does."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: row for row, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(END, special=True)])
    made.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 256)])
    return made


def write_checkpoint(folder: Path, config: dict[str, object], tensors: dict[str, np.ndarray]) -> None:
    """Write a folder with the layout of the official ones."""
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for name, content in {
        "config.json": config,
        "modules.json": MODULES,
        "1_Pooling/config.json": POOLING,
        "config_sentence_transformers.json": PROMPTS,
        "tokenizer_config.json": {"model_max_length": 4096, "eos_token": END, "pad_token": END},
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    tokenizer().save(str(folder / "tokenizer.json"))
    save_file(tensors, folder / "model.safetensors")


def pack(weight: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Quantize a matrix in MLX's layout: eight numbers of 4 bits per uint32, in scaled groups.

    Returns the three arrays of a checkpoint, and the matrix that they represent.
    """
    rows, columns = weight.shape
    groups = weight.reshape(rows, columns // GROUP, GROUP)
    low = groups.min(axis=-1, keepdims=True)
    scale = (groups.max(axis=-1, keepdims=True) - low) / 15
    numbers = np.clip(np.rint((groups - low) / scale), 0, 15)
    nibbles = numbers.astype(np.uint32).reshape(rows, columns // 8, 8)
    words = (nibbles << (4 * np.arange(8, dtype=np.uint32))).sum(axis=-1, dtype=np.uint32)
    parts = {"weight": words, "scales": scale[..., 0], "biases": low[..., 0]}
    return parts, (numbers * scale + low).reshape(rows, columns).astype(np.float32)


def kept(length: int) -> np.ndarray:
    """Return the positions of a golden sequence that are stored."""
    return np.unique([*range(0, length, EVERY), *range(max(length - 4, 0), length)])


def write_golden(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Run transformers on the weights in float64, and store the results."""
    model = Qwen3Model(Qwen3Config(**CONFIG)).double().eval()
    model.load_state_dict({name: torch.from_numpy(weight).double() for name, weight in tensors.items()})
    draw = np.random.default_rng(21)
    golden = {}
    for length in LENGTHS:
        ids = draw.integers(CONFIG["vocab_size"], size=length)
        with torch.no_grad():
            hidden = model(torch.from_numpy(ids)[None]).last_hidden_state[0].numpy()
        golden[f"ids.{length}"] = ids.astype(np.int32)
        golden[f"positions.{length}"] = kept(length)
        golden[f"hidden.{length}"] = hidden[kept(length)].astype(np.float32)
    made_by = {name: metadata.version(name) for name in ("transformers", "torch")}
    save_file(golden, folder / "golden.safetensors", metadata={**made_by, "precision": "float64"})
    largest = max(np.abs(golden[f"hidden.{length}"]).max() for length in LENGTHS)
    print(f"{folder.name}: {made_by}, states up to {largest:.1f}")


def main() -> None:
    """Write both checkpoints, in float32 and in 4 bits, and their goldens.

    The second checkpoint has the names of mlx-lm's conversions. Its goldens come from matrices that are
    unpacked here, in NumPy.
    """
    plain = weights()
    write_checkpoint(FLOAT, CONFIG, plain)
    write_golden(FLOAT, plain)
    packed, unpacked = {}, {}
    for name, weight in plain.items():
        unpacked[name] = weight
        if weight.ndim == 1:
            packed[f"model.{name}"] = weight
            continue
        parts, unpacked[name] = pack(weight)
        packed |= {f"model.{name.removesuffix('weight')}{part}": array for part, array in parts.items()}
    write_checkpoint(FOUR_BITS, {**CONFIG, "quantization": {"group_size": GROUP, "bits": 4}}, packed)
    write_golden(FOUR_BITS, unpacked)


if __name__ == "__main__":
    main()
