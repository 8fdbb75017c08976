"""What a fault is, and the list of all faults. Each file of ``injections/`` adds those of one cause."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from embeddings.catalog import DEFAULT_MODEL

__all__ = [
    "FIXTURES",
    "GITHUB",
    "TINY_DECODER",
    "TINY_QUANTIZED",
    "Fault",
    "Inject",
    "Patch",
    "declared",
    "faults_of",
    "harmless",
]

GITHUB = "https://github.com/"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TINY_DECODER, TINY_QUANTIZED = str(FIXTURES / "tiny-qwen3"), str(FIXTURES / "tiny-qwen3-4bit")

Patch = pytest.MonkeyPatch
Inject = Callable[[Patch], None]


@dataclass(frozen=True)
class Fault:
    """One change of the library, and what the gate must say of it.

    cause: what is wrong, which is the name of its file; "harmless" for a benign variant.
    where: what it changes: tok (tokens), fwd (forward pass), out (vectors), load (what is loaded), time (the
        measurements). Audits judge faults of time, and the gate judges all others. Hidden states are computed
        again only for fwd and load.
    killers: checks that must be red. A benign variant has none: every check must stay green.
    source: a public thread that reports it, or "" if it was thought of.
    model: the model into which it is injected: a decoder if encoders cannot have the fault.
    precision: the precision of the computation, whose thresholds bind; None for the default.
    random: whether it draws random numbers or is a race. It must be killed on every seed.
    remembers: whether the forward pass may depend on earlier calls, so that no result of it is used again.
    """

    name: str
    cause: str
    where: str
    what: str
    killers: tuple[str, ...]
    inject: Inject
    source: str = ""
    model: str = DEFAULT_MODEL
    precision: str | None = None
    random: bool = False
    remembers: bool = False

    @property
    def benign(self) -> bool:
        """Whether it is a harmless change, on which no check may be red."""
        return self.cause == HARMLESS


HARMLESS = "harmless"
declared: list[Fault] = []


def faults_of(cause: str) -> Callable[..., Callable[[Inject], Inject]]:
    """Return a decorator that declares faults of one cause. Its arguments are those of ``Fault``."""

    def fault(
        name: str,
        where: str,
        what: str,
        *,
        kills: tuple[str, ...],
        source: str = "",
        model: str = DEFAULT_MODEL,
        precision: str | None = None,
        random: bool = False,
        remembers: bool = False,
    ) -> Callable[[Inject], Inject]:
        def declare(inject: Inject) -> Inject:
            thread = GITHUB + source.replace("#", "/issues/") if source else ""
            declared.append(
                Fault(name, cause, where, what, kills, inject, thread, model, precision, random, remembers)
            )
            return inject

        return declare

    return fault


def harmless(name: str, where: str, what: str, **options: Any) -> Callable[[Inject], Inject]:
    """Return a decorator that declares a benign variant. options: of ``Fault``."""
    return faults_of(HARMLESS)(name, where, what, kills=(), **options)
