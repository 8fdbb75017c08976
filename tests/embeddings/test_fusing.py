"""A fused function gives the numbers of the plain one, or is not used."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embeddings.backend import mx
from embeddings.models.cpu_kernels import gelu
from embeddings.models.fusing import fused

Function = Callable[[mx.array], mx.array]


def plain(x: mx.array) -> mx.array:
    return mx.abs(x) + 1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Replace MLX's compiler by one that notes each call of what it made. Return the notes."""
    notes: list[str] = []

    def compile_(function: Function, *, shapeless: bool) -> Function:
        assert shapeless

        def compiled(x: mx.array) -> mx.array:
            notes.append("compiled")
            return function(x)

        return compiled

    monkeypatch.setattr(mx, "compile", compile_)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return notes


def test_the_fused_gelu_is_the_plain_one_bit_for_bit() -> None:
    x = mx.random.normal((37, 129), key=mx.random.key(0)) * 4
    with mx.stream(mx.cpu):
        np.testing.assert_array_equal(np.array(gelu(x)), np.array(gelu.__wrapped__(x)))  # type: ignore[attr-defined]


def test_it_is_tried_once_and_then_used(calls: list[str]) -> None:
    function = fused(plain)
    assert function(mx.array([-3.0])).tolist() == [4.0]
    assert function(mx.array([2.0])).tolist() == [3.0]
    assert len(calls) == 3


def test_other_threads_run_the_plain_one(calls: list[str]) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(fused(plain)(mx.array([-3.0])).tolist()))
    thread.start()
    thread.join()
    assert (found, calls) == ([[4.0]], [])


@pytest.mark.parametrize("error", [RuntimeError("no compiler"), PermissionError("no folder")])
def test_what_cannot_be_compiled_runs_plain(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_(_: Function, **__: bool) -> Function:
        def broken(_: mx.array) -> mx.array:
            raise error

        return broken

    monkeypatch.setattr(mx, "compile", compile_)
    assert fused(plain)(mx.array([-3.0])).tolist() == [4.0]


def test_what_strays_by_a_bit_runs_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "compile", lambda function, **_: lambda x: function(x) * (1 + 2.0**-23))
    assert fused(plain)(mx.array([-3.0])).tolist() == [4.0]
