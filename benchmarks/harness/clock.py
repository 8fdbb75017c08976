"""Ways to time rounds: with one clock, or checked by a second clock."""

from collections.abc import Callable

__all__ = ["Timed", "by_clock", "watched"]

# (prepare, timed work, work after it, number of rounds) -> seconds of the timed work in each round
Timed = Callable[[Callable[[], None], Callable[[], None], Callable[[], None], int], list[float]]


def by_clock(clock: Callable[[], float]) -> Timed:
    """Return the simple way to time rounds. It is used for work that pytest-benchmark does not time."""

    def timed(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        seconds = []
        for _ in range(rounds):
            prepare()
            start = clock()
            work()
            seconds.append(clock() - start)
            after()
        return seconds

    return timed


def watched(timed: Timed, clock: Callable[[], float], elapsed: list[float]) -> Timed:
    """Return a way to time rounds that also records the time by a second clock.

    It appends to ``elapsed`` the seconds from the end of each round's preparation to the end of the round.
    """

    def watch(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        ready = 0.0

        def prepared() -> None:
            nonlocal ready
            prepare()
            ready = clock()

        def over() -> None:
            elapsed.append(clock() - ready)
            after()

        return timed(prepared, work, over, rounds)

    return watch
