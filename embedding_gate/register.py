"""The register of checks: which there are, and what each of them judges."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator

from embedding_gate import checks
from embedding_gate.own_files import DECLARED

REFERENCE = "reference-2025"  # the recipe of the published figures
GateTest = Callable[..., None]


def gate_tests() -> Iterator[tuple[str, GateTest]]:
    """Yield the name and function of each test of the gate."""
    for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}."):
        for name, function in list(vars(importlib.import_module(module.name)).items()):
            if name.startswith("test_"):
                yield name, function


def judges(test: GateTest) -> str:
    """Tell what a test judges: subject, endpoint, topics, published figures, origin, reindex or ranks."""
    return next(iter(inspect.signature(test).parameters))


def live_tests(
    recipe: str = DECLARED,
    *,
    server: bool = False,
    origin: bool = False,
    reindex: bool = False,
    ranks: bool = False,
) -> dict[str, GateTest]:
    """Return the tests that judge a live model, by name.

    Figures were published of one recipe alone. Only a server has the contract of an endpoint. A model is
    compared with its origin, with a snapshot or another model, or with ranks, only if one is named.
    """
    only_if = {"endpoint": server, "origin": origin, "reindex": reindex, "ranks": ranks}
    made = {"published": recipe == REFERENCE, **only_if}
    return {name: test for name, test in gate_tests() if made.get(judges(test), True)}


def recorded_tests(*, reindex: bool = False) -> dict[str, GateTest]:
    """Return the tests that judge recorded vectors, by name."""
    made = ("topics", "published", *(("reindex",) if reindex else ()))
    return {name: test for name, test in gate_tests() if judges(test) in made}


def endpoint_tests() -> dict[str, GateTest]:
    """Return the tests of a server's contract, by name."""
    return {name: test for name, test in gate_tests() if judges(test) == "endpoint"}


def is_semantic(test: GateTest) -> bool:
    """Tell whether a test judges the meaning of vectors, which random weights do not have."""
    marks = vars(importlib.import_module(test.__module__))["pytestmark"]
    return isinstance(marks, list) and any(mark.name == "semantic" for mark in marks)
