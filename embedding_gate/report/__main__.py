"""Puts the reports of several runs of one tree onto one page: python -m embedding_gate.report DIR FILE..."""

import argparse
import json
import sys
from pathlib import Path

from embedding_gate.errors import GateError
from embedding_gate.report.record import merged, read_record
from embedding_gate.report.schema.record import json_schema
from embedding_gate.report.write import write_report


class PrintSchema(argparse.Action):
    """--schema: print the JSON Schema of report.json, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it."""
        print(json.dumps(json_schema(), indent=1))
        parser.exit()


def main() -> int:
    """Write page, Markdown and JSON; return 1 where reports are missing or do not belong together."""
    parser = argparse.ArgumentParser(prog="python -m embedding_gate.report", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write report.html, .md and .json")
    parser.add_argument("reports", metavar="FILE", type=Path, nargs="+", help="report.json of a run")
    parser.add_argument(
        "--schema", action=PrintSchema, nargs=0, help="print the JSON Schema of report.json, and end"
    )
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
