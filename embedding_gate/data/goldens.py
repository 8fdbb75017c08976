"""The gate's texts, and the goldens: results of the reference implementation for them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from embedding_gate.errors import FixtureError

__all__ = [
    "LONG_TOKENS",
    "Golden",
    "Prompted",
    "Texts",
    "read_golden",
    "read_texts",
]

LONG_TOKENS = 1024  # of the goldens' long text, which is cut there


@dataclass(frozen=True)
class Texts:
    """N texts of a fixture, each with an id and a kind, and the SHA-256 of their file."""

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    texts: tuple[str, ...]
    sha256: str

    def of_kind(self, *kinds: str) -> list[str]:
        """Return the texts of those kinds, in file order."""
        return [text for text, kind in zip(self.texts, self.kinds, strict=True) if kind in kinds]

    def rows(self, rows: Sequence[int]) -> "Texts":
        """Return the texts with those numbers."""
        ids, kinds, texts = (
            tuple(values[row] for row in rows) for values in (self.ids, self.kinds, self.texts)
        )
        return Texts(ids, kinds, texts, self.sha256)


@dataclass(frozen=True)
class Golden:
    """Results of the reference implementation for N texts.

    vectors: (N, D) float32. token_ids: N arrays (T,). dropped: (N,) tokens cut off.
    hidden_states: the last layer's states (T, D) of the texts numbered ``hidden_rows``.
    files: the model's files that it used, name -> SHA-256. declaring: the same for those that say
        how texts become vectors (model_files.py); none in older goldens.
    sets: SHA-256 of a labelled set -> the vectors (n, D) of each of its parts.
    prompts: name of a prompt -> results for the first texts with that prompt.
    long: a text that is cut at LONG_TOKENS and its vector (D,), or None if the model reads fewer tokens.
    recipe: the recipe that they were made with.
    random: whether the model's weights are random numbers.
    """

    vectors: NDArray[np.float32]
    token_ids: list[NDArray[np.int32]]
    dropped: NDArray[np.int64]
    hidden_rows: NDArray[np.int64]
    hidden_states: list[NDArray[np.float32]]
    files: dict[str, str]
    sets: Mapping[str, list[NDArray[np.float32]]] = field(default_factory=dict)
    prompts: Mapping[str, "Prompted"] = field(default_factory=dict)
    long: tuple[str, NDArray[np.float32]] | None = None
    recipe: str = "declared"
    random: bool = False
    declaring: Mapping[str, str] = field(default_factory=dict)

    def rows(self, rows: Sequence[int]) -> "Golden":
        """Return the results for the texts with those numbers. Those of the labelled sets stay."""
        numbers = {row: number for number, row in enumerate(rows)}
        hidden = [
            (numbers[int(row)], states)
            for row, states in zip(self.hidden_rows, self.hidden_states, strict=True)
            if int(row) in numbers
        ]
        return replace(
            self,
            vectors=self.vectors[list(rows)],
            token_ids=[self.token_ids[row] for row in rows],
            dropped=self.dropped[list(rows)],
            hidden_rows=np.array([row for row, _ in hidden], dtype=np.int64),
            hidden_states=[states for _, states in hidden],
            prompts={name: prompted.rows(rows) for name, prompted in self.prompts.items()},
        )


@dataclass(frozen=True)
class Prompted:
    """Results for the first texts, each after a prompt. token_ids: n arrays (T,). vectors: (n, D)."""

    token_ids: list[NDArray[np.int32]]
    vectors: NDArray[np.float32]

    def rows(self, rows: Sequence[int]) -> "Prompted":
        """Return the results for those of the texts that are among these numbers. They come first there."""
        kept = [row for row in rows if row < len(self.vectors)]
        return Prompted([self.token_ids[row] for row in kept], self.vectors[kept])


def read_texts(path: Path) -> Texts:
    """Read a JSONL fixture: one object per line with id, kind and text.

    Raises:
        FixtureError: the file is missing, empty or malformed; names the line.

    """
    data = _read(path)
    rows: list[dict[str, str]] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FixtureError(where, f"not a JSON object ({error})", hint="correct the line") from error
        if not isinstance(row, dict) or row.keys() != {"id", "kind", "text"}:
            raise FixtureError(where, "must be an object with id, kind and text", hint="correct the line")
        if not all(isinstance(value, str) for value in row.values()):
            raise FixtureError(where, "id, kind and text must be strings", hint="correct the line")
        if any(row["id"] == other["id"] for other in rows):
            raise FixtureError(
                where, f"id {row['id']!r} is there twice", hint="give each text an id of its own"
            )
        rows.append(row)
    if not rows:
        raise FixtureError(path, "holds no text", hint="restore the file")
    return Texts(
        ids=tuple(row["id"] for row in rows),
        kinds=tuple(row["kind"] for row in rows),
        texts=tuple(row["text"] for row in rows),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def read_golden(folder: Path, model: str, texts: Texts) -> Golden | None:
    """Read a model's goldens for these texts, or None if it has none.

    Raises:
        FixtureError: they are damaged, or belong to other texts.

    """
    origin_path = folder / f"{model}.json"
    if not origin_path.exists():
        return None
    hint = "restore the file, or make the goldens again (make golden)"
    try:
        origin = json.loads(_read(origin_path))
        path = folder / Path(origin["golden"]["file"]).name  # a path could lead to a device that has no end
        expected, of_texts = origin["golden"]["sha256"], str(origin["texts"]["sha256"])
        files, sets = dict(origin["files"]), dict(origin["sets"])
        long, declaring = origin.get("long"), dict(origin.get("declaring", {}))  # older goldens have neither
        prompts, recipe, random = list(origin["prompts"]), str(origin["recipe"]), bool(origin["random"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FixtureError(origin_path, f"malformed ({error!r})", hint=hint) from error
    if of_texts != texts.sha256:
        raise FixtureError(
            origin_path,
            f"goldens of other texts (SHA-256 {of_texts[:12]}, now {texts.sha256[:12]})",
            hint=hint,
        )
    data = _read(path)
    if (got := hashlib.sha256(data).hexdigest()) != expected:
        raise FixtureError(path, f"SHA-256 must be {expected}, got {got}", hint=hint)
    try:
        tensors = load(data)
        ends = np.cumsum(tensors["lengths"])[:-1]
        hidden_ends = np.cumsum(tensors["lengths"][tensors["hidden_rows"]])[:-1]
        golden = Golden(
            vectors=tensors["vectors"],
            token_ids=np.split(tensors["token_ids"], ends),
            dropped=tensors["dropped"],
            hidden_rows=tensors["hidden_rows"],
            hidden_states=np.split(tensors["hidden_states"], hidden_ends),
            files=files,
            sets={sha256: [tensors[name] for name in names] for sha256, names in sets.items()},
            prompts={name: _prompted(tensors, name) for name in prompts},
            long=None if long is None else (str(long), tensors["long"]),
            recipe=recipe,
            random=random,
            declaring=declaring,
        )
    except (SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint=hint) from error
    if not len(golden.vectors) == len(golden.token_ids) == len(texts.texts):
        raise FixtureError(
            path, f"holds {len(golden.vectors)} vectors for {len(texts.texts)} texts", hint=hint
        )
    return golden


def _prompted(tensors: Mapping[str, NDArray[Any]], name: str) -> Prompted:
    lengths = tensors[f"prompt.{name}.lengths"]
    ids = np.split(tensors[f"prompt.{name}.token_ids"], np.cumsum(lengths)[:-1])
    return Prompted(ids, tensors[f"prompt.{name}.vectors"])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        why = getattr(error, "strerror", error)
        raise FixtureError(path, f"cannot be read ({why})", hint="restore the file") from error
