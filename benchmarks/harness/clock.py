"""Ways to time rounds: by a clock, and watched by another."""

from collections.abc import Callable

__all__ = ["Timed", "by_clock", "watched"]

# prepare, timed work, what is done after it, rounds -> seconds of the work in each round
Timed = Callable[[Callable[[], None], Callable[[], None], Callable[[], None], int], list[float]]


def by_clock(clock: Callable[[], float]) -> Timed:
    """Return the plain way to time rounds, for what pytest-benchmark does not time."""

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
    """Time rounds in that way; append to ``elapsed`` what passed from each one's preparation to its end."""

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
