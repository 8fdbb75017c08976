"""Small corpora, a tiny model, and the commands encode and verify in this process."""

import json
from pathlib import Path

import numpy as np
import pytest

from embedding_gate import encode_command

__all__ = ["encode", "errors", "shards", "write_corpus"]

WORDS = "river stone bread window garden letter morning engine paper bridge winter harbor".split()


def write_corpus(path: Path, count: int, seed: int = 0) -> Path:
    """Write short texts of one to four words with their ids, as JSONL."""
    draw = np.random.default_rng(seed)
    texts = (" ".join(draw.choice(WORDS, size=draw.integers(1, 5))) for _ in range(count))
    rows = [{"_id": f"d{number}", "text": text} for number, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def encode(corpus: Path, folder: Path, model: Path, *more: str, shard_texts: int = 16) -> int:
    """Encode a corpus, and return the exit code."""
    given = [str(corpus), f"--out={folder}", f"--model={model}", f"--shard-texts={shard_texts}", *more]
    return encode_command.main(given)


def shards(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder of vectors that a finished run leaves, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def errors(captured: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr."""
    (line,) = captured.readouterr().err.strip().splitlines()
    return line
