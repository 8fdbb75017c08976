"""Labelled texts with their vectors, by the judged model and by the baseline."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from embedding_gate.data.goldens import Golden
from embedding_gate.data.labelled import Labelled, Part
from embedding_gate.data.sets import Sets
from embedding_gate.subjects.protocols import Encoder, Tokenized, Tokenizer

__all__ = ["Baseline", "Embedded", "embed", "embed_part", "embed_sets", "over_folder", "prompt_of"]

_CHUNK = 512  # texts in memory at a time
_PROMPTS = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
    "": (),
}  # sentence-transformers' names

Vectors = NDArray[np.float32]
Note = Callable[[str], None]
L = TypeVar("L", bound=Labelled)


def embed(
    encoder: Encoder, labelled: Labelled, note: Note | None = None, tokenizer: Tokenizer | None = None
) -> list[Vectors]:
    """Encode each part of a set: (n, D) each. Shows a progress bar if it takes long.

    Texts are read and encoded a few hundred at a time, so memory holds little more than the vectors.

    note: is called with a line about texts that the model truncated, and about a missing prompt.
    tokenizer: tells which texts these are. None: the encoder tells it.
    """
    return [embed_part(encoder, part, note, tokenizer) for part in labelled.parts]


def embed_sets(encoder: Any, sets: Sets) -> list[Vectors]:
    """Encode the texts of all sets, each part with the prompt of its role: (n, D) of each part."""
    return [embed_part(encoder, part) for part in sets.parts]


def embed_part(
    encoder: Encoder, part: Part, note: Note | None = None, tokenizer: Tokenizer | None = None
) -> Vectors:
    """Encode the texts of one part: (n, D)."""
    vectors = np.empty((part.count, encoder.dimension), dtype=np.float32)
    prompt = prompt_of(encoder, part.role)
    counter = tokenizer or encoder
    done = cut = 0
    slow = 0.5 if sys.stderr.isatty() else 10  # seconds between lines, so that a log stays short
    with tqdm(total=part.count, desc=part.name, unit=" texts", delay=2, mininterval=slow) as bar:
        for texts in _chunks(part.texts):
            vectors[done : done + len(texts)] = encoder.encode(texts, prompt_name=prompt)
            if note is not None:
                cut += int(np.count_nonzero(counter.tokenize(texts, prompt_name=prompt).dropped))
            done += len(texts)
            bar.update(len(texts))
    if note is not None and part.role and prompt is None and encoder.prompts:
        names = ", ".join(map(repr, sorted(encoder.prompts)))
        note(f"  {part.name}: none of the model's prompts is for a {part.role}; it has {names}")
    if note is not None and cut:
        note(f"  {part.name}: {cut:,} of {part.count:,} texts were cut at {counter.max_tokens} tokens")
    return vectors


def prompt_of(encoder: Encoder, role: str) -> str | None:
    """Return the name of the model's prompt for texts of a role, or None."""
    return next((name for name in _PROMPTS[role] if name in encoder.prompts), None)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


@dataclass
class Baseline:
    """A model that others must not be worse than.

    source: where it comes from: a name of the catalog, or a folder's resolved path.
    golden: vectors of the reference implementation for the gate's own sets.
    open_encoder: loads the model. It is called only for texts that the goldens do not cover.
    """

    name: str
    source: str
    golden: Golden | None
    open_encoder: Callable[[], Encoder]

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded model."""
        return self.open_encoder()

    @property
    def sets(self) -> Mapping[str, list[Vectors]]:
        """The goldens of labelled sets: SHA-256 -> (n, D) for each part."""
        return self.golden.sets if self.golden else {}

    @property
    def trust(self) -> str:
        """What its vectors rest on."""
        return "held against its goldens" if self.golden else "has no goldens: taken on trust"

    @property
    def note(self) -> str:
        """A line about it for the reader of the table."""
        return f"  baseline: {self.source}, {self.trust}"

    def embed(self, labelled: Labelled) -> list[Vectors]:
        """Return the vectors of each part of a set: (n, D) each."""
        return self.sets.get(labelled.sha256) or embed(self.encoder, labelled)


@dataclass
class Embedded(Generic[L]):
    """A set, its vectors, and the vectors of the baseline.

    encode: computes the vectors of each part, (n, D), when they are first needed.
    no_baseline: why there is no comparison, if there is none.
    golden: vectors of the reference implementation of the judged model, or None.
    tokenize: gives the token ids of texts, so that texts with the same tokens count as the same. None if
        there is no model to ask.
    """

    labelled: L
    encode: Callable[[], list[Vectors]]
    baseline: Baseline | None
    no_baseline: str = ""
    golden: list[Vectors] | None = None
    tokenize: Callable[[Sequence[str]], Tokenized] | None = None

    @cached_property
    def vectors(self) -> list[Vectors]:
        """The vectors of each part: (n, D)."""
        return self.encode()

    @property
    def proven(self) -> bool:
        """Whether the baseline's vectors are goldens. Then the set is known to separate right from wrong."""
        return self.baseline is not None and self.labelled.sha256 in self.baseline.sets

    @cached_property
    def baseline_vectors(self) -> list[Vectors]:
        """The baseline's vectors of each part. They are computed when first needed."""
        if self.baseline is None:
            raise ValueError(self.no_baseline)
        return self.baseline.embed(self.labelled)


def over_folder(encoder: Encoder, labelled: L, passages: Any, tokenizer: Tokenizer) -> Embedded[L]:
    """Return a retrieval set whose passages have their vectors in a folder. Only its queries are encoded.

    passages: the vectors, (P, D) in blocks (see metrics/ranking.py).
    """
    queries = labelled.parts[0]
    why = "the passages' vectors come from a folder, and the baseline has none there"
    return Embedded(
        labelled, lambda: [embed_part(encoder, queries), passages], None, why, None, tokenizer.tokenize
    )
