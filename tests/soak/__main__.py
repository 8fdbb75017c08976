"""The soak: ``python -m tests.soak`` (make soak). It prints its figures and exits with 1 if one is wrong.

First 10,000 calls of the library and as many requests to the test server, in one process: memory, handles,
threads and the time of a call must stay as they are. Then each fault that the soak exists for must be found.
Then eight processes share one cache, and commands are killed 200 times. ``--short`` takes about a minute.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import embeddings
from embedding_gate.endpoint import open_client
from tests.soak.calls import ROUND, soak
from tests.soak.faults import FAULTS
from tests.soak.kills import kill_cache, kill_encode, kill_snapshot, kill_verify, many_writers
from tests.support import tiny
from tests.support.server import Service, serve

LEAST = 4.0  # MiB that memory may grow by in a short run: twice what a run without growth showed
WHOLE = {"rounds": 200, "least": 0.0, "fault_rounds": 24, "seconds": 60.0, "kills": 200}
SHORT = {"rounds": 40, "least": LEAST, "fault_rounds": 24, "seconds": 5.0, "kills": 8}


def main() -> int:
    """Run the soak, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=str(__doc__).splitlines()[0])
    parser.add_argument("--short", action="store_true", help="take about a minute")
    sizes: dict[str, Any] = SHORT if parser.parse_args().short else WHOLE
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    start, wrong = time.monotonic(), list[str]()
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name, opened in (("library", _library), ("test server", _server)):
            with opened(tiny.build(root / name, max_tokens=140)) as call:
                wrong += _calls(name, call, sizes["rounds"], sizes["least"])
        with _library(root / "library") as call:
            wrong += _faults(call, sizes["fault_rounds"])
        wrong += filter(None, [many_writers(root, 8, sizes["seconds"])])
        for kill in (kill_encode, kill_verify, kill_snapshot, kill_cache):
            killed = kill(root, sizes["kills"] // 4)
            print(killed, flush=True)
            wrong += killed.wrong
    print(f"soak: {time.monotonic() - start:,.0f} s: {'; '.join(wrong) or 'nothing grows, nothing is lost'}")
    return int(bool(wrong))


def _calls(name: str, call: Callable[[list[str]], Any], rounds: int, least: float) -> list[str]:
    start = time.monotonic()
    found = soak(call, rounds=rounds, least=least)
    print(
        f"{rounds * ROUND:,} calls of the {name}, {time.monotonic() - start:,.0f} s",
        *found,
        sep="\n",
        flush=True,
    )
    return [f"{one.name} of the {name} grows" for one in found if one.red]


def _faults(call: Callable[[list[str]], Any], rounds: int) -> list[str]:
    """Inject each fault. It must make its figure grow, and the run red."""
    missed = []
    for name, (fault, figure) in FAULTS.items():
        found = {one.name: one for one in soak(fault(call), rounds=rounds, most=1, least=LEAST)}[figure]
        print(f"fault: {name}", found, sep="\n", flush=True)
        missed += [] if found.red else [f"the fault {name!r} was not found"]
    return missed


@contextmanager
def _library(folder: Path) -> Iterator[Callable[[list[str]], Any]]:
    yield embeddings.load(folder).encode


@contextmanager
def _server(folder: Path) -> Iterator[Callable[[list[str]], Any]]:
    model = embeddings.load(folder)
    with serve(Service(model.encode, model.tokenize)) as running:
        client = open_client(f"http://{running.place}/v1/embeddings", "model")
        try:
            yield client.encode
        finally:
            client.close()


if __name__ == "__main__":
    sys.exit(main())
