"""The verdict on every harmless variant of the proof: ``python -m tests.reindex.harmless [SECONDS]``.

Each is injected into the library, as the proof does it. Its vectors are compared with those of the library as
it is. What was judged is kept in build/reindex, so that a run goes on where the last one ended.
"""

import json
import sys
import time
import warnings
from collections import Counter
from functools import cache

import embeddings
from embedding_gate.own_files import ROOT, slice_of_sets, texts
from embedding_gate.reindex.canaries import Canaries, canaries_of
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.take import take
from embedding_gate.reindex.verdict import judge
from tests.faults.catalogue import BENIGN, injected

__all__ = ["answer_on"]

RESULTS = ROOT / "build" / "reindex" / "harmless.json"
LONGEST = 300  # characters


@cache
def few() -> Canaries:
    """Return a part of the gate's texts."""
    rows = [row for row, text in enumerate(texts().texts) if len(text) <= LONGEST][::4]
    return canaries_of(texts().rows(rows), slice_of_sets(), own=False)


def snapshot_of(model: str, precision: str | None) -> Snapshot:
    """Take a snapshot of a model as the library is now."""
    encoder = embeddings.load(model, precision=precision)
    return take(model, encoder, few(), dtype=precision or "float32")


right = cache(snapshot_of)


def answer_on(name: str, model: str, precision: str | None) -> str:
    """Return the verdict's line on a harmless variant."""
    old = right(model, None)
    with injected(name):
        new = snapshot_of(model, precision)
    return judge(old, new).line


def main() -> None:
    """Judge what is not judged yet, and print the answers."""
    warnings.simplefilter("ignore")
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    limit = float((sys.argv[1:] or ["inf"])[0])
    for fault in BENIGN:
        if fault.where != "time" and fault.name not in found and time.process_time() < limit:
            found[fault.name] = answer_on(fault.name, fault.model, fault.precision)
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(found, indent=1))
    for name, line in found.items():
        print(f"{name}: {line}")
    print(Counter(line.partition(" ")[0] for line in found.values()))


if __name__ == "__main__":
    main()
