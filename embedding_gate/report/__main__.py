"""Puts the reports of several runs of one tree onto one page: python -m embedding_gate.report DIR FILE..."""

import argparse
import sys
from pathlib import Path

from embedding_gate.errors import GateError
from embedding_gate.report.record import merged, read_record
from embedding_gate.report.write import write_report


def main() -> int:
    """Write page, Markdown and JSON; return 1 where reports are missing or do not belong together."""
    parser = argparse.ArgumentParser(prog="python -m embedding_gate.report", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write report.html, .md and .json")
    parser.add_argument("reports", metavar="FILE", type=Path, nargs="+", help="report.json of a run")
    asked = parser.parse_args()
    try:
        files = write_report(asked.folder, merged([read_record(path) for path in asked.reports]))
    except GateError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"report: {', '.join(path.name for path in files)} in {asked.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
