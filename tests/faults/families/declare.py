"""What a fault of a family is, and the lists of the faults and of the harmless variants."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.registry import GITHUB, Inject

__all__ = [
    "FAULTS",
    "GEMMA",
    "MODERN",
    "MPNET",
    "NOMIC",
    "VARIANTS",
    "XLM_R",
    "FamilyFault",
    "fault",
    "harmless",
]

PARITY = ("parity", "hidden state parity")
MPNET, XLM_R, MODERN, GEMMA, NOMIC = "mpnet", "xlm-roberta", "modernbert", "gemma3-both-ways", "nomic"


@dataclass(frozen=True)
class FamilyFault:
    """One change of a family's layers.

    family: the file of fixtures/families. killers: checks that must be red; none for a harmless variant.
    source: a public thread that reports it, or "" if it was thought of.
    """

    name: str
    family: str
    killers: tuple[str, ...]
    inject: Inject
    source: str = ""


FAULTS: list[FamilyFault] = []
VARIANTS: list[FamilyFault] = []


def fault(
    family: str, name: str, source: str = "", kills: tuple[str, ...] = PARITY
) -> Callable[[Inject], Inject]:
    """Return a decorator that declares a fault."""
    thread = GITHUB + source.replace("#", "/issues/") if source else ""

    def declare(inject: Inject) -> Inject:
        FAULTS.append(FamilyFault(name, family, kills, inject, thread))
        return inject

    return declare


def harmless(family: str, name: str) -> Callable[[Inject], Inject]:
    """Return a decorator that declares a harmless variant."""

    def declare(inject: Inject) -> Inject:
        VARIANTS.append(FamilyFault(name, family, (), inject))
        return inject

    return declare
