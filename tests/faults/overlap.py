"""A schedule for faults that are races, so that they bite on every machine."""

import itertools
import threading

__all__ = ["Overlap"]

HANGS = 60.0  # seconds after which a call no longer waits for the other one: a bound for a hang, no schedule


class Overlap:
    """Makes a race certain: the second call from another thread falls into the middle of the first.

    Every call says where it is: ``enter`` at its start, ``interfered`` when it has done what may harm another
    call, ``middle`` where another call can harm it. The second call enters when the first has reached its
    middle. The first goes on when the second has interfered. All other calls wait for that. Nothing depends
    on the scheduler. Calls of the main thread are alone, and wait for nobody.
    """

    def __init__(self) -> None:
        self._turns = itertools.count(1)
        self._turn = threading.local()
        self._in_the_middle, self._interfered = threading.Event(), threading.Event()

    def enter(self) -> None:
        """Begin a call."""
        main = threading.current_thread() is threading.main_thread()
        self._turn.number = turn = 0 if main else next(self._turns)
        if turn == 2:
            self._in_the_middle.wait(HANGS)
        elif turn > 2:
            self._interfered.wait(HANGS)

    def interfered(self) -> None:
        """Say that this call has done what may harm another."""
        if self._turn.number == 2:
            self._interfered.set()

    def middle(self) -> None:
        """Stand where another call can do harm."""
        if self._turn.number == 1:
            self._in_the_middle.set()
            self._interfered.wait(HANGS)
