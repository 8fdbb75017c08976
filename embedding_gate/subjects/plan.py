"""Plans calls: which numbers of texts, and which options together."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

__all__ = ["covering", "mixed", "numbers_of_texts"]


def numbers_of_texts(every: int, largest: int) -> list[int]:
    """Return each number from 1 to ``every``, and 2^k - 1, 2^k and 2^k + 1 up to ``largest``."""
    powers = (2**k + step for k in range(largest.bit_length()) for step in (-1, 0, 1))
    return sorted({*range(1, every + 1), *(number for number in powers if 1 <= number <= largest)})


def mixed(texts: Sequence[str], number: int) -> tuple[str, ...]:
    """Pick so many of three texts or more. Neighbours differ, and so do the first and the last."""
    steps = np.random.default_rng(number).integers(1, len(texts), size=number)
    rows = np.cumsum(steps) % len(texts)
    while number > 2 and rows[-1] in (rows[0], rows[-2]):
        rows[-1] = (rows[-1] + 1) % len(texts)
    return tuple(texts[row] for row in rows)


def covering(factors: Sequence[Sequence[Any]], together: int = 3) -> list[tuple[Any, ...]]:
    """Return few rows, one value of each factor in a row, so that any values of any three factors meet.

    A fault of two options can be hidden by a third one: where vectors keep their length, nobody sees that a
    shortened one was not scaled. Greedy: a row begins with values that did not meet yet; each other factor
    then takes the value that adds most (Cohen et al. 1997, https://doi.org/10.1109/32.605761, without its
    random restarts).

    together: how many factors. Fewer factors all meet.
    """
    together = min(together, len(factors))
    numbers = [range(len(values)) for values in factors]
    lacking = {
        meeting
        for some in combinations(range(len(factors)), together)
        for meeting in product(*([(factor, value) for value in numbers[factor]] for factor in some))
    }
    rows = []
    while lacking:
        row = dict(min(lacking))
        for factor in set(range(len(factors))) - row.keys():
            new = [len(_met({**row, factor: value}, together) & lacking) for value in numbers[factor]]
            row[factor] = new.index(max(new))
        lacking -= _met(row, together)
        rows.append(tuple(values[row[factor]] for factor, values in enumerate(factors)))
    return rows


def _met(row: dict[int, int], together: int) -> set[tuple[tuple[int, int], ...]]:
    return set(combinations(sorted(row.items()), together))
