"""Takes snapshots of whatever can be judged, and compares what is judged with one, or with another model."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import embeddings
from embedding_gate.adapter import name_of, precision_of, source_of
from embedding_gate.clients import connect
from embedding_gate.data.sets import Sets
from embedding_gate.described import identity_of
from embedding_gate.endpoint import is_address
from embedding_gate.own_files import Options, hashes, own_texts, sets, texts
from embedding_gate.reindex.canaries import Canaries, canaries_of, of_rows
from embedding_gate.reindex.reindex import Reindex
from embedding_gate.reindex.snapshot import Snapshot, read_snapshot
from embedding_gate.reindex.take import canaries_for, take
from embedding_gate.reindex.verdict import judge
from embedding_gate.subjects.black_box import BlackBox
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.recorded import read_recorded
from embeddings.embedder import Embedder

__all__ = ["compared", "compared_recorded", "of_model", "of_recorded", "of_subject", "own_canaries"]


def own_canaries(options: Options) -> Canaries:
    """Return the canaries of a run: the gate's texts, or the user's, of which only a hash is written."""
    return canaries_of(*own_texts(options))


def of_subject(subject: Subject, canaries: Canaries) -> Snapshot:
    """Take a snapshot of a model that was opened to be judged."""
    if not subject.claimant:
        whole = cast("Embedder", subject.whole)
        return take(subject.name, whole, canaries, **identity_of(whole, subject.precision))
    box = cast("BlackBox", subject.encoder)
    return take(subject.name, box, canaries, prompts=dict(box.written))


def of_model(named: str, options: Options, canaries: Canaries, *, prompts: Mapping[str, str]) -> Snapshot:
    """Take a snapshot of a model by its name or folder, or of a server by its address.

    prompts: that the judge writes before the texts of a server.

    Raises:
        GateError: it cannot be opened, or gives no vectors.
        EmbeddingsError: the library cannot load it.

    """
    if not is_address(named):
        encoder = embeddings.load(named, precision=options.precision)
        return take(name_of(named), encoder, canaries, **identity_of(encoder, precision_of(named, options)))
    client = connect(replace(options, subject=named), options.served_as or "", Path())
    try:
        return take(named, BlackBox(client, prompts, 1), canaries, prompts=dict(prompts))
    finally:
        client.close()


def of_recorded(folder: Path, name: str) -> Snapshot:
    """Return recorded vectors as a snapshot: it has texts by topic alone."""
    topics, vectors = read_recorded(folder, name)
    none = of_rows({}).sets
    own = topics.sha256 not in hashes(sets())
    canaries = canaries_of(texts(), Sets(topics, none.pairs, none.retrieval), own, only=("topics",))
    return take(name, _Known(vectors), canaries)


class _Known:
    """An encoder of which all vectors are known: it gives them in order."""

    prompts: frozenset[str] = frozenset()

    def __init__(self, vectors: Any) -> None:
        self.dimension, self._rest = vectors.shape[1], vectors

    def encode(self, some: Any, **_: Any) -> Any:
        given, self._rest = self._rest[: len(some)], self._rest[len(some) :]
        return given


def compared(subject: Subject, options: Options) -> Reindex | None:
    """Return the comparison that the options ask for, or None.

    Raises:
        GateError: the snapshot cannot be read, or the other model cannot be opened.

    """
    if options.snapshot is not None:
        old = read_snapshot(options.snapshot)
        canaries = canaries_for(old, lambda: own_canaries(options))
        return Reindex(
            f"--snapshot={options.snapshot}",
            lambda: judge(old, of_subject(subject, canaries)),
            options.at_worst,
        )
    if options.against_model is None:
        return None
    named = options.against_model
    canaries = own_canaries(options)
    if not is_address(named):
        source_of(named), name_of(named)  # what is not there is told before anything is encoded
    prompts = getattr(subject.encoder, "written", {}) if subject.claimant else _prompts(subject)

    def compare() -> Any:
        return judge(of_model(named, options, canaries, prompts=prompts), of_subject(subject, canaries))

    return Reindex(f"--against-model={named}", compare, options.at_worst)


def _prompts(subject: Subject) -> Mapping[str, str]:
    return dict(cast("Embedder", subject.whole).recipe.prompts)


def compared_recorded(folder: Path, name: str, options: Options) -> Reindex | None:
    """Return the comparison of recorded vectors with a snapshot, or None.

    Raises:
        GateError: the snapshot cannot be read.

    """
    if options.snapshot is None:
        return None
    old = read_snapshot(options.snapshot)
    return Reindex(
        f"--snapshot={options.snapshot}", lambda: judge(old, of_recorded(folder, name)), options.at_worst
    )
