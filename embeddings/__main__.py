"""``python -m embeddings doctor`` and ``python -m embeddings cache stats|clear FILE``."""

import argparse
import sys
from pathlib import Path

from embeddings.cache.sqlite_store import SQLiteStore
from embeddings.doctor import examine
from embeddings.errors import EmbeddingsError


def main() -> None:
    """Run the command of the command line. If it fails, exit with code 1 and one line on stderr."""
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
    """Print the findings, one on each line."""
    for name, finding in examine():
        print(f"{name:<24} {finding}", flush=True)


def see_to_cache(path: Path, action: str) -> None:
    """Print what a cache file holds. If the action is "clear", delete its entries first.

    Raises:
        CacheError: the file does not exist, is not a cache, or is damaged.

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
