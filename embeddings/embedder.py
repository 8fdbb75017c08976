"""Texts to vectors: the one place that evaluates MLX arrays."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from embeddings.batching import pad, token_batches
from embeddings.blas import mx, usable_cores
from embeddings.catalog import DEFAULT_MODEL
from embeddings.errors import InputError, TruncationWarning, UnsupportedModel
from embeddings.folder import ModelFolder, find_folder, typed
from embeddings.models import FAMILIES, REFUSED, Bert, BertConfig, Decoder, DecoderConfig
from embeddings.pooling import POOLINGS
from embeddings.pooling import normalize as to_unit_length
from embeddings.recipe import Recipe, read_recipe
from embeddings.tokens import TextTokenizer, TokenizedTexts, checked_texts
from embeddings.weights import read_weights, weight_files

__all__ = ["Embedder", "load"]

# Hidden states (B, T, D) and lengths (B,) -> what is kept of them.
Finish = Callable[[mx.array, mx.array], mx.array]

# Tokens in a batch where the caller names none. Small batches stay in a CPU's cache; a GPU wants many rows.
_BATCH_TOKENS = {mx.DeviceType.cpu: 512, mx.DeviceType.gpu: 16_384}

# MLX's CPU backend computes elementwise functions on one core, so each core works on a batch of its own.
_STREAMS: dict[mx.DeviceType, list[Any]] = {
    mx.DeviceType.cpu: [mx.new_thread_local_stream(mx.cpu) for _ in range(usable_cores())],
    mx.DeviceType.gpu: [mx.gpu],
}


def load(name_or_folder: str | Path = DEFAULT_MODEL) -> "Embedder":
    """Load a model by its catalog name or from its folder.

    Raises:
        ModelNotFound, DamagedModel, HashMismatch, UnsupportedModel, WeightMismatch: see embeddings.errors.

    """
    folder = find_folder(name_or_folder)
    kind = typed(folder.path / "config.json", folder.mapping("config.json"), "model_type", str)
    if kind not in ("bert", *FAMILIES):
        why = f" ({REFUSED[kind]})" if kind in REFUSED else ""
        raise UnsupportedModel(
            folder.path / "config.json",
            f"model_type must be one of {', '.join(('bert', *FAMILIES))}, got {kind!r}{why}",
            mend="use another model, or add its architecture beside models/bert.py",
        )
    config = BertConfig.read(folder) if kind == "bert" else DecoderConfig.read(folder)
    recipe = read_recipe(folder, hidden_size=config.hidden_size, max_positions=config.max_position_embeddings)
    tokenizer = TextTokenizer(folder.file("tokenizer.json"), max_tokens=recipe.max_tokens)
    if tokenizer.vocabulary_size > config.vocab_size:  # MLX reads past a table's end without an error
        raise UnsupportedModel(
            folder.path / "tokenizer.json",
            f"gives ids up to {tokenizer.vocabulary_size - 1}, the model has {config.vocab_size}",
            mend="use the tokenizer of this very model",
        )
    files = weight_files(folder)
    model: Bert | Decoder
    if isinstance(config, BertConfig):
        model = Bert(config, read_weights(files, Bert.shapes(config), Bert.unused))
    else:
        shapes, packed = Decoder.described(config)
        weights = read_weights(
            files,
            shapes,
            Decoder.unused,
            packed=packed,
            optional_prefix="model.",
            precision=mx.float32 if mx.default_device().type == mx.DeviceType.cpu else None,
        )
        model = Decoder(config, weights)
    return Embedder(folder, model, tokenizer, recipe)


class Embedder:
    """A loaded model. Holds no state between calls, so threads may share it."""

    def __init__(
        self, folder: ModelFolder, model: Bert | Decoder, tokenizer: TextTokenizer, recipe: Recipe
    ) -> None:
        self.folder = folder
        self.model = model
        self.tokenizer = tokenizer
        self.recipe = recipe

    @property
    def name(self) -> str:
        """The catalog's name where the files are the catalog's, else the folder's name."""
        return self.folder.name

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self.model.config.hidden_size

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens, special tokens included; the rest is cut off."""
        return self.recipe.max_tokens

    @property
    def prompts(self) -> frozenset[str]:
        """Names of the prompts that can be set before a text."""
        return frozenset(self.recipe.prompts)

    @property
    def path(self) -> Path:
        """The folder of the model's files."""
        return self.folder.path

    @property
    def unused_weights(self) -> frozenset[str]:
        """Names of weights that a checkpoint may hold and the architecture does not use."""
        return self.model.unused

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights in memory by their checkpoint names."""
        return {name: _in_host_memory(weight) for name, weight in self.model.weights.items()}

    def encode(
        self,
        texts: Sequence[str],
        *,
        prompt: str | None = None,
        batch_tokens: int | None = None,
        normalize: bool = True,
        dimensions: int | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """Turn N texts into vectors (N, D) float32, in input order.

        prompt: the name of one of the model's prompts, set before each text.
        batch_tokens: padded tokens of one batch, of which a CPU works on one per core; bounds memory,
            changes nothing else.
        normalize: scale each vector to length 1.
        dimensions: keep the first so many components, then scale.
        progress: show a progress bar on stderr.

        Warns:
            TruncationWarning: texts were longer than the model reads; says how many, and by how much.

        Raises:
            InputError: a text or an option is not acceptable.

        """
        width = self._checked_width(dimensions)
        tokens = self.tokenize(texts, prompt=prompt)
        _warn_of_truncation(tokens, self.max_tokens)
        vectors = np.empty((len(tokens.ids), width), dtype=np.float32)

        def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
            pooled = POOLINGS[self.recipe.pooling](hidden, lengths)[:, :width]
            return to_unit_length(pooled) if normalize else pooled

        for rows, pooled in self._run(tokens, pool, batch_tokens, progress=progress):
            vectors[rows] = pooled
        return vectors

    def hidden_states(
        self, texts: Sequence[str], *, prompt: str | None = None, batch_tokens: int | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the last layer's states of each text's real tokens, (T, D) float32, in input order.

        Options, warnings and errors are those of ``encode``.
        """
        tokens = self.tokenize(texts, prompt=prompt)
        _warn_of_truncation(tokens, self.max_tokens)
        states = [np.empty(0, dtype=np.float32)] * len(tokens.ids)
        for rows, hidden in self._run(tokens, lambda hidden, _: hidden, batch_tokens, progress=False):
            for row, values in zip(rows, hidden, strict=True):
                states[row] = values[: len(tokens.ids[row])].copy()
        return states

    def count_tokens(self, texts: Sequence[str], *, prompt: str | None = None) -> NDArray[np.int64]:
        """Count the tokens (N,) that the model sees: special tokens included, cut-off and padding never."""
        return self.tokenize(texts, prompt=prompt).lengths

    def tokenize(self, texts: Sequence[str], *, prompt: str | None = None) -> TokenizedTexts:
        """Return the token ids that the model sees of each text, and how many were cut off."""
        name = self.recipe.default_prompt if prompt is None else prompt
        if name is None:
            return self.tokenizer(texts)
        if name not in self.recipe.prompts:
            raise InputError(
                "prompt",
                f"{self.name} has no prompt {name!r}",
                mend=f"its prompts are {', '.join(sorted(self.recipe.prompts)) or 'none at all'}",
            )
        return self.tokenizer([self.recipe.prompts[name] + text for text in checked_texts(texts)])

    def _run(
        self, tokens: TokenizedTexts, finish: Finish, batch_tokens: int | None, *, progress: bool
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield each batch: its texts' indices (B,) and ``finish`` of its hidden states, in host memory."""
        device = mx.default_device().type
        streams = _STREAMS[device]
        budget = _BATCH_TOKENS[device] if batch_tokens is None else batch_tokens
        if not isinstance(budget, int) or budget < 1:
            raise InputError(
                "batch_tokens",
                f"must be a whole number of at least 1, got {budget!r}",
                mend="leave it out for the default",
            )
        lengths = tokens.lengths
        batches = token_batches(lengths, budget)
        with tqdm(total=int(lengths.sum()), unit=" tokens", unit_scale=True, disable=not progress) as bar:
            while group := list(islice(batches, len(streams))):
                outputs = []
                for rows, stream in zip(group, streams, strict=False):
                    with mx.stream(stream):
                        ids = mx.array(pad([tokens.ids[row] for row in rows]))
                        real = mx.array(lengths[rows].astype(np.int32))
                        outputs.append(finish(self.model(ids, real), real))
                mx.eval(outputs)  # together: MLX then interleaves the streams' operations
                for rows, output in zip(group, outputs, strict=True):
                    yield rows, np.array(output)
                    bar.update(int(lengths[rows].sum()))

    def _checked_width(self, dimensions: int | None) -> int:
        if dimensions is None:
            return self.dimension
        if not isinstance(dimensions, int) or not 1 <= dimensions <= self.dimension:
            raise InputError(
                "dimensions",
                f"must be a whole number from 1 to {self.dimension}, got {dimensions!r}",
                mend="leave it out for all of them",
            )
        return dimensions


def _in_host_memory(weight: mx.array) -> NDArray[Any]:
    """Copy to NumPy, which has no bfloat16: floats widened to float32, packed integers as they are."""
    return np.array(weight if weight.dtype == mx.uint32 else weight.astype(mx.float32))


def _warn_of_truncation(tokens: TokenizedTexts, max_tokens: int) -> None:
    if cut := int((tokens.dropped > 0).sum()):
        dropped = int(tokens.dropped.sum())
        warning = TruncationWarning(texts=len(tokens.ids), cut=cut, dropped=dropped, max_tokens=max_tokens)
        warnings.warn(warning, stacklevel=3)
