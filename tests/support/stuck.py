"""Work that reports its start and never ends, and a pytest plugin (``-p``) that puts it into the proof."""

import signal
import threading

import pytest
from tqdm import tqdm


def stuck(*call: object, **options: object) -> None:  # noqa: ARG001  (as in the replaced function)
    tqdm.get_lock()  # type: ignore[no-untyped-call]  # each progress bar does this too
    print(f"at work: {call}", flush=True)
    threading.Event().wait()


def deaf() -> bool:
    """Return whether this process blocks Ctrl-C (SIGINT)."""
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish() -> None:
    from tests.faults import matrix  # noqa: PLC0415  (pytest has read the options by now)

    matrix.judge = stuck  # type: ignore[assignment]
