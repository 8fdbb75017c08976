"""The proof once more, with vectors alone: ``python -m tests.faults.black_box`` (make black-box).

Every fault of the library, and every harmless variant, is judged through a function from texts to vectors. So
this says what the gate sees of another library. Faults of the measurements are left out: they have no
vectors.
"""

from collections import defaultdict
from collections.abc import Iterable

from embedding_gate import own_files
from embedding_gate.verdicts.diagnosis import read_signatures
from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import Outcome, judged
from tests.faults.signatures import named, signature_of

__all__ = ["lines_of"]


def main() -> None:
    """Judge all of them, and print what died, what survived, and what raised a false alarm."""
    chosen = [fault for fault in (*FAULTS, *BENIGN) if fault.where != "time"]
    with judged([(fault.name, 0) for fault in chosen], bare=True) as futures:
        outcomes = {name: future.result() for (name, _), future in futures.items()}
    print(*lines_of(chosen, outcomes), sep="\n")


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
    killed = [signature_of(outcomes[fault.name]) for fault in bad if fault not in survived]
    known = read_signatures(own_files.SIGNATURES)
    return lines + [named(killed, known, left_out=left_out).lines[0] for left_out in (False, True)]


if __name__ == "__main__":
    main()
