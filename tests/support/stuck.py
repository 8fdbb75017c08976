"""Work that says when it has begun and never ends; a pytest plugin (``-p``) by which the proof does it."""

import signal
import threading

import pytest
from tqdm import tqdm


def stuck(*call: object, **options: object) -> None:  # noqa: ARG001  (as those of what it stands for)
    tqdm.get_lock()  # type: ignore[no-untyped-call]  # as each progress bar does
    print(f"at work: {call}", flush=True)
    threading.Event().wait()


def deaf() -> bool:
    """Whether this process never hears Ctrl-C."""
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish() -> None:
    from tests.faults import matrix  # noqa: PLC0415  (pytest has read the options by now)

    matrix.judge = stuck  # type: ignore[assignment]
