"""Save fixtures/tiny-dense: a tiny random encoder whose folder has Dense modules, by sentence-transformers.

It pools the first token, and says so in one word, as version 5.4 and later do. The first Dense module is
square, so that it could be applied twice by mistake. make_golden then makes the goldens of the folder.
"""

import shutil
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import Pooling

from tests.reference.make_folders import FIXTURES, WIDTH, base

FOLDER = FIXTURES / "tiny-dense"


def main() -> None:
    """Save the folder."""
    scratch = Path(f"{FOLDER}-base")
    transformer = base("bert", scratch)
    transformer.max_seq_length = 128  # the longest text that some checks make
    modules = [
        transformer,
        Pooling(WIDTH, "cls"),
        Dense(WIDTH, WIDTH),
        Dense(WIDTH, WIDTH // 2, bias=False, activation_function=torch.nn.Identity()),
        Normalize(),
    ]
    shutil.rmtree(FOLDER, ignore_errors=True)
    SentenceTransformer(modules=modules).save(str(FOLDER), create_model_card=False)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
