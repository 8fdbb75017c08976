"""Starts the ranks of a run with MLX's own launcher, and says what is missing if one of them dies."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from embedding_gate.corpus.encode import missing_shards
from embedding_gate.data.encoded.manifest import read_manifest
from embedding_gate.data.encoded.shards import Shards
from embedding_gate.errors import FixtureError, WorkerError
from embedding_gate.own_files import ROOT, Options
from embedding_gate.signals import end_group

__all__ = ["encode_in_ranks", "here", "launch"]

LAUNCHER = "from mlx._distributed_utils.launch import main; main()"  # mlx.launch, wherever its script lies
ENDED = re.compile(rb"Node with rank (\d+) (?:exited with code (-?\d+)|was killed)")
RING = b"[ring] "  # how the ring begins its lines about lost connections; the rank that died says more
PATIENCE = 10.0  # seconds that the ranks have to end by themselves
OPTIONS = ("recipe", "precision", "device", "subject", "python", "served_as")  # that ``encode`` has too


def launch(of_launcher: Sequence[str], command: Sequence[str], folder: Path, *, quiet: bool = False) -> None:
    """Run ``embedding-gate encode`` as several processes, and wait until all shards are there.

    of_launcher: options of mlx.launch. command: ``encode`` and its options. folder: of the shards.

    Raises:
        WorkerError: a rank died; says which one, and which shards are missing.

    """
    python = [sys.executable, "-m", "embedding_gate", *command]
    # The launcher reads stdin all the time. It gets a pipe that stays open and empty, or it would never rest.
    with subprocess.Popen(  # noqa: S603  (MLX's launcher, and this program)
        [sys.executable, "-c", LAUNCHER, *of_launcher, "--", *python],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            died = _pass_on(process)
            process.wait()
        finally:
            end_group(process, patience=PATIENCE if process.poll() is None else 0)
    if died or process.returncode:
        raise _incomplete(folder, died)


def here(ranks: int) -> list[str]:
    """Return the options of mlx.launch that start so many ranks on this machine, on ports that are free.

    The ranks find this package, and whatever PYTHONPATH names for this process.
    """
    port = str(_free_ports(ranks))
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return ["-n", str(ranks), "--starting-port", port, "--nccl-port", port, "--env", f"PYTHONPATH={paths}"]


def encode_in_ranks(model: str, options: Options, texts: Sequence[str]) -> NDArray[np.floating]:
    """Encode texts with ``options.ranks`` processes, at least two shards each; return their vectors (N, D).

    Raises:
        WorkerError: a rank died.

    """
    ranks = options.ranks or 1
    given = [(name, getattr(options, name)) for name in OPTIONS]
    named = [f"--{name.replace('_', '-')}={value}" for name, value in given if value]
    with TemporaryDirectory() as scratch:
        corpus, folder = Path(scratch) / "texts.jsonl", Path(scratch) / "vectors"
        lines = [json.dumps({"text": text}) for text in texts]
        corpus.write_text("\n".join(lines), encoding="utf-8")
        most = -(-len(texts) // (2 * ranks))
        command = ["encode", str(corpus), f"--out={folder}", f"--shard-texts={most}", f"--model={model}"]
        launch(here(ranks), [*command, *named], folder, quiet=True)
        return np.concatenate(list(Shards(folder, read_manifest(folder))))


def _pass_on(process: subprocess.Popen[bytes]) -> re.Match[bytes] | None:
    """Pass on what the ranks write to stderr. Return what tells of the first one that died, if one did."""
    died = None
    assert process.stderr is not None
    for line in process.stderr:
        found = ENDED.search(line)
        died = died or found
        if not found and not line.startswith(RING):
            print(line.decode(errors="replace"), end="", file=sys.stderr, flush=True)
    return died


def _free_ports(count: int) -> int:
    """Return the first of some ports in a row that are free on this machine."""
    while True:
        with ExitStack() as held:
            first = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            try:
                for port in range(first + 1, min(first + count, 1 << 16)):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return int(first)


def _incomplete(folder: Path, died: re.Match[bytes] | None) -> WorkerError:
    who = f"rank {died[1].decode()}" if died else "mlx.launch"
    code = died[2] if died else None
    how = f"ended with exit code {code.decode()}" if code else "ended"
    try:
        manifest = read_manifest(folder)
        left = missing_shards(folder, manifest)
        what = f"{len(left)} of {len(manifest.shards)} shards are missing"
        what += f" ({', '.join(map(str, left[:8]))}{', ...' if len(left) > 8 else ''})" if left else ""
    except FixtureError:
        what = "nothing was encoded"
    return WorkerError(who, f"{how}: {what}", hint="run the same command again, and it does what is left")
