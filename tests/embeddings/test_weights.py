"""What loading holds in memory beside the weights."""

from pathlib import Path

import pytest

from embeddings.backend import mx
from embeddings.weights import read_weights

SHAPES = {f"layers.{number}.weight": (256, 512) for number in range(16)}
ONE = 256 * 512 * 2  # bytes of a weight in bfloat16


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A model of bfloat16 in two shards."""
    names = list(SHAPES)
    paths = [tmp_path / "model-1-of-2.safetensors", tmp_path / "model-2-of-2.safetensors"]
    for path, some in zip(paths, (names[:8], names[8:]), strict=True):
        mx.save_safetensors(str(path), {name: mx.ones(SHAPES[name], dtype=mx.bfloat16) for name in some})
    return paths


@pytest.mark.parametrize(("precision", "times"), [(mx.float32, 2), (mx.bfloat16, 1), (None, 1)])
def test_of_the_files_only_one_weight_is_in_memory_twice(
    files: list[Path], precision: mx.Dtype | None, times: int
) -> None:
    """All 16 weights of the files beside those of float32 would be 48 times one."""
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    weights = read_weights(files, SHAPES, frozenset(), precision=precision)
    peak = mx.get_peak_memory() - before
    assert sum(weight.nbytes for weight in weights.values()) == 16 * times * ONE
    assert peak <= (16 * times + 2) * ONE  # measured 33 and 16 times one; 48 if all are evaluated at once
