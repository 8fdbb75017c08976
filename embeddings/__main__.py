"""``python -m embeddings doctor`` and ``python -m embeddings cache stats|clear FILE``."""

import argparse
import sys
from pathlib import Path

from embeddings.cache.sqlite_store import SQLiteStore
from embeddings.doctor import examine
from embeddings.errors import EmbeddingsError


def main() -> None:
    """Do what the command line asks for; exit code 1, and one line on stderr, where it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m embeddings", description="Helpers beside the pytest commands."
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("doctor", help="versions, device, BLAS and its measured speed, models found")
    cache = commands.add_parser("cache", help="what a cache's file holds")
    cache.add_argument("action", choices=("stats", "clear"), help="count its entries, or delete them all")
    cache.add_argument("file", type=Path)
    asked = parser.parse_args()
    try:
        if asked.command == "doctor":
            doctor()
        elif asked.command == "cache":
            see_to_cache(asked.file, asked.action)
        else:
            parser.print_help()
    except EmbeddingsError as error:
        sys.exit(str(error))


def doctor() -> None:
    """Print the findings, one a line."""
    for name, finding in examine():
        print(f"{name:<24} {finding}", flush=True)


def see_to_cache(path: Path, action: str) -> None:
    """Print what a cache's file holds, cleared first if that is asked for.

    Raises:
        CacheError: there is no such file, it is not a cache, or it is damaged.

    """
    file = SQLiteStore(path, create=False)
    try:
        if action == "clear":
            file.clear()
        entries, taken = file.size()
        print(f"{path}: {entries} entries, {taken} bytes")
    finally:
        file.close()


if __name__ == "__main__":
    main()
