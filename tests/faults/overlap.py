"""A schedule for faults that are races, so that they happen on every machine."""

import itertools
import threading

__all__ = ["Overlap"]

HANGS = 60.0  # seconds that a call waits for another at most; it bounds a hang and is no part of the schedule


class Overlap:
    """Makes a race certain: the second call starts while the first is in its middle.

    Every call reports three places: ``enter`` at its start, ``interfered`` after it did what may harm another
    call, and ``middle`` where another call can harm it. The second call enters when the first has reached its
    middle. The first goes on when the second has interfered. All other calls wait until then. Nothing depends
    on the scheduler. Calls of the main thread do not take part: no other call runs beside them. After such a
    call the schedule starts again, so that each check with threads has a race of its own.
    """

    def __init__(self) -> None:
        self._turn = threading.local()
        self._begin()

    def _begin(self) -> None:
        self._turns = itertools.count(1)
        self._in_the_middle, self._interfered = threading.Event(), threading.Event()

    def enter(self) -> None:
        """Report that a call begins, and wait for its turn."""
        main = threading.current_thread() is threading.main_thread()
        if main and self._interfered.is_set():
            self._begin()
        self._turn.number = turn = 0 if main else next(self._turns)
        if turn == 2:
            self._in_the_middle.wait(HANGS)
        elif turn > 2:
            self._interfered.wait(HANGS)

    def interfered(self) -> None:
        """Report that this call has done what may harm another call."""
        if self._turn.number == 2:
            self._interfered.set()

    def middle(self) -> None:
        """Report that another call can now harm this one, and wait for it."""
        if self._turn.number == 1:
            self._in_the_middle.set()
            self._interfered.wait(HANGS)
