"""A fused function gives the numbers of the plain one, or is not used."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embeddings.backend import mx
from embeddings.models import cpu_kernels
from embeddings.models.fusing import MOST_SHAPES, fused

Function = Callable[[mx.array], mx.array]


def plain(x: mx.array) -> mx.array:
    return mx.abs(x) + 1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Replace MLX's compiler by one that notes each call of what it made. Return the notes."""
    notes: list[str] = []

    def compile_(function: Function) -> Function:
        def compiled(x: mx.array) -> mx.array:
            notes.append("compiled")
            return function(x)

        return compiled

    monkeypatch.setattr(mx, "compile", compile_)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return notes


@pytest.mark.parametrize("name", ["_root_of_tail", "_gelu_of_root", "_exp2_of_fraction"])
def test_what_is_fused_is_the_plain_one_bit_for_bit(name: str) -> None:
    function = getattr(cpu_kernels, name)
    arrays = [mx.random.normal((37, 129), key=mx.random.key(seed)) * 4 for seed in range(2)]
    arrays = arrays[: function.__wrapped__.__code__.co_argcount]
    with mx.stream(mx.cpu):
        found, expected = (np.array(one(*arrays)) for one in (function, function.__wrapped__))
    np.testing.assert_array_equal(found, expected)


def test_it_is_tried_once_and_then_used(calls: list[str]) -> None:
    function = fused(plain)
    assert function(mx.array([-3.0])).tolist() == [4.0]
    assert function(mx.array([2.0])).tolist() == [3.0]
    assert len(calls) == 3


@pytest.mark.usefixtures("calls")
def test_it_forgets_shapes_before_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLX keeps what it made for each shape as long as the compiled function lives."""
    made, compile_ = list[Function](), mx.compile

    def counted(function: Function) -> Function:
        made.append(function)
        return compile_(function)

    monkeypatch.setattr(mx, "compile", counted)
    function = fused(plain)
    for size in [*range(1, MOST_SHAPES + 1), 1, MOST_SHAPES]:
        function(mx.zeros(size))
    assert len(made) == 1
    function(mx.zeros(MOST_SHAPES + 1))
    assert len(made) == 2


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
