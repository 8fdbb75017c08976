"""Encodes a corpus into a folder: ``embedding-gate encode INPUT --out=DIR``."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

# Before MLX is imported: TF32 would change a right model's vectors on a GPU.
os.environ.setdefault("MLX_ENABLE_TF32", "0")

from embedding_gate.corpus.command import add_subject, asked, positive, run, say
from embedding_gate.corpus.encode import Done, encode_corpus
from embedding_gate.corpus.launch import here, launch
from embedding_gate.corpus.model import open_model
from embedding_gate.corpus.ranks import join
from embedding_gate.own_files import DECLARED, DEFAULT_MODEL

__all__ = ["main"]

SHARD_TEXTS = 8192
OF_LAUNCHER = ("--hostfile", "--backend")  # options of mlx.launch that go through


def main(arguments: Sequence[str]) -> int:
    """Encode, and return the exit code: 0 done, 1 failed, 2 interrupted, 4 a mistake in the command."""
    return run(_encode, _parser().parse_args(arguments), arguments)


def _encode(given: Namespace, arguments: Sequence[str]) -> int:
    if given.ranks:
        launch(_of_launcher(given), ["encode", *_of_rank(arguments)], given.out)
        return 0
    ranks = join()
    with open_model(asked(given)) as model:
        done = encode_corpus(
            given.input, given.out, model, ranks, dtype=given.dtype, shard_texts=given.shard_texts
        )
    if ranks.first:
        say(f"{given.out}: {_said(done)}")
    return 0


def _said(done: Done) -> str:
    found = done.manifest
    tokens, cut = (sum(getattr(shard, name) for shard in found.shards) for name in ("tokens", "cut"))
    shape = f"{found.count:,} texts, {tokens:,} tokens, {found.dimension} dimensions, {found.dtype}"
    truncated = f"; {cut:,} texts were truncated" if cut else ""
    now = f"now {done.tokens / done.seconds:,.0f} tokens/s" if done.tokens else "nothing was left to do"
    return f"{shape}, {len(found.shards)} shards{truncated}; {now}"


def _of_launcher(given: Namespace) -> list[str]:
    """Return the options of mlx.launch. A file of hosts says itself how many ranks there are."""
    named = [(option, getattr(given, option.removeprefix("--"))) for option in OF_LAUNCHER]
    return [
        *([] if given.hostfile else here(given.ranks)),
        *(part for option, value in named if value for part in (option, value)),
    ]


def _of_rank(arguments: Sequence[str]) -> list[str]:
    """Leave out the options of the launcher, each with its value."""
    kept, rest = [], iter(arguments)
    for one in rest:
        if one in ("--ranks", *OF_LAUNCHER):
            next(rest, None)
        elif one.partition("=")[0] not in ("--ranks", *OF_LAUNCHER):
            kept.append(one)
    return kept


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="embedding-gate encode",
        description="Encode a corpus into a folder of shards.",
        allow_abbrev=False,
    )
    kinds = ".jsonl, .tsv, .csv, .txt, or a folder in BEIR form"
    parser.add_argument("input", type=Path, metavar="INPUT", help=kinds)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the shards")
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|PATH", help="what encodes")
    parser.add_argument("--recipe", default=DECLARED, metavar="NAME", help="the way from texts to vectors")
    parser.add_argument(
        "--dtype", choices=("float32", "float16"), default="float32", help="of the stored vectors"
    )
    parser.add_argument(
        "--shard-texts", type=positive, default=SHARD_TEXTS, metavar="N", help="the most of a shard"
    )
    parser.add_argument("--batch-tokens", type=positive, metavar="N", help="padded tokens of a batch")
    parser.add_argument("--prompt-name", metavar="NAME", help="the model's prompt that goes before each text")
    parser.add_argument("--truncate-dim", type=positive, metavar="N", help="keep only so many components")
    parser.add_argument("--ranks", type=positive, metavar="N", help="processes, started by mlx.launch")
    parser.add_argument("--hostfile", metavar="FILE", help="of mlx.launch: the hosts of the ranks")
    parser.add_argument("--backend", choices=("ring", "nccl", "jaccl", "jaccl-ring"), help="of mlx.launch")
    add_subject(parser)
    return parser
