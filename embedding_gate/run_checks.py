"""The gate from any folder, without a checkout: ``embedding-gate [MODEL ...] [options]``."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from embedding_gate.command_line import FILES

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
# Options whose value may follow after a space. pytest would take the value for a path of tests.
VALUES = {
    **FILES,
    "--baseline": "the model that the judged one must not be worse than, or none",
    "--origin": "compare with this model, which the judged one was fine-tuned or quantized from",
    "--against-model": "compare with the vectors of this model: may both stand in one index?",
    "--subject": "judge python:MODULE:NAME or a server, which claims to be MODEL",
    "--python": "run the subject under this Python",
    "--served-as": "the server's name of the model",
    "--subject-timeout": "seconds of one call of the subject",
    "--ranks": "compare the vectors of so many processes that share the work",
    "--require": "checks, or what a subject offers, that must be judged",
    "--recipe": "the way from texts to vectors",
    "--precision": "compute in float32, float16 or bfloat16",
    "--device": "compute on cpu or gpu",
    "--report": "write the report into this folder",
    "--history": "add a line about the run to this file",
    "--junitxml": "write the verdicts in JUnit's form",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks and return the exit code: 0 pass, 1 red, 2 interrupted, 4 a mistake in the command."""
    parser = ArgumentParser(
        prog="embedding-gate",
        description="Judge text-embedding models. Without MODEL the embedded one is judged.",
        epilog="Commands of their own, each with --help: snapshot, canary, encode, verify. "
        "All other options go to pytest. Exit code 0: pass. 1: red. 2: interrupted. 4: a mistake.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="a model's name or folder")
    parser.add_argument("--model", action="append", default=[], dest="more", help="the same, as an option")
    parser.add_argument("-k", metavar="CHECKS", help="run only the checks whose names fit")
    parser.add_argument("-n", metavar="PROCESSES", help="judge models at the same time; needs pytest-xdist")
    for option, text in VALUES.items():
        parser.add_argument(option, metavar="VALUE", help=text)
    given, others = parser.parse_known_args(arguments)
    options = [f"--model={model}" for model in (*given.models, *given.more)]
    if given.n and not find_spec("xdist"):
        parser.error("-n: needs pytest-xdist; install it (pip install pytest-xdist), or leave out -n")
    options += [f"-{name}={value}" for name in ("k", "n") if (value := getattr(given, name))]
    for option in VALUES:
        if value := getattr(given, option.removeprefix("--").replace("-", "_")):
            options.append(f"{option}={value}")
    return int(pytest.main([*_suite(), *options, *others]))


def _suite() -> list[str]:
    """Return pytest's own options: settings and checks come from the package, the root is this folder."""
    return [
        *("-c", str(HERE / "run.ini"), f"--rootdir={Path.cwd()}"),
        *("-p", "embedding_gate.plugin", "-p", "no:cacheprovider", "-p", "no:benchmark"),
        *("--pyargs", "embedding_gate.checks"),
    ]
