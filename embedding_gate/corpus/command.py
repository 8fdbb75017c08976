"""What the commands encode and verify have in common: options, and how they end."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence

import embeddings
from embedding_gate.adapter import ERRORS
from embedding_gate.corpus.model import Asked
from embedding_gate.errors import FixtureError, InputError
from embedding_gate.own_files import Options
from embedding_gate.signals import Stopped, stoppable

__all__ = ["FAILED", "add_subject", "asked", "natural", "positive", "run", "say"]

MISTAKES = (
    InputError,
    FixtureError,
    embeddings.InputError,
    embeddings.ModelError,
)  # the user can correct these
FAILED, INTERRUPTED, MISTAKE = 1, 2, 4
OPTIONS = ("recipe", "precision", "device", "subject", "python", "served_as")


def run(
    command: Callable[[Namespace, Sequence[str]], int], given: Namespace, arguments: Sequence[str]
) -> int:
    """Run a command and return the exit code: 0 done, 1 failed, 2 interrupted, 4 a mistake in the command."""
    try:
        with stoppable():
            return command(given, arguments)
    except Stopped as stopped:
        print(
            f"interrupted ({stopped}): run the same command again, and it does what is left", file=sys.stderr
        )
        return INTERRUPTED
    except ERRORS as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return MISTAKE if isinstance(error, MISTAKES) else FAILED
    except OSError as error:  # of stdout: what concerns a file has become an error of the gate
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python fails once more, when it ends
        print(f"ERROR: stdout: cannot be written ({error.strerror}); the files are whole", file=sys.stderr)
        return FAILED


def say(line: str) -> None:
    """Print a line on stdout at once, so that a failure is seen."""
    print(line, flush=True)


def add_subject(parser: ArgumentParser) -> None:
    """Add the options that say what encodes, apart from --model and --recipe."""
    parser.add_argument("--precision", choices=("float32", "float16", "bfloat16"), help="compute in it")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="compute on it")
    parser.add_argument("--subject", help="python:MODULE:NAME or a server, which claims to be --model")
    parser.add_argument("--python", metavar="INTERPRETER", help="run the subject under this Python")
    parser.add_argument("--served-as", metavar="NAME", help="the server's name of the model")
    parser.add_argument("--subject-timeout", type=float, default=Options.timeout, metavar="SECONDS")


def asked(given: Namespace) -> Asked:
    """Return what the command line asks to encode with."""
    options = Options(**{name: getattr(given, name) for name in OPTIONS}, timeout=given.subject_timeout)
    return Asked(given.model, options, given.prompt_name, given.truncate_dim, given.batch_tokens)


def natural(text: str) -> int:
    """Read a number of 0 or more."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"must be a whole number of 0 or more, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Read a number of 1 or more."""
    if not (number := natural(text)):
        raise ArgumentTypeError("must be 1 or more")
    return number
