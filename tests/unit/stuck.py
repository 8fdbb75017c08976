"""Work that says when it has begun and never ends; a pytest plugin (``-p``) by which the proof does it."""

import threading

import pytest


def stuck(*call: object) -> None:
    print(f"at work: {call}", flush=True)
    threading.Event().wait()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish() -> None:
    from tests.faults import matrix  # noqa: PLC0415  (pytest has read the options by now)

    matrix.judge = stuck  # type: ignore[assignment]
