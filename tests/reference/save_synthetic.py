"""``python -m tests.reference.save_synthetic NAME FOLDER`` writes a synthetic model with a weights file.

``make reference`` uses it to test parity with transformers at the exact shapes of the real models.
"""

import shutil
import sys
from pathlib import Path

import embeddings
from embeddings.backend import mx
from embeddings.folder import WEIGHTS_FILE


def main() -> None:
    """Write the folder."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    model = embeddings.load(name, precision="bfloat16")
    shutil.copytree(model.path, folder)
    mx.save_safetensors(str(folder / WEIGHTS_FILE), dict(model.model.weights))


if __name__ == "__main__":
    main()
