"""What a subject offers to the judge, and what a check needs of it.

A check that needs what the subject does not offer is not made. The table then says "not offered". That is no
pass. So nothing can take the place of what a subject lacks.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["LIBRARY", "NEEDS", "OFFERS", "needed", "unoffered"]

OFFERS: Mapping[str, str] = {
    "encode": "turns a list of texts into vectors; every subject offers it",
    "prompts": "takes the name of a prompt",
    "instruction": "takes an instruction for a query",
    "truncate_dim": "gives shorter vectors",
    "raw": "gives vectors that are not scaled to length 1",
    "tokens": "tells token ids, and how many were cut off",
    "hidden states": "tells the vector of each token",
    "weights": "shows its weights and the files that they come from",
    "cache": "takes a cache of vectors",
    "small model": "opens a small model by the same code, so that thousands of calls take seconds",
    "batch": "takes a token budget for a batch",
    "max_tokens": "takes a lower limit of tokens",
    "memory": "tells how much device memory a call needs",
    "threads": "may be called from several threads",
    "new process": "can be started again in a new process",
    "same process": "runs in the process of the judge, where it could change the judge's own data",
    "errors": "refuses an input by an error of its own type, which names the place",
    "progress bar": "shows a progress bar",
    "endpoint": "answers HTTP requests",
}
LIBRARY = frozenset(OFFERS) - {"endpoint"}  # of this repository's library
NEEDS = "needs"  # the marker of a check that needs more than vectors


def needed(test: Callable[..., Any]) -> frozenset[str]:
    """Return what a check needs: the names in its marker, or in the marker of its module."""
    module = vars(sys.modules[test.__module__]).get("pytestmark", [])
    marks = [*getattr(test, "pytestmark", []), *(module if isinstance(module, list) else [module])]
    return frozenset(name for mark in marks if mark.name == NEEDS for name in mark.args)


def unoffered(test: Callable[..., Any], offers: frozenset[str]) -> list[str]:
    """Return what a check needs and a subject does not offer, in the order of OFFERS.

    Raises:
        ValueError: the check needs what is no offer.

    """
    needs = needed(test)
    if unknown := needs - OFFERS.keys():
        raise ValueError(f"{test.__name__} needs {', '.join(sorted(unknown))}, which is no offer")
    return [name for name in OFFERS if name in needs - offers]
