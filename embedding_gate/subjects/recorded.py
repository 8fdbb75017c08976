"""Recorded vectors: ``vectors_X.tsv`` and ``metadata_X.tsv`` of the TensorFlow Projector."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.claims.published import Comparison
from embedding_gate.claims.table import published_table
from embedding_gate.data.labelled import Topics, read_topics
from embedding_gate.data.rows import numbered_lines
from embedding_gate.errors import FixtureError
from embedding_gate.subjects.embedded import Embedded

__all__ = ["Recorded", "read_recorded", "recorded_names"]


@dataclass(frozen=True)
class Recorded:
    """Recorded vectors of a model X. There is no model to ask, only texts by topic and their vectors.

    reindex: the comparison with a snapshot (see reindex/), if one was named.
    """

    name: str
    topics: Embedded[Topics]
    published: tuple[Comparison, ...] = ()
    remarks: tuple[str, ...] = ()
    offers: frozenset[str] = frozenset()
    reindex: Any = None

    @property
    def notes(self) -> list[str]:
        """Lines for the reader of the table, with the published figures of a model of that name."""
        return [*self.remarks, *published_table(self.published)]


def recorded_names(folder: Path) -> list[str]:
    """Return each X of the folder.

    Raises:
        FixtureError: there is none, or a file of vectors or of metadata is missing.

    """
    vectors, metadata = (
        {path.name.removeprefix(kind).removesuffix(".tsv") for path in folder.glob(f"{kind}*.tsv")}
        for kind in ("vectors_", "metadata_")
    )
    if not folder.is_dir():
        raise FixtureError(folder, "no such folder", hint="name the folder of recorded vectors")
    if not vectors:
        raise FixtureError(folder, "holds no vectors_X.tsv", hint="name the folder of recorded vectors")
    if alone := sorted(vectors ^ metadata):
        raise FixtureError(
            folder, f"lacks vectors or metadata of {', '.join(alone)}", hint="give both or neither"
        )
    return sorted(vectors)


def read_recorded(folder: Path, name: str) -> tuple[Topics, NDArray[np.float32]]:
    """Read the texts of X and their vectors (N, D).

    Raises:
        FixtureError: a file is malformed (names the line), ragged, not finite, or the numbers of rows differ.

    """
    metadata = folder / f"metadata_{name}.tsv"
    if "\t" not in next(numbered_lines(metadata), ("", ""))[1]:
        raise FixtureError(
            metadata,
            "has one column, which has no header in TensorBoard's form, and so no category",
            hint="write the columns label, category and text, as --projector does",
        )
    topics = read_topics(metadata)
    path = folder / f"vectors_{name}.tsv"
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FixtureError(path, f"cannot be read ({error})", hint="restore the file") from error
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append([float(field) for field in line.split("\t")])
        except ValueError as error:
            raise FixtureError(
                f"{path}:{number}", f"not numbers ({error})", hint="correct the line"
            ) from error
        if len(rows[-1]) != len(rows[0]):
            raise FixtureError(
                f"{path}:{number}",
                f"has {len(rows[-1])} numbers, the first line {len(rows[0])}",
                hint="correct the line",
            )
        if not (np.abs(rows[-1]) <= np.finfo(np.float32).max).all():
            raise FixtureError(
                f"{path}:{number}",
                "holds NaN, infinity, or what float32 cannot hold",
                hint="record the vectors again",
            )
    if len(rows) != len(topics.texts):
        raise FixtureError(
            path,
            f"holds {len(rows)} vectors, metadata_{name}.tsv {len(topics.texts)} texts",
            hint="record both again",
        )
    return topics, np.array(rows, dtype=np.float32)
