"""What one batch takes: ``python -m benchmarks.memory synthetic:qwen3-embedding-8b-4bit 128``.

Prints seconds to load, seconds of one text of so many tokens, and the most memory that the process ever had.
"""

import argparse
import resource
import sys
import time
import warnings

import numpy as np

import embeddings


def main() -> None:
    """Load, encode once, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("model", help="a name or a folder, as embeddings.load takes it")
    parser.add_argument("tokens", type=int, help="of the text")
    options = parser.parse_args()
    start = time.perf_counter()
    model = embeddings.load(options.model, max_tokens=options.tokens)
    loaded = time.perf_counter()
    warnings.simplefilter("ignore", embeddings.TruncationWarning)  # a longer text is cut to the very number
    text = " word" * 2 * options.tokens
    encoding = time.perf_counter()
    vector = model.encode([text])[0]
    done = time.perf_counter()
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(
        f"{model.name}: loaded in {loaded - start:.1f} s; {model.count_tokens([text])[0]} tokens encoded in "
        f"{done - encoding:.1f} s, length {np.linalg.norm(vector):.6f}; peak {peak / 2**30:.2f} GiB"
    )


if __name__ == "__main__":
    main()
