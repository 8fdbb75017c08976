"""The processes of one run, started by MLX's own launcher. Without it there is one process, rank 0.

mlx.launch starts the processes, and mx.distributed connects them: by a ring over TCP, by NCCL on CUDA, by
JACCL on Macs. If one process ends with an error, mlx.launch ends the others.
"""

import hashlib
import os
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import numpy as np

from embedding_gate.errors import WorkerError
from embeddings.backend import mx

__all__ = ["Ranks", "join"]

LAUNCHED = {
    "MLX_HOSTFILE": "ring",
    "NCCL_HOST_IP": "nccl",
    "MLX_JACCL_COORDINATOR": "jaccl",
}  # set by mlx.launch
HIGH = 1 << 20  # a count is sent as two numbers below this, because MLX adds 32-bit integers


def join() -> "Ranks":
    """Join the other processes of this run, if mlx.launch started this one.

    Raises:
        WorkerError: they cannot be reached.

    """
    backend = next((name for variable, name in LAUNCHED.items() if os.environ.get(variable)), None)
    if "MLX_RANK" not in os.environ or backend is None:
        return Ranks(None)
    try:
        return Ranks(mx.distributed.init(strict=True, backend=backend))
    except RuntimeError as error:
        where = f"rank {os.environ['MLX_RANK']}"
        hint = "see that all hosts are there, and that their ports are free"
        raise WorkerError(where, f"cannot join the others by {backend} ({error})", hint=hint) from error


class Ranks:
    """All processes of a run, as one of them sees them. group: of mx.distributed, or None."""

    def __init__(self, group: Any) -> None:
        self._group = group
        self.rank = group.rank() if group else 0
        self.size = group.size() if group else 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes the manifest and speaks for all."""
        return self.rank == 0

    def share(self, sizes: Sequence[int], numbers: Collection[int]) -> frozenset[int]:
        """Return the numbers of the shards that this process makes. sizes: how much work each shard is.

        The largest shard goes first, always to the process that has least so far.
        """
        loads, shares = [0] * self.size, [list[int]() for _ in range(self.size)]
        for number in sorted(numbers, key=lambda number: (-sizes[number], number)):
            least = min(range(self.size), key=lambda rank: (loads[rank], rank))
            loads[least] += sizes[number]
            shares[least].append(number)
        return frozenset(shares[self.rank])

    def agree(self, what: str, value: object) -> None:
        """Wait for all processes, and check that all have the same value.

        Raises:
            WorkerError: one has another value; names its rank.

        """
        digest = hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()
        found = self._gather(np.frombuffer(digest, dtype=np.uint16).tolist())
        others = [rank for rank, one in enumerate(found) if one != found[0]]
        if others:
            named = ", ".join(map(str, others))
            hint = "start all with the same command, model, texts, versions and folder"
            raise WorkerError(f"rank {named}", f"disagrees with rank 0 about {what}", hint=hint)

    def count(self, texts: int, tokens: int, *, expected: int) -> int:
        """Wait for all processes, check that together they encoded the expected texts, and add up the tokens.

        Raises:
            WorkerError: they did not; says how many texts each encoded.

        """
        numbers = [texts % HIGH, texts // HIGH, tokens % HIGH, tokens // HIGH]
        found = [(b * HIGH + a, d * HIGH + c) for a, b, c, d in self._gather(numbers)]
        encoded = [texts for texts, _ in found]
        if sum(encoded) != expected:
            what = f"encoded {', '.join(map(str, encoded))} texts, which is not {expected} together"
            raise WorkerError("the ranks", what, hint="run the same command again")
        return sum(tokens for _, tokens in found)

    def _gather(self, numbers: list[int]) -> list[list[int]]:
        """Return the numbers of each process, by rank. Each adds zeros to what the others have."""
        if self._group is None:
            return [numbers]
        table = np.zeros((self.size, len(numbers)), dtype=np.int32)
        table[self.rank] = numbers
        summed = mx.distributed.all_sum(mx.array(table), group=self._group)
        rows: list[list[int]] = np.array(summed).tolist()
        return rows
