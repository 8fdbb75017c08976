"""Perturbations that depend on the text: noise seeded by it, vectors of other texts, harm to chosen queries.

A text is recognised in one of two ways. The first is by its letters and digits, however it is written: a
check that edits a text then meets the same fault again. The second is by its exact text only: this is like
a stale or mixed-up entry of a cache.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.similarity import unit
from tests.faults.blind.smooth import constant, mixed_map
from tests.faults.blind.world import Change, Family, Floats, Make, World, key

__all__ = ["families"]

Name = Callable[[str], str]  # returns the key by which a text is recognised
KNOWN: dict[str, Name] = {"": key, ", by exact text": str}


def families() -> Iterator[Family]:
    """Yield every family."""
    for how, name in KNOWN.items():
        yield Family(f"noise{how}", noise(name), 4, seeds=2)
        yield Family(f"mixed with another text{how}", mixed(name), 1, seeds=2)
        yield Family(f"queries lost, worst first{how}", lost(name), 63, counted=True)
        yield Family(f"answers lost, worst first{how}", answers_lost(name), 63, counted=True)
        yield Family(f"answers exchanged with their rivals{how}", exchanged(name), 63, counted=True)
        for kind in ("queries", "passages"):
            yield Family(f"some {kind} exchanged{how}", some_exchanged(kind, name), 63, counted=True, seeds=2)
    for kind in ("queries", "passages"):
        yield Family(f"noise in {kind} alone", only(kind, noise(key)), 4, seeds=2)
        yield Family(f"{kind} alone pulled to a direction", only(kind, constant), 10, seeds=2)
        yield Family(f"{kind} alone turned", only(kind, mixed_map), 16, seeds=2)
    yield Family("noise in long texts", long_noise, 4, seeds=2)
    yield Family("queries turned to the rivals of their answers", to_rivals, 1)
    yield Family("answers turned from their queries", from_queries, 2)
    yield Family("every component by as much, against the answers", component_wise, 0.1)
    yield Family("queries turned until they lose, cheapest first", cheapest, 63, counted=True)


def noise_of(text: str, seed: int, width: int) -> Floats:
    """Return a random unit vector (D,), the same each time for the same text."""
    digest = sha256(f"{seed}:{text}".encode()).digest()
    drawn = np.random.default_rng(int.from_bytes(digest[:8], "big")).normal(size=width)
    return np.asarray(drawn / np.linalg.norm(drawn))


def noise(name: Name) -> Make:
    """Add a random vector to each text's vector. Its length is the strength."""

    def make(_: World, strength: float, seed: int) -> Change:
        def change(texts: Sequence[str], vectors: Floats) -> Floats:
            drawn = [noise_of(name(text), seed, vectors.shape[1]) for text in texts]
            return vectors + strength * np.array(drawn)

        return change

    return make


def only(kind: str, make: Make) -> Make:
    """Change only the texts of one set."""

    def made(world: World, strength: float, seed: int) -> Change:
        right, kinds = make(world, strength, seed), world.kinds

        def change(texts: Sequence[str], vectors: Floats) -> Floats:
            of = np.array([kinds.get(key(text)) == kind for text in texts])
            return np.where(of[:, None], right(texts, vectors), vectors)

        return change

    return made


def long_noise(world: World, strength: float, seed: int) -> Change:
    """Add noise to texts of more than 100 characters."""
    right = noise(key)(world, strength, seed)

    def change(texts: Sequence[str], vectors: Floats) -> Floats:
        of = np.array([len(key(text)) > 100 for text in texts])
        return np.where(of[:, None], right(texts, vectors), vectors)

    return change


def replaced(by: dict[str, Floats], name: Name) -> Change:
    """Replace the vectors (D,) of some texts."""
    return lambda texts, vectors: np.array(
        [by.get(name(text), row) for text, row in zip(texts, vectors, strict=True)]
    )


def mixed(name: Name) -> Make:
    """Mix every vector with the vector of another text, drawn at random."""

    def make(world: World, strength: float, seed: int) -> Change:
        def change(texts: Sequence[str], vectors: Floats) -> Floats:
            rows = [int(sha256(f"{seed}:{name(text)}".encode()).hexdigest(), 16) for text in texts]
            others = world.every[[row % len(world.every) for row in rows]]
            return (1 - strength) * vectors + strength * others

        return change

    return make


def some_exchanged(kind: str, name: Name) -> Callable[[World, float, int], Change]:
    """Exchange the vectors of the given number of random texts of a set, in a ring."""

    def make(world: World, strength: float, seed: int) -> Change:
        rows = np.random.default_rng(seed).permutation(len(world.texts[kind]))[: int(strength) + 1]
        taken = zip(rows, np.roll(rows, 1), strict=True)
        return replaced({name(world.texts[kind][a]): world.vectors[kind][b] for a, b in taken}, name)

    return make


def worst_first(losses: Floats, count: float) -> NDArray[np.int64]:
    """Return the indices of the ``count`` queries that lose most, the largest loss first."""
    return np.argsort(-losses, kind="stable")[: int(count)]


def lost(name: Name) -> Make:
    """Negate the vectors of some queries. The queries that were answered best come first."""

    def make(world: World, strength: float, _: int) -> Change:
        texts, vectors = world.texts["queries"], world.vectors["queries"]
        return replaced({name(texts[row]): -vectors[row] for row in worst_first(world.right, strength)}, name)

    return make


def answers_lost(name: Name) -> Make:
    """Negate the vectors of the best answers of some queries."""

    def make(world: World, strength: float, _: int) -> Change:
        texts, vectors = world.texts["passages"], world.vectors["passages"]
        rows = world.answers[worst_first(world.right, strength)]
        return replaced({name(texts[row]): -vectors[row] for row in rows}, name)

    return make


def exchanged(name: Name) -> Make:
    """Exchange the vectors of some queries' best answers with those of their rivals."""

    def make(world: World, strength: float, _: int) -> Change:
        texts, vectors = world.texts["passages"], world.vectors["passages"]
        by: dict[str, Floats] = {}
        for row in worst_first(world.right, strength):
            answer, rival = world.answers[row], world.rivals[row]
            by |= {name(texts[answer]): vectors[rival], name(texts[rival]): vectors[answer]}
        return replaced(by, name)

    return make


def to_rivals(world: World, strength: float, _: int) -> Change:
    """Move every query towards the nearest passage that does not answer it."""
    texts, vectors = world.texts["queries"], world.vectors["queries"]
    aims = (1 - strength) * vectors + strength * world.vectors["passages"][world.rivals]
    return replaced(dict(zip(map(key, texts), aims, strict=True)), key)


def from_queries(world: World, strength: float, _: int) -> Change:
    """Move every best answer away from its query."""
    queries, passages = world.vectors["queries"], world.vectors["passages"]
    by = {
        key(world.texts["passages"][answer]): passages[answer] - strength * query
        for answer, query in zip(world.answers, queries, strict=True)
    }
    return replaced(by, key)


def component_wise(world: World, strength: float, _: int) -> Change:
    """Move every component of the passages by the strength, in the direction that does most harm.

    A passage that answers a query moves away from it. Other passages move towards the nearest query.
    This is the worst case that a threshold on the largest difference of a component lets through.
    """
    queries, passages = world.vectors["queries"], world.vectors["passages"]
    signs = np.sign(queries[np.argmax(passages @ queries.T, axis=1)])
    for query, passage in zip(world.retrieval.query_rows, world.retrieval.passage_rows, strict=True):
        signs[passage] = -np.sign(queries[query])
    by = dict(zip(map(key, world.texts["passages"]), passages + strength * signs, strict=True))
    return replaced(by, key)


def cheapest(world: World, strength: float, _: int) -> Change:
    """Move the given number of queries towards their rivals, each only as far as the loss grows.

    The queries that lose most per distance come first.
    """
    queries, aims = world.vectors["queries"], world.vectors["passages"][world.rivals]
    ways = np.linspace(0.02, 0.6, 30)
    at = [unit((1 - way) * queries + way * aims) for way in ways]
    losses = np.array([world.right - world.ndcg(turned, world.vectors["passages"]) for turned in at])
    worth = losses / ways[:, None]
    rows = worst_first(worth.max(axis=0), strength)
    best = worth.argmax(axis=0)
    return replaced({key(world.texts["queries"][row]): at[best[row]][row] for row in rows}, key)
