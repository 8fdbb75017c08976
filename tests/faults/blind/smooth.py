"""Perturbations that are functions of the vector alone: what another, worse model might give."""

from collections.abc import Callable, Iterator

import numpy as np

from embedding_gate.metrics import resampling
from tests.faults.blind.world import Change, Family, Floats, World

__all__ = ["families"]
KEPT = 48  # components that the search scales
SEARCHED = 60  # steps of it
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
    """Draw normal numbers with variance 1 / D, so that a row has a length of about 1."""
    width = world.every.shape[1]
    return np.asarray(np.random.default_rng(seed).normal(size=(*shape, width)) / np.sqrt(width))


def rotation(world: World, strength: float, seed: int) -> Change:
    """Turn by an angle in D / 2 random planes: harmless, whatever the angle."""
    basis = np.linalg.qr(draw(world, seed, world.every.shape[1]))[0]
    half, (c, s) = len(basis) // 2, (np.cos(strength), np.sin(strength))
    one, other = basis[:half], basis[half : 2 * half]
    turned = np.concatenate([c * one + s * other, c * other - s * one, basis[2 * half :]])
    return linear(basis.T @ turned)


def along_axes(world: World, scale: Floats) -> Change:
    """Scale the principal components by (D,)."""
    return linear(world.axes.T * scale @ world.axes)


def shrunk(which: slice) -> Callable[[World, float, int], Change]:
    """Shrink some principal components: a strength of 1 takes them out."""

    def make(world: World, strength: float, _: int) -> Change:
        scale = np.ones(len(world.axes))
        scale[which] -= strength
        return along_axes(world, scale)

    return make


def steeper(world: World, strength: float, _: int) -> Change:
    """Scale each principal component by a power of its deviation; a power of -1 whitens."""
    deviation = (world.every @ world.axes.T).std(axis=0)
    return along_axes(world, (np.maximum(deviation, 1e-3) / deviation[0]) ** strength)


def pulled(world: World, strength: float, _: int) -> Change:
    """Add the mean vector."""
    return lambda __, vectors: vectors + strength * world.every.mean(axis=0)


def constant(world: World, strength: float, seed: int) -> Change:
    """Add one random direction to all."""
    return lambda _, vectors: vectors + strength * draw(world, seed)


def sheared(world: World, strength: float, seed: int) -> Change:
    """Add one random direction as far as a vector lies along another."""
    along, to = draw(world, seed, 2)
    return lambda _, vectors: vectors + strength * np.outer(vectors @ along, to) * len(to) ** 0.5


def to_the_queries(world: World, strength: float, _: int) -> Change:
    """Pull every passage to the mean query as far as it lies there: a few come first for all."""
    hub = world.vectors["queries"].mean(axis=0)
    hub /= np.linalg.norm(hub)
    return lambda __, vectors: vectors + strength * np.outer(vectors @ hub, hub)


def scales(world: World, strength: float, seed: int) -> Change:
    """Scale each dimension by a factor drawn for it."""
    width = world.every.shape[1]
    return linear(np.diag(np.exp(strength * draw(world, seed) * np.sqrt(width))))


def dropped(world: World, strength: float, seed: int) -> Change:
    """Set so many dimensions to 0."""
    gone = np.random.default_rng(seed).permutation(world.every.shape[1])[: int(strength)]
    return lambda _, vectors: np.where(np.isin(np.arange(vectors.shape[1]), gone), 0.0, vectors)


def mixed_map(world: World, strength: float, seed: int) -> Change:
    """Add a random linear map of the vector: noise that is alike for texts that are."""
    width = world.every.shape[1]
    return linear(np.eye(width) + strength * draw(world, seed, width))


def searched(world: World, strength: float, seed: int) -> Change:
    """Scale the first principal components so as to lose most, by a (1 + 1) evolution strategy.

    What it climbs is the loss of nDCG@10, less ten times what the paired bootstrap would be sure of.
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
