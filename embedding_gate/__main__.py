"""The command ``embedding-gate``: runs the checks, takes a snapshot, looks at a service, encodes a corpus."""

import sys
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]

# A canary imports neither MLX nor pytest, so that it takes no longer than its requests.
COMMANDS = {
    "canary": "embedding_gate.canary",
    "encode": "embedding_gate.encode_command",
    "snapshot": "embedding_gate.snapshot_command",
    "verify": "embedding_gate.verify_command",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 pass, 1 red, 2 interrupted, 4 a mistake in the command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in COMMANDS:
        return int(import_module(COMMANDS[given[0]]).main(given[1:]))
    return int(import_module("embedding_gate.run_checks").main(given))


if __name__ == "__main__":
    sys.exit(main())
