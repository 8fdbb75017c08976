"""The thresholds for how much slower a tree may be: ``fixtures/against.toml``."""

import tomllib
from collections.abc import Collection
from pathlib import Path

from embedding_gate.errors import FixtureError

__all__ = ["FILE", "binding_thresholds", "read_thresholds"]

FILE = Path("fixtures") / "against.toml"


def read_thresholds(path: Path, benchmarks: Collection[str]) -> dict[str, float]:
    """Return the threshold of each benchmark: the share by which its time may be larger.

    Raises:
        FixtureError: the file is missing or malformed, or a threshold names an unknown benchmark, or a
            threshold is not between 0 and 1.

    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        named = "thresholds" if "thresholds" in content else "bars"  # the name in older revisions
        default, own = content.pop("default"), content.pop(named, {})
        if unknown := [*content, *(own.keys() - set(benchmarks))]:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}")
        thresholds = {name: float(own.get(name, default)) for name in benchmarks}
        if wide := [name for name, threshold in thresholds.items() if not 0 < threshold < 1]:
            raise ValueError(f"the threshold of {wide[0]} must lie between 0 and 1")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint="restore the file") from error
    return thresholds


def binding_thresholds(
    base: Path, own: Path, benchmarks: Collection[str]
) -> tuple[dict[str, float], list[str]]:
    """Return the thresholds that apply, and notes for the reader.

    The thresholds of the base tree apply if it has the file, otherwise those of this tree.

    Raises:
        FixtureError: as for ``read_thresholds``.

    """
    ours = read_thresholds(own / FILE, benchmarks)
    if not (base / FILE).is_file():
        return ours, [f"{FILE} is new: its own thresholds bind"]
    theirs = read_thresholds(base / FILE, benchmarks)
    changed = [name for name in benchmarks if ours[name] != theirs[name]]
    return theirs, [
        f"{FILE} changed ({', '.join(changed)}): the other revision's thresholds bind"
    ] if changed else []
