"""Perturbations that depend only on the vector: what another, worse model might return."""

from collections.abc import Callable, Iterator

import numpy as np

from embedding_gate.metrics import resampling
from tests.faults.blind.world import Change, Family, Floats, World

__all__ = ["families"]
KEPT = 48  # principal components that the search scales
SEARCHED = 60  # steps of the search
NOTHING = np.zeros(resampling.DRAWS)


def families() -> Iterator[Family]:
    """Yield every family."""
    yield Family("rotation", rotation, np.pi, seeds=2)
    for count in (1, 8, 64):
        name = f"first {count} principal components shrunk" if count > 1 else "first principal axis shrunk"
        yield Family(name, shrunk(slice(count)), 1)
    yield Family("weak principal components shrunk", shrunk(slice(64, None)), 1)
    yield Family("spectrum made steeper", steeper, 16)
    yield Family("spectrum made flatter", lambda world, s, seed: steeper(world, -s, seed), 1)
    yield Family("pulled to the mean", pulled, 40)
    yield Family("pushed from the mean", lambda world, s, seed: pulled(world, -s, seed), 40)
    yield Family("pulled to a random direction", constant, 10, seeds=3)
    yield Family("sheared, rank 1", sheared, 8, seeds=3)
    yield Family("sheared to the mean query", to_the_queries, 8)
    yield Family("scales of dimensions", scales, 3, seeds=3)
    yield Family("dimensions dropped", dropped, 380, counted=True, seeds=2)
    yield Family("another linear map mixed in", mixed_map, 16, seeds=3)
    yield Family("rounded to steps", lambda _, s, __: lambda ___, v: np.rint(v / s) * s, 0.3)
    yield Family("large components cut", lambda _, s, __: lambda ___, v: np.clip(v, -1 / s, 1 / s), 1000)
    yield Family("scales of principal axes, searched for harm", searched, 4, seeds=2)


def linear(matrix: Floats) -> Change:
    """Multiply every vector by a matrix (D, D)."""
    return lambda _, vectors: vectors @ matrix


def draw(world: World, seed: int, *shape: int) -> Floats:
    """Draw normal numbers with variance 1 / D. A row then has a length of about 1."""
    width = world.every.shape[1]
    return np.asarray(np.random.default_rng(seed).normal(size=(*shape, width)) / np.sqrt(width))


def rotation(world: World, strength: float, seed: int) -> Change:
    """Rotate by an angle in D / 2 random planes. This is harmless for every angle."""
    basis = np.linalg.qr(draw(world, seed, world.every.shape[1]))[0]
    half, (c, s) = len(basis) // 2, (np.cos(strength), np.sin(strength))
    one, other = basis[:half], basis[half : 2 * half]
    turned = np.concatenate([c * one + s * other, c * other - s * one, basis[2 * half :]])
    return linear(basis.T @ turned)


def along_axes(world: World, scale: Floats) -> Change:
    """Scale the principal components by factors (D,)."""
    return linear(world.axes.T * scale @ world.axes)


def shrunk(which: slice) -> Callable[[World, float, int], Change]:
    """Shrink some principal components. A strength of 1 removes them."""

    def make(world: World, strength: float, _: int) -> Change:
        scale = np.ones(len(world.axes))
        scale[which] -= strength
        return along_axes(world, scale)

    return make


def steeper(world: World, strength: float, _: int) -> Change:
    """Scale each principal component by a power of its standard deviation. A power of -1 whitens."""
    deviation = (world.every @ world.axes.T).std(axis=0)
    return along_axes(world, (np.maximum(deviation, 1e-3) / deviation[0]) ** strength)


def pulled(world: World, strength: float, _: int) -> Change:
    """Add the mean vector to every vector."""
    return lambda __, vectors: vectors + strength * world.every.mean(axis=0)


def constant(world: World, strength: float, seed: int) -> Change:
    """Add one random direction to every vector."""
    return lambda _, vectors: vectors + strength * draw(world, seed)


def sheared(world: World, strength: float, seed: int) -> Change:
    """Add one random direction to each vector, scaled by the vector's component along another."""
    along, to = draw(world, seed, 2)
    return lambda _, vectors: vectors + strength * np.outer(vectors @ along, to) * len(to) ** 0.5


def to_the_queries(world: World, strength: float, _: int) -> Change:
    """Pull each passage to the mean query, near ones more: a few passages then rank first for all queries."""
    hub = world.vectors["queries"].mean(axis=0)
    hub /= np.linalg.norm(hub)
    return lambda __, vectors: vectors + strength * np.outer(vectors @ hub, hub)


def scales(world: World, strength: float, seed: int) -> Change:
    """Scale each dimension by its own random factor."""
    width = world.every.shape[1]
    return linear(np.diag(np.exp(strength * draw(world, seed) * np.sqrt(width))))


def dropped(world: World, strength: float, seed: int) -> Change:
    """Set the given number of dimensions to 0."""
    gone = np.random.default_rng(seed).permutation(world.every.shape[1])[: int(strength)]
    return lambda _, vectors: np.where(np.isin(np.arange(vectors.shape[1]), gone), 0.0, vectors)


def mixed_map(world: World, strength: float, seed: int) -> Change:
    """Add a random linear map of the vector: similar texts get similar noise."""
    width = world.every.shape[1]
    return linear(np.eye(width) + strength * draw(world, seed, width))


def searched(world: World, strength: float, seed: int) -> Change:
    """Scale the first principal components for the largest loss, by a (1 + 1) evolution strategy.

    It maximises the loss of nDCG@10 minus ten times the loss that the paired bootstrap is sure of.
    """
    random, found = np.random.default_rng(seed), np.zeros(KEPT)

    def change(logs: Floats) -> Change:
        return along_axes(world, np.exp(np.pad(logs, (0, len(world.axes) - KEPT))))

    def fitness(logs: Floats) -> float:
        losses = world.losses(change(logs))
        return float(losses.mean()) - 10 * resampling.surely_worse(resampling.draw_means(-losses), NOTHING)

    best, step = fitness(found), strength / 4
    for _ in range(SEARCHED):
        tried = np.clip(found + step * random.normal(size=KEPT), -strength, strength)
        if (of := fitness(tried)) > best:
            found, best, step = tried, of, step * 1.5
        else:
            step *= 0.9
    return change(found)
