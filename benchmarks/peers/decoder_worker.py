"""Runs one decoder in its own process: it reads token ids, and writes seconds and vectors.

The time starts with ids in host memory and ends with vectors of length 1 in host memory: last token, float32.
Each engine is one function. It does its own imports, because the environment of torch may have no MLX.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import Unavailable
from embedding_gate.serving import serve

Ids = NDArray[np.int32]
Vectors = NDArray[np.float32]


@dataclass
class Engine:
    """A loaded decoder.

    trunk: its ``layers`` may be shortened. encode: ids (B, T) -> vectors (B, D).
    """

    trunk: Any
    encode: Callable[[Ids], Vectors]


def gate(spec: Mapping[str, Any]) -> Engine:
    """Load the decoder of this library. On a CPU each core encodes a part of the batch, as in Embedder."""
    from benchmarks.harness.matmul import streams  # noqa: PLC0415
    from embeddings.backend import mx  # noqa: PLC0415
    from embeddings.models import Decoder  # noqa: PLC0415
    from embeddings.pooling import last_token, normalize  # noqa: PLC0415

    config, weights = _config_and_weights(spec)
    model = Decoder(config, weights)
    parts = streams()

    def encode(ids: Ids) -> Vectors:
        outputs = []
        for part, stream in zip(np.array_split(ids, min(len(ids), len(parts))), parts, strict=False):
            with mx.stream(stream):
                lengths = mx.full((len(part),), part.shape[1], dtype=mx.int32)
                hidden = model(mx.array(part), lengths)
                outputs.append(normalize(last_token(hidden, lengths).astype(mx.float32)))
        mx.eval(outputs)
        return np.concatenate([np.array(output) for output in outputs])

    return Engine(model.trunk, encode)


def mlx_lm(spec: Mapping[str, Any]) -> Engine:
    """Load the same weights into the model of mlx-lm, quantized in the same way as its ``load``."""
    from embeddings.backend import mx, nn  # noqa: PLC0415
    from embeddings.pooling import normalize  # noqa: PLC0415

    config, weights = _config_and_weights(spec)
    module = import_module(f"mlx_lm.models.{config.family.module}")
    model = module.Model(module.ModelArgs(**config.arguments))
    packing = config.quantization
    if packing:
        nn.layers.quantized.quantize(model, group_size=packing.default.group_size, bits=packing.default.bits)
    model.eval()
    model.model.load_weights(list(weights.items()), strict=True)

    def encode(ids: Ids) -> Vectors:
        hidden = model.model(mx.array(ids))
        return np.array(normalize(hidden[:, -1].astype(mx.float32)))

    return Engine(model.model, encode)


def torch(spec: Mapping[str, Any], *, compiled: bool = False) -> Engine:
    """Create the model of transformers with these shapes and random weights.

    The precision is bf16 on CUDA and float32 on a CPU. transformers chooses the attention: the fused
    attention of torch. compiled: by torch.compile, for each shape of batch. Else the model runs as it is
    ("eager").
    """
    import torch as library  # noqa: PLC0415
    from transformers import Qwen3Config, Qwen3Model  # noqa: PLC0415

    on_cpu = spec["device"] == "cpu"
    if not on_cpu and not library.cuda.is_available():
        hint = "run it where there is one, or with --cpu"
        raise Unavailable("torch", "it finds no CUDA device", hint=hint)
    names = (
        "hidden_size num_hidden_layers intermediate_size num_attention_heads num_key_value_heads head_dim "
        "vocab_size max_position_embeddings rms_norm_eps"
    ).split()
    device = library.device("cpu" if on_cpu else "cuda")
    library.set_default_dtype(library.float32 if on_cpu else library.bfloat16)
    with device:
        model = Qwen3Model(Qwen3Config(**{name: spec["config"][name] for name in names})).eval()
    trunk = SimpleNamespace(layers=model.layers)  # setting the layers of a compiled model compiles it again
    run = library.compile(model, dynamic=False) if compiled else model

    def encode(ids: Ids) -> Vectors:
        with library.inference_mode():
            given = library.from_numpy(ids.astype(np.int64)).to(device)
            hidden = run(input_ids=given, use_cache=False).last_hidden_state[:, -1]
            vectors: Vectors = library.nn.functional.normalize(hidden.float(), dim=-1).cpu().numpy()
        return vectors

    return Engine(trunk if compiled else model, encode)


def _config_and_weights(spec: Mapping[str, Any]) -> tuple[Any, Any]:
    """Read the configuration from a folder, and make synthetic weights in the requested precision."""
    from embeddings.folder import ModelFolder  # noqa: PLC0415
    from embeddings.loading import PRECISIONS, use_device  # noqa: PLC0415
    from embeddings.models import Decoder, DecoderConfig  # noqa: PLC0415
    from embeddings.synthetic import random_weights  # noqa: PLC0415

    use_device(spec["device"])
    with tempfile.TemporaryDirectory() as path:
        (Path(path) / "config.json").write_text(json.dumps(spec["config"]), encoding="utf-8")
        config = DecoderConfig.read(ModelFolder(Path(path), spec["name"]))
    shapes, packed = Decoder.described(config)
    precision = PRECISIONS[spec["precision"]]
    return config, random_weights(spec["name"], shapes, packed, config.quantization, precision=precision)


def timed(engine: Engine, whole: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Encode the ids of the request with its number of first layers, or with all if it names none."""
    engine.trunk.layers = whole[: request.get("layers") or len(whole)]
    ids = np.array(request["ids"], dtype=np.int32)
    start = time.perf_counter()
    vectors = engine.encode(ids)
    seconds = time.perf_counter() - start
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise SystemExit("a vector is not of length 1")
    return {"seconds": seconds, "vectors": vectors[:4].tolist()}


def start() -> Callable[[Any], dict[str, Any]]:
    """Load the engine named on the command line; return the function that answers a request."""
    make: dict[str, Callable[[Any], Engine]] = {
        "gate": gate,
        "mlx-lm": mlx_lm,
        "torch": torch,
        "torch.compile": partial(torch, compiled=True),
    }
    engine = make[sys.argv[1]](json.loads(sys.argv[2]))
    run = partial(timed, engine, engine.trunk.layers)

    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        if "matmul" in request:
            from benchmarks.harness.matmul import matmul_rates  # noqa: PLC0415

            return matmul_rates(request["matmul"], request["times"])
        return run(request)

    return answer


if __name__ == "__main__":
    serve(start)
