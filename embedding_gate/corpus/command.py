"""The commands ``embedding-gate encode`` and ``embedding-gate verify``."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

import embeddings
from embedding_gate.adapter import ERRORS
from embedding_gate.corpus.encode import encode_corpus
from embedding_gate.corpus.launch import here, launch
from embedding_gate.corpus.model import Asked, open_model
from embedding_gate.corpus.ranks import join
from embedding_gate.corpus.verify import check_shards, compare_sample
from embedding_gate.data.encoded.manifest import read_manifest
from embedding_gate.errors import FixtureError, InputError
from embedding_gate.own_files import DECLARED, DEFAULT_MODEL, Options
from embedding_gate.signals import Stopped, stoppable

__all__ = ["COMMANDS", "main"]

MISTAKES = (InputError, FixtureError, embeddings.InputError, embeddings.ModelError)  # the user can mend these
FAILED, INTERRUPTED, MISTAKE = 1, 2, 4
SHARD_TEXTS, SAMPLE = 8192, 64


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the exit code: 0 done, 1 failed, 2 interrupted, 4 a mistake in the command."""
    given = _parser().parse_args(arguments)
    try:
        with stoppable():
            return int(COMMANDS[given.command](given, arguments))
    except Stopped as stopped:
        print(
            f"interrupted ({stopped}): run the same command again, and it does what is left", file=sys.stderr
        )
        return INTERRUPTED
    except ERRORS as error:
        print(error, file=sys.stderr)
        return MISTAKE if isinstance(error, MISTAKES) else FAILED
    except BrokenPipeError:
        print("stdout: was closed; the files are as they were written", file=sys.stderr)
        sys.stdout = None
        return FAILED


def encode(given: Namespace, arguments: Sequence[str]) -> int:
    """Encode a corpus into a folder."""
    if given.ranks:
        launch(_of_launcher(given), _of_rank(arguments), given.out)
        return 0
    ranks = join()
    with open_model(_asked(given)) as model:
        done = encode_corpus(
            given.input, given.out, model, ranks, dtype=given.dtype, shard_texts=given.shard_texts
        )
    if ranks.first:
        found = done.manifest
        tokens, cut = (sum(getattr(shard, name) for shard in found.shards) for name in ("tokens", "cut"))
        speed = (
            f"; now {done.tokens / done.seconds:,.0f} tokens/s" if done.tokens else "; nothing was left to do"
        )
        truncated = f"; {cut:,} texts were truncated" if cut else ""
        shape = f"{found.count:,} texts, {tokens:,} tokens, {found.dimension} dimensions, {found.dtype}"
        print(f"{given.out}: {shape}, {len(found.shards)} shards{truncated}{speed}")
    return 0


def verify(given: Namespace, _: Sequence[str]) -> int:
    """Verify a folder."""
    manifest = read_manifest(given.folder)
    check_shards(given.folder, manifest)
    said = (
        f"{given.folder}: {manifest.count:,} texts in {len(manifest.shards)} shards, each as it was written"
    )
    if given.sample == 0:
        print(f"{said}; no text was encoded anew")
        return 0
    with open_model(_remembered(given, manifest.model)) as model:
        corpus = given.input or Path(manifest.input)
        found = compare_sample(corpus, given.folder, manifest, model, given.sample)
    print(f"{said}; {found.texts} texts encoded anew differ by {found.worst:.2g} (limit {found.limit:.2g})")
    if not found.worst <= found.limit:
        print(
            f"{given.folder}: its vectors are not those of the model; encode into a new folder",
            file=sys.stderr,
        )
        return FAILED
    return 0


OF_LAUNCHER = ("--hostfile", "--backend")  # options of mlx.launch that go through


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


COMMANDS = {"encode": encode, "verify": verify}


def _asked(given: Namespace) -> Asked:
    names = ("recipe", "precision", "device", "subject", "python", "served_as")
    options = {name: getattr(given, name) for name in names}
    options |= {"timeout": given.subject_timeout} if given.subject_timeout else {}
    return Asked(given.model, Options(**options), given.prompt_name, given.truncate_dim, given.batch_tokens)


def _remembered(given: Namespace, identity: Mapping[str, object]) -> Asked:
    """Return what a folder was encoded with. The command line may name another place of the model."""
    for name in (
        "recipe",
        "precision",
        "device",
        "subject",
        "python",
        "served_as",
        "prompt_name",
        "truncate_dim",
    ):
        if getattr(given, name, None) is None:
            setattr(given, name, identity.get(name))
    given.recipe = given.recipe or DECLARED
    given.batch_tokens = identity.get("batch_tokens")
    given.model = given.model or identity.get("source")
    return _asked(given)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="embedding-gate", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("encode", help="encode a corpus into a folder", allow_abbrev=False)
    one.add_argument(
        "input", type=Path, metavar="INPUT", help=".jsonl, .tsv, .csv, .txt, or a folder in BEIR form"
    )
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the shards")
    one.add_argument(
        "--dtype", choices=("float32", "float16"), default="float32", help="of the stored vectors"
    )
    one.add_argument(
        "--shard-texts", type=_positive, default=SHARD_TEXTS, metavar="N", help="the most of a shard"
    )
    one.add_argument("--batch-tokens", type=_positive, metavar="N", help="padded tokens of a batch")
    one.add_argument("--prompt-name", metavar="NAME", help="the model's prompt that goes before each text")
    one.add_argument("--truncate-dim", type=_positive, metavar="N", help="keep only so many components")
    one.add_argument("--ranks", type=_positive, metavar="N", help="processes, started by mlx.launch")
    one.add_argument("--hostfile", metavar="FILE", help="of mlx.launch: the hosts of the ranks")
    one.add_argument("--backend", choices=("ring", "nccl", "jaccl", "jaccl-ring"), help="of mlx.launch")
    one.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|PATH", help="what encodes")
    one.add_argument("--recipe", default=DECLARED, help="the way from texts to vectors")
    two = commands.add_parser("verify", help="verify such a folder", allow_abbrev=False)
    two.add_argument("folder", type=Path, metavar="DIR")
    two.add_argument("--input", type=Path, metavar="INPUT", help="where the texts are now")
    two.add_argument("--sample", type=_natural, default=SAMPLE, metavar="N", help="texts to encode anew")
    two.add_argument("--model", metavar="NAME|PATH", help="where the model is now")
    two.add_argument("--recipe", help="the way from texts to vectors")
    for command in (one, two):
        command.add_argument("--precision", choices=("float32", "float16", "bfloat16"), help="to compute in")
        command.add_argument("--device", choices=("cpu", "gpu"), help="to compute on")
        command.add_argument("--subject", help="python:MODULE:NAME or a server, which claims to be --model")
        command.add_argument("--python", metavar="INTERPRETER", help="run the subject under this Python")
        command.add_argument("--served-as", metavar="NAME", help="the server's name of the model")
        command.add_argument("--subject-timeout", type=float, metavar="SECONDS", help="of one call")
    return parser


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError
    return int(text)


def _positive(text: str) -> int:
    if not (number := _natural(text)):
        raise ValueError
    return number
