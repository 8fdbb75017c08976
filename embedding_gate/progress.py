"""Shows on a terminal that something takes long."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Thread

import pytest
from tqdm import tqdm

__all__ = ["shown", "waiting"]


@contextmanager
def waiting(what: str, *, after: float = 5.0, every: float = 1.0) -> Iterator[None]:
    """Show what is done and for how long, if it takes longer than ``after`` seconds. A log gets nothing."""
    if not sys.stderr.isatty() or "PYTEST_XDIST_WORKER" in os.environ:  # several would write over each other
        yield
        return
    done = Event()

    def show() -> None:
        if done.wait(after):
            return
        with tqdm(desc=what, bar_format="{desc}: {elapsed}", leave=False) as bar:
            bar.start_t -= after
            while not done.wait(every):
                bar.refresh()

    thread = Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def shown(config: pytest.Config) -> AbstractContextManager[None]:
    """Let the progress bar of long work through pytest's capture."""
    manager = config.pluginmanager.getplugin("capturemanager")
    return manager.global_and_fixture_disabled() if manager else nullcontext()
