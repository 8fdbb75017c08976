"""A copy of a decoder's folder that transformers can read: unpacked matrices, official names and files.

The matrices are unpacked in NumPy. This file runs in the reference environment and imports nothing from
``embeddings``. So the goldens prove three things about the library: it unpacks a weight as this file does, it
appends the end token if the template lacks it, and it pools as the files written here say.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

END = "<|endoftext|>"
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # the floats of 4 bits that are not negative
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]
TASK = "Given a web search query, retrieve relevant passages that answer the query"
PROMPTS = {"prompts": {"query": f"Instruct: {TASK}\nQuery:", "document": ""}, "default_prompt_name": None}


def codes(words: np.ndarray, bits: int) -> np.ndarray:
    """Return the numbers in MLX's packed words: (R, C * bits / 32) uint32 -> (R, C).

    Number i of a word is its bits i * bits and up: https://ml-explore.github.io/mlx, mx.quantize.
    """
    if bits not in (2, 4, 8):
        raise SystemExit(f"{bits} bits do not divide a word: no unpacking for them here")
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    return ((words[..., None] >> shifts) & np.uint32(2**bits - 1)).reshape(len(words), -1)


def e4m3(numbers: np.ndarray) -> np.ndarray:
    """Read floats of 8 bits, 4 of them exponent and 3 mantissa."""
    return torch.from_numpy(numbers.astype(np.uint8)).view(torch.float8_e4m3fn).float().numpy()


def unpacked(parts: dict[str, np.ndarray], packing: dict[str, Any]) -> np.ndarray:
    """Undo MLX's quantization: words (R, C * bits / 32) and scales (R, C / group) -> (R, C).

    The float formats are those of OCP Microscaling (MX) 1.0 and of NVIDIA's NVFP4.
    """
    mode, scales = packing.get("mode", "affine"), parts["scales"]
    numbers = codes(parts["weight"].view(np.uint32), packing["bits"]).reshape(*scales.shape, -1)
    if mode == "affine":
        return (numbers * scales[..., None] + parts["biases"][..., None]).reshape(len(numbers), -1)
    values = e4m3(numbers) if packing["bits"] == 8 else np.float32([*E2M1, *(-x for x in E2M1)])[numbers]
    factors = e4m3(scales) if mode == "nvfp4" else np.exp2(scales.astype(np.float32) - 127)
    return (values * factors[..., None]).reshape(len(numbers), -1)


def plain_weights(folder: Path, quantization: dict[str, Any] | None) -> dict[str, torch.Tensor]:
    """Return every weight in float32 under its official name, without "model." and without the head.

    quantization: of config.json. A layer may have a statement of its own there.
    """
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        found |= {name.removeprefix("model."): tensor for name, tensor in load_file(path).items()}
    plain = {}
    for name, tensor in found.items():
        module = name.rpartition(".")[0]
        if name.startswith("lm_head") or name.endswith((".scales", ".biases")):
            continue
        if f"{module}.scales" in found:
            own = [(quantization or {}).get(f"{prefix}{module}") for prefix in ("model.", "")]
            packing = next((one for one in own if isinstance(one, dict)), quantization)
            parts = {part: found.get(f"{module}.{part}") for part in ("weight", "scales", "biases")}
            arrays = {
                part: (one.float() if one.is_floating_point() else one).numpy()
                for part, one in parts.items()
                if one is not None
            }
            plain[name] = torch.from_numpy(unpacked(arrays, packing)).float()
        else:
            plain[name] = tensor.float().contiguous()
    return plain


def with_end_token(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Make the template append the end token, if it does not do so already."""
    number = next((token["id"] for token in tokenizer["added_tokens"] if token["content"] == END), None)
    if number is None or END in json.dumps(tokenizer["post_processor"]):
        return tokenizer
    special = {END: {"id": END, "ids": [number], "tokens": [END]}}
    template = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}],
        "pair": [],
        "special_tokens": special,
    }
    before = tokenizer["post_processor"]
    both = {"type": "Sequence", "processors": [before, template]} if before else template
    return {**tokenizer, "post_processor": both}


def make(folder: Path, to: Path) -> Path:
    """Write the plain copy of a decoder's folder."""
    shutil.copytree(
        folder,
        to,  # with the weights of Dense modules, and without the model's own
        ignore=lambda where, names: [
            name for name in names if Path(where) == folder and ".safetensors" in name
        ],
    )
    config = json.loads((folder / "config.json").read_text())
    quantization = config.pop("quantization", None)
    config.pop("quantization_config", None)
    config |= {
        "torch_dtype": "float32"
    }  # otherwise transformers rounds the weights to the type that the file names
    save_file(plain_weights(folder, quantization), to / "model.safetensors")
    written: dict[str, Any] = {"config.json": config}
    if not (folder / "modules.json").exists():  # the file of Qwen3-Embedding, which mlx-lm's conversions lack
        (to / "1_Pooling").mkdir()
        written["modules.json"] = MODULES
        written["1_Pooling/config.json"] = {
            "word_embedding_dimension": config["hidden_size"],
            "pooling_mode_mean_tokens": False,
            "pooling_mode_lasttoken": True,
        }
        written["config_sentence_transformers.json"] = PROMPTS
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    written["tokenizer.json"] = with_end_token(tokenizer) if config["model_type"] == "qwen3" else tokenizer
    declared = json.loads((folder / "tokenizer_config.json").read_text())
    # The plain class uses tokenizer.json as it is. Other classes rebuild the tokenizer from the vocabulary.
    written["tokenizer_config.json"] = {
        **declared,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": declared.get("pad_token") or declared.get("eos_token") or END,
    }
    for name, content in written.items():
        (to / name).write_text(json.dumps(content))
    return to
