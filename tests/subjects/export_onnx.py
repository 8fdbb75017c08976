"""Makes a folder for ONNX libraries: ``python -m tests.subjects.export_onnx FOLDER TO``."""

import shutil
import sys
from pathlib import Path

from benchmarks.peers.peer_worker import export


def main() -> None:
    """Export the encoder, and copy the model's JSON files."""
    folder, to = map(Path, sys.argv[1:])
    to.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        shutil.copy(file, to)
    if not (to / "model.onnx").exists():
        export(folder, to / "model.onnx")


if __name__ == "__main__":
    main()
