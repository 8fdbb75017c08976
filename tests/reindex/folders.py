"""Writes folders of a model in fewer bits, for --compare: ``python -m tests.reindex.folders MODEL OUT``.

The folders are those that mlx-lm would write, in groups of 32 weights; 16 bits are those of float16.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from embedding_gate.adapter import find
from embeddings.backend import mx
from tests.reindex.record import BITS, GROUP
from tests.support.packed import pack
from tests.support.tiny import edit_json

__all__ = ["write"]


def write(folder: Path, out: Path, bits: int) -> Path:
    """Write the model of a folder in some bits. Return the new folder, ``out`` with the bits behind it."""
    made = out.with_name(f"{out.name}-{bits}bit")
    shutil.copytree(folder, made)
    weights: Any = mx.load(str(folder / "model.safetensors"))
    if bits == 16:
        weights = {name: array.astype(mx.float16) for name, array in weights.items()}
    else:
        weights, _, said = pack(weights, lambda _: {"group_size": GROUP, "bits": bits})
        edit_json(made / "config.json", quantization=said)
    mx.save_safetensors(str(made / "model.safetensors"), weights)
    return made


def main() -> None:
    """Write a folder for each number of bits, and say where."""
    model, out = sys.argv[1:]
    for bits in (16, *BITS):
        print(write(find(model), Path(out), bits))


if __name__ == "__main__":
    main()
