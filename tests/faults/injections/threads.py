"""Faults of calls from other threads, or beside each other, that end in an error."""

import threading
from collections.abc import Sequence
from typing import Any

from tests.faults.overlap import Overlap
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import replace_encode

fault = faults_of("threads")


@fault(
    "bound to the thread that loads",
    "out",
    "a call from another thread is an error",
    kills=("threads", "many threads"),
    source="waybarrios/vllm-mlx#128",
)
def bound_to_a_thread(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("there is no stream in this thread")
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault(
    "overlapping calls fail",
    "out",
    "a call that begins while another runs is an error",
    kills=("threads", "many threads"),
    source="ggml-org/llama.cpp#6722",
)
def overlapping_calls_fail(patch: Patch) -> None:
    overlap, running = Overlap(), list[int]()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        overlap.enter()
        try:
            if running:
                raise RuntimeError("the context is in use")
        finally:
            overlap.interfered()
        running.append(1)
        overlap.middle()
        try:
            return right(self, texts, **options)
        finally:
            running.pop()

    replace_encode(patch, encode)
