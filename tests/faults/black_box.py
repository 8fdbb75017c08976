"""The proof once more, with vectors alone: ``python -m tests.faults.black_box`` (make black-box).

Every fault of the library, and every harmless variant, is judged through a function from texts to vectors. So
this says what the gate sees of another library. Faults of the measurements are left out: they have no
vectors.
"""

from collections import defaultdict
from collections.abc import Iterable

from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import Outcome, judged

__all__ = ["lines_of"]


def main() -> None:
    """Judge all of them, and print what died, what survived, and what raised a false alarm.

    The checks that are named for a fault come first. Only a fault that survives them is judged by all checks.
    """
    chosen = [fault for fault in (*FAULTS, *BENIGN) if fault.where != "time"]
    outcomes = _judged([fault.name for fault in chosen], named_only=True)
    survivors = [fault.name for fault in chosen if not fault.benign and not outcomes[fault.name].red]
    outcomes |= _judged(survivors, named_only=False)
    print(*lines_of(chosen, outcomes), sep="\n")


def _judged(names: Iterable[str], *, named_only: bool) -> dict[str, Outcome]:
    with judged([(name, 0) for name in names], named_only=named_only, bare=True) as futures:
        return {name: future.result() for (name, _), future in futures.items()}


def lines_of(faults: Iterable[Fault], outcomes: dict[str, Outcome]) -> list[str]:
    """Return what is printed. Survivors stand by what a fault changes, and by its cause."""
    faults = list(faults)
    bad = [fault for fault in faults if not fault.benign]
    survived = [fault for fault in bad if not outcomes[fault.name].red]
    alarms = [fault for fault in faults if fault.benign and outcomes[fault.name].red]
    lines = [
        f"  {len(bad) - len(survived)} of {len(bad)} faults killed by vectors alone, "
        f"{len(alarms)} of {len(faults) - len(bad)} false alarms"
    ]
    by_cause: dict[str, list[str]] = defaultdict(list)
    for fault in survived:
        by_cause[fault.cause].append(f"{fault.name} (needs {', '.join(fault.killers)})")
    lines += [f"  survived, {cause}: {'; '.join(names)}" for cause, names in sorted(by_cause.items())]
    for fault in alarms:
        lines.append(f"  FALSE ALARM: {fault.name}: {', '.join(sorted(outcomes[fault.name].checks))}")
    return lines


if __name__ == "__main__":
    main()
