"""Errors pass from one process to another as they are."""

import pickle

import pytest

from embedding_gate import errors
from embeddings.errors import DamagedModel, EmbeddingsError


@pytest.mark.parametrize("kind", [errors.GateError, errors.SubjectLost, errors.InputError, DamagedModel])
def test_an_error_is_the_same_in_another_process(kind: type[errors.GateError | EmbeddingsError]) -> None:
    error = kind("a file", "is damaged", hint="restore it")
    found = pickle.loads(pickle.dumps(error))  # noqa: S301  (its own)
    assert type(found) is kind
    assert (found.where, found.what, found.hint, str(found)) == (
        error.where,
        error.what,
        error.hint,
        str(error),
    )
