"""What a fault is, and the list that each joins where it is written: in ``injections/``, a file a cause."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from embeddings.catalog import DEFAULT_MODEL

__all__ = ["GITHUB", "TINY_DECODER", "Fault", "Inject", "Patch", "declared", "faults_of", "harmless"]

GITHUB = "https://github.com/"
TINY_DECODER = str(Path(__file__).resolve().parents[2] / "fixtures" / "tiny-qwen3")

Patch = pytest.MonkeyPatch
Inject = Callable[[Patch], None]


@dataclass(frozen=True)
class Fault:
    """One change of the library, and what the gate must say of it.

    cause: what it is a fault of, the name of its file; "harmless" for a benign variant.
    where: tok (tokens), fwd (forward pass), out (vectors), load, time (measurements, judged by their audits
        and not by the gate). Only what changes the forward pass or what is loaded needs hidden states anew.
    killers: checks that must be red; none for a benign variant, on which every check must stay green.
    source: a public thread where it was found, or "" where it was thought of.
    model: what it is injected into; a decoder where an encoder does not have it.
    precision: what is computed in, and whose thresholds bind; None for the default.
    random: whether it draws random numbers, or races: it must die on every seed.
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

    @property
    def benign(self) -> bool:
        """Whether it is harmless, so that no check may be red."""
        return self.cause == HARMLESS


HARMLESS = "harmless"
declared: list[Fault] = []


def faults_of(cause: str) -> Callable[..., Callable[[Inject], Inject]]:
    """Return the decorator that declares the faults of one cause. Its arguments are those of ``Fault``."""

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
    ) -> Callable[[Inject], Inject]:
        def declare(inject: Inject) -> Inject:
            thread = GITHUB + source.replace("#", "/issues/") if source else ""
            declared.append(Fault(name, cause, where, what, kills, inject, thread, model, precision, random))
            return inject

        return declare

    return fault


def harmless(
    name: str, where: str, what: str, *, model: str = DEFAULT_MODEL, precision: str | None = None
) -> Callable[[Inject], Inject]:
    """Return the decorator that declares a benign variant."""
    return faults_of(HARMLESS)(name, where, what, kills=(), model=model, precision=precision)
