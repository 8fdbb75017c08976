"""A process that writes into a cache file until it is done or killed: ``FILE FIRST COUNT``.

It prints on stdout what it is about to commit and what it has committed.
"""

import sys
from pathlib import Path

from embeddings.cache.sqlite_store import Entry, SQLiteStore

ROWS = 64


def batch(number: int) -> dict[bytes, Entry]:
    """Make the entries of the batch with that number. The key of an entry determines its value."""
    return {key: entry_of(key) for key in (b"%d row %d" % (number, row) for row in range(ROWS))}


def entry_of(key: bytes) -> Entry:
    """Make the only right entry of a key: 1,536 bytes, the size of a vector of 384 dimensions."""
    return Entry((key * 1536)[:1536], len(key))


def main() -> None:
    """Write the batches, and look up each one after it is written."""
    path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    file = SQLiteStore(path)
    for number in range(first, first + count):
        print("begun", number, flush=True)
        file.put(batch(number))
        print("committed", number, flush=True)
        if file.get(list(batch(number))) != batch(number):
            sys.exit(f"batch {number} is not what was put")
    file.close()


if __name__ == "__main__":
    main()
