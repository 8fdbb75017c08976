"""Verifies a folder of encoded texts: each file by its hash, and some texts by encoding them again."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate.corpus.model import Model
from embedding_gate.data.encoded.manifest import Manifest
from embedding_gate.data.encoded.shards import file_sha256, name_of, read_shard
from embedding_gate.data.encoded.texts import read_corpus, windows
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.differences import differences
from embedding_gate.own_files import OWN, hashes, sets, thresholds_of

__all__ = ["Sample", "check_shards", "compare_sample", "limit_of"]

CHECK = "batch budget"  # its threshold binds what another batch may change
SAME = ("dimensions", "weights", "tokenizer", "encoding", "prompts")  # not so versions and the device
HALF = 2.0**-11  # the most that rounding to float16 changes a component of a vector of length 1


@dataclass(frozen=True)
class Sample:
    """Vectors of a folder beside those of the same texts encoded again. worst: the largest difference."""

    texts: int
    worst: float
    limit: float


def check_shards(folder: Path, manifest: Manifest) -> None:
    """Check that each shard is there, has the manifest's hash, and holds the vectors and ids that it says.

    Raises:
        FixtureError: one does not; names it.

    """
    lacking = [number for number, shard in enumerate(manifest.shards) if not shard.sha256]
    if lacking:
        many = f"{len(lacking)} of {len(manifest.shards)} shards have no hash"
        what = f"the run that writes it has not ended: {many}"
        raise FixtureError(folder, what, hint="run the same encode again")
    for number, shard in enumerate(manifest.shards):
        path = folder / name_of(number)
        if file_sha256(path) != shard.sha256:
            raise FixtureError(
                path, "is not what encode wrote", hint="run encode again: it makes this shard anew"
            )
        read_shard(folder, manifest, number)


def compare_sample(corpus: Path, folder: Path, manifest: Manifest, model: Model, size: int) -> Sample:
    """Encode a sample of the texts again, and compare. All texts are read, and held against the manifest.

    Raises:
        FixtureError: the texts or the model are not those of the manifest, or ids differ.

    """
    if differs := [name for name in SAME if model.identity[name] != manifest.identity.get(name)]:
        what = f"was made by a model that differs in {', '.join(differs)}"
        raise FixtureError(folder, what, hint="name that model, or use --sample=0 to check the hashes alone")
    rows = _sample(manifest, size)
    texts, stored = [], []
    found = 0
    for window in windows(read_corpus(corpus), manifest.shard_texts):
        found = window.number + 1
        if found > len(manifest.shards) or window.sha256 != manifest.shards[window.number].texts:
            break
        if wanted := rows.get(window.number):
            ids, vectors = read_shard(folder, manifest, window.number)
            if ids != window.ids:
                raise FixtureError(folder / name_of(window.number), "has other ids", hint="run encode again")
            texts += [window.texts[row] for row in wanted]
            stored += list(vectors[wanted])
    else:
        if found == len(manifest.shards):
            return _compared(model, manifest, texts, stored)
    raise FixtureError(
        corpus, f"is not what {folder} was made from", hint="name the same texts: --input=FILE"
    )


def limit_of(model: Model, dtype: str) -> float:
    """Return how much a vector may change with the batch that it is computed in, and with its type."""
    threshold = thresholds_of(model.name, hashes(sets()), OWN, model.precision)[CHECK]
    return threshold.at_most + (HALF if dtype == "float16" else 0)


def _compared(
    model: Model, manifest: Manifest, texts: list[str], stored: Iterable[NDArray[np.floating]]
) -> Sample:
    worst = float(differences(list(stored), list(model.encode(texts))).max())
    return Sample(len(texts), worst, limit_of(model, manifest.dtype))


def _sample(manifest: Manifest, size: int) -> dict[int, list[int]]:
    """Draw texts without replacement: the number of a shard -> rows in it. The plan is the seed."""
    size = min(size, manifest.count)
    random = np.random.default_rng(int(manifest.plan[:16], 16))
    drawn = np.sort(random.choice(manifest.count, size, replace=False, shuffle=False))
    ends = np.cumsum([shard.count for shard in manifest.shards])
    numbers = np.searchsorted(ends, drawn, side="right")
    starts = ends - [shard.count for shard in manifest.shards]
    rows: dict[int, list[int]] = {}
    for number, row in zip(numbers.tolist(), (drawn - starts[numbers]).tolist(), strict=True):
        rows.setdefault(number, []).append(row)
    return rows
