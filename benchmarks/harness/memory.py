"""Time and memory of loading and of one text: ``python -m benchmarks.harness.memory MODEL TOKENS``.

It runs in a process of its own. It prints the seconds to load, and the most memory of the process and of
MLX's arrays after that, beside the size of the weights. Then it prints the same of one text of TOKENS tokens.
With --json it prints the same as JSON. With --serve it is a worker that answers "load", "first" and "encode".
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import embeddings
from benchmarks.harness.peak import peak_bytes
from embedding_gate.serving import serve
from embeddings.backend import mx
from embeddings.recipe import DECLARED


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.harness.memory", description=__doc__)
    parser.add_argument("model", help="a name or a folder, as embeddings.load takes it")
    parser.add_argument("tokens", type=int, help="of the text")
    parser.add_argument("--recipe", default=DECLARED)
    parser.add_argument("--precision")
    parser.add_argument("--device")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", action="store_true", help="answer over pipes")
    return parser.parse_args()


def start(options: argparse.Namespace) -> Callable[[str], dict[str, Any]]:
    """Return the function that answers the requests "load", "first" and "encode".

    "load" answers with seconds and bytes, and "encode" with seconds, tokens and bytes. "first" encodes a
    word, so that what loading has put off is done.
    """
    embeddings.use_device(options.device)
    loaded: list[embeddings.Embedder] = []

    def answer(request: str) -> dict[str, Any]:
        start = time.perf_counter()
        if request == "load":
            loaded.append(
                embeddings.load(
                    options.model,
                    recipe=options.recipe,
                    max_tokens=options.tokens,
                    precision=options.precision,
                )
            )
            seconds = time.perf_counter() - start
            return {"seconds": seconds, **peaks(), **sizes(loaded[0])}
        if request == "first":
            loaded[0].encode(["word"])
        return encode(loaded[0], options.tokens) if request == "encode" else {}

    return answer


def sizes(model: embeddings.Embedder) -> dict[str, int]:
    """Return the bytes of the weights in memory, and of their files: 0 for a synthetic model."""
    files = sum(file.stat().st_size for file in model.path.glob("*.safetensors"))
    return {
        "weight_bytes": sum(weight.nbytes for weight in model.model.weights.values()),
        "file_bytes": files,
    }


def encode(model: embeddings.Embedder, tokens: int) -> dict[str, Any]:
    """Encode one text of so many tokens; return seconds, and bytes of the process and of the device."""
    text = " word" * 2 * tokens
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", embeddings.TruncationWarning)  # the text is cut on purpose
        start = time.perf_counter()
        vector = model.encode([text])[0]
        seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "tokens": int(model.count_tokens([text])[0]),
        "norm": float(np.linalg.norm(vector)),
        **peaks(),
    }


def peaks() -> dict[str, int]:
    """Return the most bytes so far: of this process, and of MLX's arrays, which may be in a GPU's memory."""
    return {"peak_bytes": peak_bytes(), "device_peak_bytes": mx.get_peak_memory()}


def main() -> None:
    """Load, encode once, and print. An error is exit code 1, and one line on stderr."""
    options = parse()
    if options.serve:
        serve(lambda: start(options))
        return
    try:
        answer = start(options)
        load, done = answer("load"), answer("encode")
    except embeddings.EmbeddingsError as error:
        sys.exit(str(error))
    if options.json:
        loaded = {f"load_{name}": value for name, value in load.items()}
        print(json.dumps({"model": options.model, **loaded, **done}))
        return
    print(
        f"{options.model}: {_gib(load['weight_bytes'])} of weights, {_gib(load['file_bytes'])} in files\n"
        f"loaded in {load['seconds']:.1f} s; {_peaks_in_words(load)}\n"
        f"{done['tokens']} tokens encoded in {done['seconds']:.1f} s, length {done['norm']:.6f}; "
        f"{_peaks_in_words(done)}"
    )


def _peaks_in_words(answer: dict[str, Any]) -> str:
    return f"peak {_gib(answer['peak_bytes'])}, of MLX's arrays {_gib(answer['device_peak_bytes'])}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


if __name__ == "__main__":
    main()
