"""Starts the ranks of a run with MLX's own launcher, and says what is missing if one of them dies."""

import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence

from embedding_gate.corpus.encode import missing_shards
from embedding_gate.data.encoded.manifest import read_manifest
from embedding_gate.errors import FixtureError, WorkerError
from embedding_gate.signals import end_group

__all__ = ["launch"]

LAUNCHER = "from mlx._distributed_utils.launch import main; main()"  # mlx.launch, wherever its script lies
OURS = ("--ranks", "--hostfile", "--backend")  # options that the ranks themselves do not get
ENDED = re.compile(rb"Node with rank (\d+) (?:exited with code (-?\d+)|was killed)")
PATIENCE = 10.0  # seconds that the ranks have to end by themselves


def launch(given: Namespace, arguments: Sequence[str]) -> int:
    """Run this command as ``given.ranks`` processes. Return 0 when all shards are there.

    Raises:
        WorkerError: a rank died; says which one, and which shards are missing.

    """
    own = [f"{option}={getattr(given, option[2:])}" for option in OURS[1:] if getattr(given, option[2:])]
    places = [] if given.hostfile else ["-n", str(given.ranks)]
    command = [sys.executable, "-c", LAUNCHER, *places, *own, "--"]
    command += [sys.executable, "-m", "embedding_gate", *_for_ranks(arguments)]
    # The launcher reads stdin all the time. It gets a pipe that stays open and empty, or it would never rest.
    process = subprocess.Popen(  # noqa: S603  (MLX's launcher, and this program)
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    died: re.Match[bytes] | None = None
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = ENDED.search(line)
            died = died or found
            if not found:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()
        process.wait()
    finally:
        end_group(process, patience=PATIENCE if process.poll() is None else 0)
    if died or process.returncode:
        raise _incomplete(given, died)
    return 0


def _for_ranks(arguments: Sequence[str]) -> list[str]:
    """Leave out the options of the launcher, each with its value."""
    kept, rest = [], iter(arguments)
    for one in rest:
        if one in OURS:
            next(rest, None)
        elif one.partition("=")[0] not in OURS:
            kept.append(one)
    return kept


def _incomplete(given: Namespace, died: re.Match[bytes] | None) -> WorkerError:
    who = f"rank {died[1].decode()}" if died else "mlx.launch"
    code = died[2] if died else None
    how = f"ended with exit code {code.decode()}" if code else "ended"
    try:
        manifest = read_manifest(given.out)
        left = missing_shards(given.out, manifest)
        what = f"{len(left)} of {len(manifest.shards)} shards are missing"
        what += f" ({', '.join(map(str, left[:8]))}{', ...' if len(left) > 8 else ''})" if left else ""
    except FixtureError:
        what = "nothing was encoded"
    return WorkerError(who, f"{how}: {what}", hint="run the same command again, and it does what is left")
