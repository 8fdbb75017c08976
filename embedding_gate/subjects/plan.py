"""Plans calls: which numbers of texts, and which options together."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

__all__ = ["all_pairs", "mixed", "numbers_of_texts"]


def numbers_of_texts(every: int, largest: int) -> list[int]:
    """Return each number from 1 to ``every``, and 2^k - 1, 2^k and 2^k + 1 up to ``largest``."""
    powers = (2**k + step for k in range(largest.bit_length()) for step in (-1, 0, 1))
    return sorted({*range(1, every + 1), *(number for number in powers if 1 <= number <= largest)})


def mixed(texts: Sequence[str], number: int) -> tuple[str, ...]:
    """Pick so many texts, with repeats, in no order. The last one differs from the first, if there are two."""
    rows = np.random.default_rng(number).integers(len(texts), size=number)
    rows[-1] += number > 1 and rows[-1] == rows[0]
    return tuple(texts[row % len(texts)] for row in rows)


def all_pairs(factors: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return few rows, one value of each factor in a row, so that any two values of two factors meet.

    Greedy: a row begins with a pair that did not meet yet; each other factor then takes the value that makes
    most new pairs (Cohen et al. 1997, https://doi.org/10.1109/32.605761, without its random restarts).
    """
    sizes = [range(len(values)) for values in factors]
    open_pairs = {
        ((one, value), (other, beside))
        for one, other in combinations(range(len(factors)), 2)
        for value in sizes[one]
        for beside in sizes[other]
    }
    rows = []
    while open_pairs:
        row = dict(min(open_pairs))
        for factor in set(range(len(factors))) - row.keys():
            row[factor] = max(
                sizes[factor], key=lambda value, factor=factor: len(_pairs({**row, factor: value}) & open_pairs)
            )
        open_pairs -= _pairs(row)
        rows.append(tuple(values[row[factor]] for factor, values in enumerate(factors)))
    return rows


def _pairs(row: dict[int, int]) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    return set(combinations(sorted(row.items()), 2))
