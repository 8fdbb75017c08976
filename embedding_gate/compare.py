"""Measures models side by side (``--compare``)."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from embedding_gate.described import bits_and_bytes
from embedding_gate.own_files import Options
from embedding_gate.reindex.side_by_side import Cost, Figure, Side, side_by_side
from embedding_gate.snapshots import of_subject, own_canaries
from embedding_gate.subjects.live import Subject
from embeddings.embedder import Embedder

__all__ = ["compare"]

ROUNDS = 6  # of encoding: the least and the most enclose the median with 1 - 2 / 2^6 = 97 %
TEXTS = 64  # passages of a round


def compare(judged: Mapping[str, Subject], options: Options) -> list[Side]:
    """Compare live models of the library with the first. Rounds of encoding take turns."""
    short = {name: Path(name).name for name in judged}
    if len(set(short.values())) < len(short):
        short = {name: name for name in judged}
    canaries = own_canaries(options)
    texts = list(canaries.parts["passages"].texts)[:TEXTS]
    encoders = {name: cast("Embedder", subject.whole) for name, subject in judged.items()}
    tokens = {name: int(encoder.count_tokens(texts).sum()) for name, encoder in encoders.items()}
    taken = {name: of_subject(subject, canaries) for name, subject in judged.items()}  # warms each up too
    rounds: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(ROUNDS):
        for name, encoder in encoders.items():
            start = time.perf_counter()
            encoder.encode(texts)
            rounds[name].append(tokens[name] / (time.perf_counter() - start))
    return side_by_side(
        [
            (short[name], _cost(encoders[name], rounds[name], random=judged[name].random), snapshot)
            for name, snapshot in taken.items()
        ]
    )


def _cost(encoder: Embedder, rounds: list[float], *, random: bool) -> Cost:
    bits, size = bits_and_bytes(encoder)
    return Cost(bits, size / 1e6, Figure(float(np.median(rounds)), min(rounds), max(rounds)), random)
