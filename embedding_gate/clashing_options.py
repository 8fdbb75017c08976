"""Options that contradict each other, and names that are none of a model."""

from collections.abc import Iterable, Sequence

import pytest

from embedding_gate.clients import PYTHON
from embedding_gate.command_line import OWN_FILES, subject_of
from embedding_gate.endpoint import is_address
from embedding_gate.errors import InputError
from embeddings.recipe import DECLARED

__all__ = ["check_embedder", "check_together"]

BESIDE_A_FOLDER = ("origin", "snapshot", "against_model", "recorded", "projector")
OF_THE_LIBRARY = ("device", "calibrate", "projector")
LIVE = ("subject", "model", "topics", "sts", "retrieval", "projector", "device", "precision", "calibrate")


def check_together(config: pytest.Config) -> None:
    """Refuse options that contradict each other, and a model that is named twice.

    Raises:
        UsageError: they do.

    """
    others = (*LIVE, "origin", "against_model", "ranks")
    _refuse_beside(config, "recorded", others, "brings its own texts and vectors")
    _refuse_beside(config, "encoded", BESIDE_A_FOLDER, "is for retrieval over a folder")
    if config.getoption("encoded") and not config.getoption("retrieval"):
        raise pytest.UsageError("--encoded: name the texts of its passages, too: --retrieval=DIR")
    _refuse_beside(config, "snapshot", ("against_model",), "holds the vectors to compare with")
    _refuse_beside(config, "compare", ("recorded",), "is for live models")
    if config.getoption("compare") and (subject_of(config) or len(config.getoption("model")) < 2):
        raise pytest.UsageError("--compare: name two models of the library or more: --model=A --model=B")
    _refuse_beside(config, "calibrate", OWN_FILES, "is for the gate's own texts")
    if subject_of(config):
        if clash := [name for name in OF_THE_LIBRARY if config.getoption(name)]:
            raise pytest.UsageError(
                f"--{clash[0]} is for the gate's own library: leave it out beside --subject"
            )
        if config.getoption("recipe") != DECLARED:
            raise pytest.UsageError("--recipe is for the gate's own library: leave it out beside --subject")
        if len(config.getoption("model")) != 1:
            raise pytest.UsageError(
                "--subject: name the one model that it claims to be: --model=NAME or FOLDER"
            )
    elif config.getoption("python"):
        raise pytest.UsageError("--python: is for --subject=python:MODULE:NAME; name one, or leave it out")
    _check_names(config.getoption("model"))


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if is_address(name) or name.startswith(PYTHON):
            hint = f"say which model it claims to be: --model=NAME --subject={name}"
            raise pytest.UsageError(f"--model={name}: is a subject and no model; {hint}")
    if len(set(names)) < len(names):
        raise pytest.UsageError(f"--model: the same model twice: {', '.join(names)}; name each once")


def check_embedder(config: pytest.Config) -> None:
    """Refuse a fixture ``embedder`` that claims to be no model, or beside another subject.

    Raises:
        InputError: it does.

    """
    others = [name for name in ("recorded", "ranks", *OF_THE_LIBRARY) if config.getoption(name)]
    if subject_of(config) or others:
        what = f"is there beside --{(others or ['subject'])[0]}"
        raise InputError("the fixture embedder", what, hint="leave out one of them")
    if len(config.getoption("model")) != 1:
        what = "does not say which model it claims to be"
        raise InputError("the fixture embedder", what, hint="name it: --model=NAME or FOLDER")


def _refuse_beside(config: pytest.Config, option: str, others: Iterable[str], why: str) -> None:
    """Refuse an option beside any of the others.

    Raises:
        UsageError: both are given.

    """
    clash = [name for name in others if config.getoption(name)] if config.getoption(option) else []
    if clash:
        raise pytest.UsageError(f"--{option} {why}: leave out --{clash[0]}")
