"""Looks at a service: does it still give the vectors of a snapshot? ``embedding-gate canary``.

It imports neither MLX nor pytest. It encodes a few texts. It encodes all of them only
if these have changed.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from embedding_gate.clients import connect
from embedding_gate.errors import GateError
from embedding_gate.own_files import Options, own_texts
from embedding_gate.reindex.canaries import canaries_of
from embedding_gate.reindex.reindex import REQUIRED
from embedding_gate.reindex.snapshot import read_snapshot
from embedding_gate.reindex.take import canaries_for, look, take
from embedding_gate.reindex.verdict import Verdict, judge
from embedding_gate.subjects.black_box import BlackBox

__all__ = ["main"]

MISTAKE = 4  # the exit code for a mistake in the command, as pytest has it


def main(arguments: Sequence[str]) -> int:
    """Print one line. Return 0 if the answer is as good as required, 1 if not, 4 if there is none."""
    asked = _parser().parse_args(arguments)
    try:
        verdict = _verdict(asked)
    except GateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return MISTAKE
    if asked.json:
        print(json.dumps({"subject": asked.subject, "required": asked.require, **verdict.as_data()}))
    else:
        print(verdict.line)
    return 0 if verdict.within(asked.require) else 1


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="embedding-gate canary",
        description=__doc__,
        epilog="Exit code 0: as required. 1: not. 4: a mistake, or no answer.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--snapshot", type=Path, required=True, metavar="FILE", help="the vectors as they were"
    )
    parser.add_argument("--subject", required=True, help="a server's address, or python:MODULE:NAME")
    parser.add_argument("--python", metavar="INTERPRETER", help="run the subject under this Python")
    parser.add_argument("--served-as", metavar="NAME", help="the server's name of the model")
    parser.add_argument("--subject-timeout", type=float, default=Options.timeout, metavar="SECONDS")
    parser.add_argument(
        "--require", choices=REQUIRED, default="compatible", help="the worst answer that passes"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    for option in ("topics", "sts", "retrieval"):
        parser.add_argument(f"--{option}", type=Path, metavar="PATH", help="your own texts, of the snapshot")
    return parser


def _verdict(asked: Namespace) -> Verdict:
    """Ask the subject, and judge.

    Raises:
        GateError: the snapshot cannot be read, or the subject gives no vectors.

    """
    old = read_snapshot(asked.snapshot)
    given = {"topics": asked.topics, "pairs": asked.sts, "retrieval": asked.retrieval}
    options = Options(
        **{name: path for name, path in given.items() if path},
        subject=asked.subject,
        python=asked.python,
        served_as=asked.served_as,
        timeout=asked.subject_timeout,
    )
    canaries = canaries_for(old, lambda: canaries_of(*own_texts(options)))
    client = connect(options, old.name, Path())
    try:
        prompts = old.identity.prompts or {}
        box = BlackBox(client, prompts, 1)
        found = look(old, box, canaries)
        return found or judge(old, take(old.name, box, canaries, prompts=dict(prompts)))
    finally:
        client.close()
