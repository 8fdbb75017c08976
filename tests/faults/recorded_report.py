"""Writes the report of the recorded proof, without a run: python -m tests.faults.recorded_report DIR."""

import sys
from pathlib import Path

from embedding_gate.report.plugin import made
from embedding_gate.report.record import make_record
from embedding_gate.report.write import write_report
from embedding_gate.verdicts.diagnosis import read_signatures
from tests.faults.power import as_data, rows_of
from tests.faults.signatures import PROOF, as_outcome


def main(folder: Path) -> None:
    """Write the page of the recorded proof, which has the faults alone and no harmless variant."""
    rows = rows_of(map(as_outcome, read_signatures(PROOF)))
    matrix = {**as_data(rows), "gates": []}  # false alarms are not recorded
    for fault in matrix["faults"]:
        del fault["runs"]
    command = f"python -m tests.faults.recorded_report {folder}"
    record = make_record(made(command), [{"kill_matrix": matrix}], passed=all(row.red() for row in rows))
    write_report(folder, record)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
