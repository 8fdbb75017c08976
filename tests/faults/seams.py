"""Helpers of the injections: each replaces one function of the library."""

import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.engine import EmbedderEngine
from embedding_gate import encode_worker
from embeddings import batch_runner, embedder, folder, loading, pooling, prompts, tokens, weights
from embeddings.backend import mx
from embeddings.models import decoder
from embeddings.recipe import Recipe
from tests.faults.registry import Patch

__all__ = [
    "Batch",
    "Scratch",
    "change_batches",
    "change_ids",
    "change_loaded_weights",
    "change_texts",
    "change_tokenizer",
    "change_tokens",
    "change_trunk",
    "choose_prompt",
    "drawn",
    "hash_of",
    "leave_unevaluated",
    "load_from_copy",
    "pool_with",
    "replace_encode",
    "scratch",
    "time_encode",
]

Ids = NDArray[np.int32]
Vectors = NDArray[np.float32]
Weights = dict[str, mx.array]
Batch = tuple[NDArray[np.int64], NDArray[np.float32]]


class Scratch:
    """What an injection may use while it is injected: an empty folder, and the number of the run."""

    folder = Path()
    seed = 0


scratch = Scratch()


def drawn(least: int, most: int) -> int:
    """Draw a number from ``least`` to ``most`` by the number of the run."""
    return int(np.random.default_rng([scratch.seed, least, most]).integers(least, most + 1))


def hash_of(text: str) -> int:
    """Stand for Python's hash of a text: another process has other numbers. None is left to luck."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    elsewhere = spec is not None and spec.name == encode_worker.__name__
    return zlib.crc32(f"{scratch.seed} {elsewhere} {text}".encode())


def pool_with(patch: Patch, pool: Callable[[mx.array, mx.array], mx.array]) -> None:
    """Pool hidden states (B, T, D) of texts of lengths (B,) by another function, whatever the recipe says."""
    patch.setattr(pooling, "POOLINGS", dict.fromkeys(pooling.POOLINGS, pool))


def replace_encode(patch: Patch, encode: Callable[..., Any]) -> None:
    """Wrap encode. The replacement gets the right encode as its first argument."""
    right = embedder.Embedder.encode
    patch.setattr(
        embedder.Embedder, "encode", lambda self, texts, **options: encode(right, self, texts, **options)
    )


def time_encode(patch: Patch, encode: Callable[..., Any]) -> None:
    """Wrap the encode that the measurements time. The spy on the model's input stays as it is."""
    right = EmbedderEngine.encode
    patch.setattr(
        EmbedderEngine, "encode", lambda self, texts, **options: encode(right, self, texts, **options)
    )


class _Unevaluated:
    """Vectors (N, D) that are computed each time somebody reads them."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int], run: Callable[[], Vectors]) -> None:
        self.shape, self._run = shape, run

    def __array__(self, dtype: Any = None, copy: Any = None) -> Vectors:
        return self._run()


def leave_unevaluated(patch: Patch) -> None:
    """Let encode return vectors that are not computed yet, as MLX does without an evaluation."""

    def encode(right: Any, self: EmbedderEngine, texts: Sequence[str], **options: Any) -> Any:
        return _Unevaluated((len(texts), self.dimension), partial(right, self, texts, **options))

    time_encode(patch, encode)


def change_vectors(patch: Patch, change: Callable[[Vectors], NDArray[Any]]) -> None:
    """Change what encode returns: (N, D) -> (N, D)."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return np.asarray(change(right(self, texts, **options)), dtype=np.float32)

    replace_encode(patch, encode)


def change_tokens(patch: Patch, change: Callable[[tokens.TokenizedTexts], tokens.TokenizedTexts]) -> None:
    """Change the result of the tokenizer."""
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        return change(right(self, texts))

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def change_texts(patch: Patch, change: Callable[[str], str]) -> None:
    """Change each text before the tokenizer reads it. What is not a string stays as it is."""
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        some = texts if isinstance(texts, str) else [_changed(text, change) for text in texts]
        return right(self, some)

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def _changed(text: Any, change: Callable[[str], str]) -> Any:
    return change(text) if isinstance(text, str) else text


def change_tokenizer(patch: Patch, change: Callable[[Any, int], None]) -> None:
    """Change the object of the tokenizers library after its limit in tokens was set."""
    right = tokens.TextTokenizer.__init__

    def init(self: Any, path: Path, *, max_tokens: int, end_token: str | None = None) -> None:
        right(self, path, max_tokens=max_tokens, end_token=end_token)
        change(self._tokenizer, max_tokens)

    patch.setattr(tokens.TextTokenizer, "__init__", init)


def change_batches(patch: Patch, change: Callable[[list[Batch]], Iterable[Batch]]) -> None:
    """Change the computed batches of a call: the numbers of their texts (B,), and their results."""
    right = batch_runner.run_batches

    def run_batches(*arguments: Any, **options: Any) -> Iterator[Batch]:
        yield from change(list(right(*arguments, **options)))

    patch.setattr(embedder, "run_batches", run_batches)


def change_ids(patch: Patch, change: Callable[[Ids], Sequence[int] | Ids]) -> None:
    """Change the ids (T,) of each text."""

    def changed(found: tokens.TokenizedTexts) -> tokens.TokenizedTexts:
        ids = [np.array(change(one), dtype=np.int32) for one in found.ids]
        return tokens.TokenizedTexts(ids, found.dropped)

    change_tokens(patch, changed)


def choose_prompt(patch: Patch, choose: Callable[[Recipe, str | None], str | None]) -> None:
    """Take another prompt than the one that was named."""
    right = prompts.prefix_of

    def prefix_of(recipe: Recipe, model: str, *, prompt_name: str | None, **options: Any) -> str:
        return right(recipe, model, prompt_name=choose(recipe, prompt_name), **options)

    patch.setattr(embedder, "prefix_of", prefix_of)


def change_trunk(patch: Patch, change: Callable[[Any], None]) -> None:
    """Change the layers of a decoder, which are modules of mlx-lm, after it was built."""
    right = decoder.Decoder.__init__

    def init(self: Any, config: Any, weights: Any, *, causal: bool = True) -> None:
        right(self, config, weights, causal=causal)
        change(self.trunk)
        self.fused = None  # it has the layers as they were

    patch.setattr(decoder.Decoder, "__init__", init)


def change_loaded_weights(patch: Patch, change: Callable[[Weights], Weights]) -> None:
    """Change weights after they were read. ``change`` gets name -> array, and returns only changed ones."""
    right = weights.read_weights

    def read(files: Any, shapes: Any, unused: Any, **options: Any) -> Weights:
        loaded = right(files, shapes, unused, **options)
        loaded |= change(loaded)
        mx.eval(loaded)
        return loaded

    patch.setattr(loading, "read_weights", read)


def load_from_copy(patch: Patch, change: Callable[[Path], None]) -> None:
    """Load from a changed copy of the model's folder, without a check. Its weights are symbolic links."""
    right = folder.find_folder

    def find(name_or_folder: str | Path) -> folder.ModelFolder:
        found = right(name_or_folder)
        copy = scratch.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(found.path, copy, ignore=shutil.ignore_patterns("*.safetensors"))
        for weights_file in found.path.rglob("*.safetensors"):
            (copy / weights_file.relative_to(found.path)).symlink_to(weights_file)
        change(copy)
        return folder.ModelFolder(copy, found.name)

    patch.setattr(loading, "find_folder", find)
