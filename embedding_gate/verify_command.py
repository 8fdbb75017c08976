"""Verifies a folder of encoded texts: ``embedding-gate verify DIR``."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

# Before MLX is imported: TF32 would change a right model's vectors on a GPU.
os.environ.setdefault("MLX_ENABLE_TF32", "0")

from embedding_gate.corpus.command import FAILED, add_subject, asked, natural, run, say
from embedding_gate.corpus.model import Asked, open_model
from embedding_gate.corpus.verify import check_shards, compare_sample
from embedding_gate.data.encoded.manifest import Manifest, read_manifest

__all__ = ["main"]

SAMPLE = 64


def main(arguments: Sequence[str]) -> int:
    """Verify, and return the exit code: 0 right, 1 other vectors, 2 interrupted, 4 damage or a mistake."""
    return run(_verify, _parser().parse_args(arguments), arguments)


def _verify(given: Namespace, _: Sequence[str]) -> int:
    manifest = read_manifest(given.folder)
    check_shards(given.folder, manifest)
    shards = f"{manifest.count:,} texts in {len(manifest.shards)} shards, each as it was written"
    if given.sample == 0:
        say(f"{given.folder}: {shards}; no text was encoded anew")
        return 0
    with open_model(_as_before(given, manifest)) as model:
        corpus = given.input or Path(manifest.input)
        found = compare_sample(corpus, given.folder, manifest, model, given.sample)
    anew = f"{found.texts} texts encoded anew differ by {found.worst:.2g} (limit {found.limit:.2g})"
    say(f"{given.folder}: {shards}; {anew}")
    if not found.worst <= found.limit:
        print(
            f"ERROR: {given.folder}: its vectors are not those of the model; encode it again", file=sys.stderr
        )
        return FAILED
    return 0


def _as_before(given: Namespace, manifest: Manifest) -> Asked:
    """Return what the folder was encoded with. The command line may name another place, or another device."""
    for name, value in {**manifest.opened, **manifest.options}.items():
        if getattr(given, name, None) is None:
            setattr(given, name, value)
    return asked(given)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="embedding-gate verify", description="Verify what encode wrote.", allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--input", type=Path, metavar="INPUT", help="where the texts are now")
    parser.add_argument("--model", metavar="NAME|PATH", help="where the model is now")
    parser.add_argument("--sample", type=natural, default=SAMPLE, metavar="N", help="texts to encode anew")
    add_subject(parser)
    return parser
