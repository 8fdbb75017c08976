"""The proof once more, with vectors alone: ``python -m tests.faults.black_box function`` (make black-box).

Every fault of the library, and every harmless variant, is judged through a function from texts to vectors
(``function``), or through a server of the library (``server``). So this says what the gate sees of another
library, and of a server. Faults of the measurements are left out: they have no vectors.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping

from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import Outcome, Through, judged

__all__ = ["lines_of"]


def main() -> None:
    """Judge all of them, and print what died, what survived, and what raised a false alarm.

    The checks that are named for a fault come first. Only a fault that survives them is judged by all checks.
    """
    parser = argparse.ArgumentParser(description="judge every fault of the library by its vectors alone")
    parser.add_argument("through", choices=("function", "server"), help="what the library stands behind")
    through = parser.parse_args().through
    chosen = [fault for fault in (*FAULTS, *BENIGN) if fault.where != "time"]
    outcomes = _judged([fault.name for fault in chosen], through, named_only=True)
    survivors = [fault.name for fault in chosen if not fault.benign and not outcomes[fault.name].red]
    outcomes |= _judged(survivors, through, named_only=False)
    print(*lines_of(chosen, outcomes, through), sep="\n")


def _judged(names: Iterable[str], through: Through, *, named_only: bool) -> dict[str, Outcome]:
    with judged([(name, 0) for name in names], named_only=named_only, through=through) as futures:
        return {name: future.result() for (name, _), future in futures.items()}


def lines_of(faults: Iterable[Fault], outcomes: Mapping[str, Outcome], through: Through) -> list[str]:
    """Return what is printed. Survivors stand by what a fault changes, and by its cause."""
    faults = list(faults)
    bad = [fault for fault in faults if not fault.benign]
    survived = [fault for fault in bad if not outcomes[fault.name].red]
    alarms = [fault for fault in faults if fault.benign and outcomes[fault.name].red]
    lines = [
        f"  {len(bad) - len(survived)} of {len(bad)} faults killed through a {through}, "
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
