"""Takes a snapshot: ``embedding-gate snapshot FILE``."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

# Before MLX is imported: TF32 would change a right model's vectors on a GPU.
os.environ.setdefault("MLX_ENABLE_TF32", "0")

import embeddings
from embedding_gate.adapter import ERRORS, open_subject
from embedding_gate.errors import InputError
from embedding_gate.outside import open_outside
from embedding_gate.own_files import DEFAULT_MODEL, Options
from embedding_gate.reindex.snapshot import Snapshot, write_snapshot
from embedding_gate.snapshots import of_recorded, of_subject, own_canaries
from embedding_gate.subjects.recorded import recorded_names

__all__ = ["main"]

MISTAKE = 4  # the exit code for a mistake in the command, as pytest has it


def main(arguments: Sequence[str]) -> int:
    """Write the file, and return 0, or 4 if there is a mistake."""
    asked = _parser().parse_args(arguments)
    try:
        embeddings.use_device(asked.device)
        snapshot = _snapshot(asked)
        write_snapshot(asked.file, snapshot)
    except ERRORS as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return MISTAKE
    texts = sum(len(of) for of in snapshot.vectors.values())
    width, size = snapshot.identity.dimensions, asked.file.stat().st_size / 1e6
    print(f"{asked.file}: {snapshot.name}, {texts:,} texts, {width} dimensions, {size:.2f} MB")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="embedding-gate snapshot",
        description="Write a model's vectors of the canaries.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model's name or folder")
    parser.add_argument(
        "--recorded", type=Path, metavar="DIR", help="take the vectors that this folder holds"
    )
    parser.add_argument(
        "--subject", help="a server's address, or python:MODULE:NAME, which claims to be --model"
    )
    parser.add_argument("--python", metavar="INTERPRETER", help="run the subject under this Python")
    parser.add_argument("--served-as", metavar="NAME", help="the server's name of the model")
    parser.add_argument("--subject-timeout", type=float, default=Options.timeout, metavar="SECONDS")
    parser.add_argument("--precision", choices=("float32", "float16", "bfloat16"), help="compute in it")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="compute on it")
    for option in ("topics", "sts", "retrieval"):
        parser.add_argument(
            f"--{option}", type=Path, metavar="PATH", help="your own texts: only a hash is written"
        )
    return parser


def _snapshot(asked: Namespace) -> Snapshot:
    """Take the snapshot that is asked for.

    Raises:
        GateError: a subject or a file cannot be read.
        EmbeddingsError: the library cannot load the model.

    """
    if asked.recorded:
        names = recorded_names(asked.recorded)
        if len(names) > 1:
            raise InputError(
                asked.recorded, f"holds {', '.join(names)}", hint="keep the vectors of one model there"
            )
        return of_recorded(asked.recorded, names[0])
    given = {"topics": asked.topics, "pairs": asked.sts, "retrieval": asked.retrieval}
    options = Options(
        **{name: path for name, path in given.items() if path},
        baseline=None,
        device=asked.device,
        precision=asked.precision,
        subject=asked.subject,
        python=asked.python,
        served_as=asked.served_as,
        timeout=asked.subject_timeout,
    )
    subject = open_outside(asked.model, options) if asked.subject else open_subject(asked.model, options)
    try:
        return of_subject(subject, own_canaries(options))
    finally:
        subject.close()
