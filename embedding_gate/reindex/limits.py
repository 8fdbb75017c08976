"""Reads the limits of the verdict: ``fixtures/reindex.toml``."""

import math
from functools import cache
from pathlib import Path

import msgspec

from embedding_gate.errors import FixtureError
from embedding_gate.own_files import FIXTURES

__all__ = ["Limits", "limits", "read_limits"]

VERSION = 1
LOOSEST = 10.0  # times: a limit further from its measurement judges nothing


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit, and the measurement that it was set from."""

    at_most: float
    measured: float
    source: str
    dtype: str = ""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far weights in some bits move vectors: the median of 1 - cosine, of each measured model."""

    bits: int
    apart: list[float]


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What noise looks like. fixtures/reindex.toml explains each key."""

    small: float
    spread_small: float
    most: float
    spread: float
    common: float
    aligned: float
    source: str
    curve: list[Point]

    def bits_of(self, apart: float) -> int:
        """Return the bits of the weights whose noise is nearest to a median of 1 - cosine, by their ratio."""

        def far(point: Point) -> float:
            return abs(math.log(max(apart, 1e-12)) - sum(map(math.log, point.apart)) / len(point.apart))

        return min(self.curve, key=far).bits


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits. The head of fixtures/reindex.toml explains them."""

    version: int
    same: list[Limit]
    margin: Limit
    noise: Noise

    def same_of(self, *dtypes: str | None) -> float:
        """Return the limit of the coarsest of some precisions; one that nobody tells counts as float32."""
        known = {of.dtype: of.at_most for of in self.same}
        return max(known.get(dtype or "float32", known["float32"]) for dtype in dtypes)


def read_limits(path: Path) -> Limits:
    """Read the limits.

    Raises:
        FixtureError: the file is missing or malformed, or a limit is none of its measurement.

    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Limits)
    except OSError as error:
        raise FixtureError(path, f"cannot be read ({error.strerror})", hint="restore the file") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise FixtureError(path, f"is malformed ({error})", hint="restore the file") from error
    if found.version != VERSION or "float32" not in {of.dtype for of in found.same}:
        raise FixtureError(path, f"is no version {VERSION} with float32", hint="restore the file")
    for one in (*found.same, found.margin):
        if not one.measured <= one.at_most <= LOOSEST * one.measured:
            what = f"{one.at_most:g} is no limit of the measurement {one.measured:g}"
            raise FixtureError(path, what, hint=f"set it to at most {LOOSEST:g} times the measurement")
    return found


@cache
def limits() -> Limits:
    """Return the gate's limits."""
    return read_limits(FIXTURES / "reindex.toml")
