"""``python -m embeddings doctor`` and ``python -m embeddings cache stats|clear FILE``."""

import argparse
import json
import os
import sys
from pathlib import Path

from embeddings.cache.sqlite_store import SQLiteStore
from embeddings.catalog import DEFAULT_MODEL
from embeddings.doctor import UNUSABLE, examine
from embeddings.errors import EmbeddingsError


def main() -> None:
    """Run the command of the command line. If it fails, exit with code 1 and one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m embeddings", description="Helpers beside the pytest commands."
    )
    commands = parser.add_subparsers(dest="command")
    examined = commands.add_parser(
        "doctor", help="versions, device, BLAS and its measured speed, models found"
    )
    examined.add_argument("--json", action="store_true", help="print one JSON object")
    cache = commands.add_parser("cache", help="what a cache's file holds")
    cache.add_argument("action", choices=("stats", "clear"), help="count its entries, or delete them all")
    cache.add_argument("file", type=Path)
    asked = parser.parse_args()
    try:
        if asked.command == "doctor":
            doctor(as_json=asked.json)
        elif asked.command == "cache":
            see_to_cache(asked.file, asked.action)
        else:
            parser.print_help()
    except EmbeddingsError as error:
        sys.exit(str(error))
    except BrokenPipeError:  # who reads has gone, as in "| head -3"
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # Python writes what is left at its end
        sys.exit(1)


def doctor(*, as_json: bool) -> None:
    """Print the findings, one on each line or as JSON. Exit with code 1 if the embedded model cannot run."""
    findings = {}
    for name, finding in examine():
        findings[name] = finding
        if not as_json:
            print(f"{name:<24} {finding}", flush=True)
    if as_json:
        print(json.dumps(findings, indent=2))
    if findings[f"model {DEFAULT_MODEL}"].startswith(UNUSABLE):
        sys.exit(1)


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
