"""Where faults go in: the functions of the library that an injection replaces, each by one helper."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.engine import EmbedderEngine
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
    """What an injection may use for the time that it is in: an empty folder, and the number of the run."""

    folder = Path()
    seed = 0


scratch = Scratch()


def pool_with(patch: Patch, pool: Callable[[mx.array, mx.array], mx.array]) -> None:
    """Pool hidden states (B, T, D) of texts of lengths (B,) by another function, whatever the recipe says."""
    patch.setattr(pooling, "POOLINGS", dict.fromkeys(pooling.POOLINGS, pool))


def replace_encode(patch: Patch, encode: Callable[..., Any]) -> None:
    """Wrap encode: the replacement gets the right one as its first argument."""
    right = embedder.Embedder.encode
    patch.setattr(
        embedder.Embedder, "encode", lambda self, texts, **options: encode(right, self, texts, **options)
    )


def time_encode(patch: Patch, encode: Callable[..., Any]) -> None:
    """Wrap encode as the measurements call it, and not as they look at what the model is handed."""
    right = EmbedderEngine.encode
    patch.setattr(
        EmbedderEngine, "encode", lambda self, texts, **options: encode(right, self, texts, **options)
    )


class _Unevaluated:
    """Vectors (N, D), worked out whenever somebody looks at them."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int], run: Callable[[], Vectors]) -> None:
        self.shape, self._run = shape, run

    def __array__(self, dtype: Any = None, copy: Any = None) -> Vectors:
        return self._run()


def leave_unevaluated(patch: Patch) -> None:
    """Let encode return vectors that are not worked out yet, as MLX would without an evaluation."""

    def encode(right: Any, self: EmbedderEngine, texts: Sequence[str], **options: Any) -> Any:
        return _Unevaluated((len(texts), self.dimension), partial(right, self, texts, **options))

    time_encode(patch, encode)


def change_vectors(patch: Patch, change: Callable[[Vectors], NDArray[Any]]) -> None:
    """Change what encode returns: (N, D) -> (N, D)."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return np.asarray(change(right(self, texts, **options)), dtype=np.float32)

    replace_encode(patch, encode)


def change_tokens(patch: Patch, change: Callable[[tokens.TokenizedTexts], tokens.TokenizedTexts]) -> None:
    """Change what the tokenizer gives of some texts."""
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        return change(right(self, texts))

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def change_texts(patch: Patch, change: Callable[[str], str]) -> None:
    """Change each text before the tokenizer reads it; what is no text stays."""
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        some = texts if isinstance(texts, str) else [_changed(text, change) for text in texts]
        return right(self, some)

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def _changed(text: Any, change: Callable[[str], str]) -> Any:
    return change(text) if isinstance(text, str) else text


def change_tokenizer(patch: Patch, change: Callable[[Any, int], None]) -> None:
    """Change the tokenizers library's object after it was set up for a limit in tokens."""
    right = tokens.TextTokenizer.__init__

    def init(self: Any, path: Path, *, max_tokens: int, end_token: str | None = None) -> None:
        right(self, path, max_tokens=max_tokens, end_token=end_token)
        change(self._tokenizer, max_tokens)

    patch.setattr(tokens.TextTokenizer, "__init__", init)


def change_batches(patch: Patch, change: Callable[[list[Batch]], Iterable[Batch]]) -> None:
    """Change the batches of a call after they were computed: numbers of texts (B,), and what came of each."""
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
    """Change the layers of a decoder, after it was built: mlx-lm's modules."""
    right = decoder.Decoder.__init__

    def init(self: Any, config: Any, weights: Any, *, causal: bool = True) -> None:
        right(self, config, weights, causal=causal)
        change(self.trunk)

    patch.setattr(decoder.Decoder, "__init__", init)


def change_loaded_weights(patch: Patch, change: Callable[[Weights], Weights]) -> None:
    """Change weights after they were read: name -> array in, those that are other out."""
    right = weights.read_weights

    def read(files: Any, shapes: Any, unused: Any, **options: Any) -> Weights:
        loaded = right(files, shapes, unused, **options)
        loaded |= change(loaded)
        mx.eval(loaded)
        return loaded

    patch.setattr(loading, "read_weights", read)


def load_from_copy(patch: Patch, change: Callable[[Path], None]) -> None:
    """Load from a changed copy of the model's folder (its weights by symbolic link), unchecked."""
    right = folder.find_folder

    def find(name_or_folder: str | Path) -> folder.ModelFolder:
        found = right(name_or_folder)
        copy = scratch.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(found.path, copy, ignore=shutil.ignore_patterns("*.safetensors"))
        (copy / folder.WEIGHTS_FILE).symlink_to(found.path / folder.WEIGHTS_FILE)
        change(copy)
        return folder.ModelFolder(copy, found.name)

    patch.setattr(loading, "find_folder", find)
