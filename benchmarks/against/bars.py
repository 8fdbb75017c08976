"""How much slower a tree may be: ``fixtures/against.toml``."""

import tomllib
from collections.abc import Collection
from pathlib import Path

from embedding_gate.errors import FixtureError

__all__ = ["FILE", "binding_bars", "read_bars"]

FILE = Path("fixtures") / "against.toml"


def read_bars(path: Path, benchmarks: Collection[str]) -> dict[str, float]:
    """Return the bar of each benchmark: the share of time that it may take more.

    Raises:
        FixtureError: the file is missing or malformed, or a bar is of no benchmark, or not between 0 and 1.

    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        default, own = content.pop("default"), content.pop("bars", {})
        if unknown := [*content, *(own.keys() - set(benchmarks))]:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}")
        bars = {name: float(own.get(name, default)) for name in benchmarks}
        if wide := [name for name, bar in bars.items() if not 0 < bar < 1]:
            raise ValueError(f"the bar of {wide[0]} must lie between 0 and 1")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FixtureError(path, f"malformed ({error!r})", mend="restore the file") from error
    return bars


def binding_bars(base: Path, own: Path, benchmarks: Collection[str]) -> tuple[dict[str, float], list[str]]:
    """Return the bars of the base tree, or of one's own where it has none, and what the reader must know.

    Raises:
        FixtureError: as for ``read_bars``.

    """
    ours = read_bars(own / FILE, benchmarks)
    if not (base / FILE).is_file():
        return ours, [f"{FILE} is new: its own bars bind"]
    theirs = read_bars(base / FILE, benchmarks)
    changed = [name for name in benchmarks if ours[name] != theirs[name]]
    return theirs, [
        f"{FILE} changed ({', '.join(changed)}): the other revision's bars bind"
    ] if changed else []
