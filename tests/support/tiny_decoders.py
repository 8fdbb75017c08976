"""The tiny random decoders of fixtures/, and texts for them."""

import shutil
from pathlib import Path

from embedding_gate import own_files

FLOAT, FOUR_BITS = own_files.FIXTURES / "tiny-qwen3", own_files.FIXTURES / "tiny-qwen3-4bit"


TEXTS = ["a", "a longer text of some words", "né 日本", "x" * 70, ""]


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to
