"""What the gate cannot see: ``python -m tests.faults.blind_spots`` (``make blind-spots``).

The vectors of the embedded model are perturbed in many ways. For each family of perturbations the table shows
the largest loss of nDCG@10 on the retrieval fixture that no check of the gate sees. It has four columns:

1. the embedded model, with all that is known of it
2. the same vectors as a model of your own: no goldens, no thresholds, the embedded model as baseline
3. the same as 2, with a worse baseline
4. the same vectors, recorded: the gate sees only the vectors of the topics
"""

import argparse
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from embeddings.backend import usable_cores
from tests.faults.blind import bench, smooth
from tests.faults.blind.search import Found, all_families, search

TITLE = "loss of nDCG@10 that no check sees"


def table(found: Sequence[Found]) -> list[str]:
    """Return the lines of the table, one for each family. The largest losses come first."""
    of = {(one.family, one.column): one.loss for one in found}
    names = list(dict.fromkeys(one.family for one in found))
    names.sort(key=lambda name: [-round(of[name, column], 4) for column in bench.COLUMNS])
    vector_alone = {family.name for family in smooth.families()} & set(names)
    rows = {name: [of[name, column] for column in bench.COLUMNS] for name in names}
    if vector_alone:
        rows["largest by functions of the vector alone"] = _largest(rows, vector_alone)
    rows["largest"] = _largest(rows, names)
    width = max(map(len, [*rows, TITLE]))
    lines = [f"  {TITLE:{width}}" + "".join(f"  {column:>13}" for column in bench.COLUMNS)]
    return lines + [
        f"  {name:{width}}" + "".join(f"  {loss:>13.4f}" for loss in losses) for name, losses in rows.items()
    ]


def _largest(rows: Mapping[str, list[float]], names: Iterable[str]) -> list[float]:
    return [max(losses) for losses in zip(*(rows[name] for name in names), strict=True)]


def run(names: Sequence[str]) -> list[Found]:
    """Search families of perturbations, with one process per core."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # otherwise the processes fight over the cores
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn"), initializer=_quiet) as pool:
        return [one for found in pool.map(search, names) for one in found]


def _quiet() -> None:
    warnings.simplefilter("ignore")


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file, too")
    parser.add_argument(
        "--family", action="append", choices=sorted(all_families()), help="this one alone; repeatable"
    )
    options = parser.parse_args()
    found = run(options.family or list(all_families()))
    print(*table(found), sep="\n")
    if options.json:
        rows = [asdict(one) for one in found]
        options.json.write_text(
            json.dumps({"command": "python -m tests.faults.blind_spots", "found": rows}, indent=2) + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
