"""Texts to vectors: the one place that evaluates MLX arrays, but for a decoder's steps of a long text."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cache as once
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from embeddings.batching import pad, shared_budget, token_batches
from embeddings.blas import mx, usable_cores
from embeddings.cache import Lookup, VectorCache
from embeddings.cache_key import Inputs, code_digest, weights_digest
from embeddings.catalog import Recipe
from embeddings.errors import InputError, MemoryWarning, OutOfMemory, TruncationWarning
from embeddings.folder import ModelFolder
from embeddings.models import Bert, Decoder
from embeddings.pooling import POOLINGS
from embeddings.pooling import normalize as to_unit_length
from embeddings.tokens import TextTokenizer, TokenizedTexts, checked_texts

__all__ = ["Embedder"]

# Hidden states (B, T, D) and lengths (B,) -> what is kept of them.
Finish = Callable[[mx.array, mx.array], mx.array]

_VERSIONS = " ".join(f"{name} {metadata.version(name)}" for name in ("mlx", "mlx-lm", "tokenizers"))

# Tokens in a batch where the caller names none. Small batches stay in a CPU's cache; a GPU wants many rows.
_BATCH_TOKENS = {mx.DeviceType.cpu: 768, mx.DeviceType.gpu: 16_384}

# MLX's CPU backend computes elementwise functions on one core, so each core works on a batch of its own.
_STREAMS: dict[mx.DeviceType, list[Any]] = {
    mx.DeviceType.cpu: [mx.new_thread_local_stream(mx.cpu) for _ in range(usable_cores())],
    mx.DeviceType.gpu: [mx.gpu],
}


class Embedder:
    """A loaded model. Holds no state between calls, so threads may share it."""

    def __init__(
        self, folder: ModelFolder, model: Bert | Decoder, tokenizer: TextTokenizer, recipe: Recipe
    ) -> None:
        self.folder = folder
        self.model = model
        self.tokenizer = tokenizer
        self.recipe = recipe
        self._weights_digest = once(lambda: weights_digest(model.weights))  # when a cache first asks

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

    def cut_at(self, max_tokens: int) -> "Embedder":
        """Return the same loaded model, reading texts to a lower limit.

        Raises:
            InputError: the limit is not a lower one.

        """
        recipe = self.recipe.cut_at(max_tokens)
        tokenizer = TextTokenizer(
            self.folder.file("tokenizer.json"), max_tokens=max_tokens, end_token=recipe.end_token
        )
        cut = copy(self)
        cut.tokenizer, cut.recipe = tokenizer, recipe
        return cut

    @property
    def least_dimensions(self) -> int:
        """To how few dimensions a vector may be cut."""
        return self.recipe.least_dimensions

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
        task: str | None = None,
        batch_tokens: int | None = None,
        normalize: bool = True,
        dimensions: int | None = None,
        progress: bool = False,
        cache: VectorCache | None = None,
    ) -> NDArray[np.float32]:
        """Turn N texts into vectors (N, D) float32, in input order.

        prompt: the name of one of the model's prompts, set before each text.
        task: what a query is for, in place of the task that the model's "query" prompt names.
        batch_tokens: padded tokens of one batch, of which a CPU works on one per core; bounds memory,
            changes nothing else.
        normalize: scale each vector to length 1.
        dimensions: keep the first so many components, then scale.
        progress: show a progress bar on stderr.
        cache: look texts up in it, compute those that it lacks, each distinct one once, and put them there.
            What it returns was computed in whatever batch came first.

        Warns:
            TruncationWarning: texts were longer than the model reads; says how many, and by how much.
            MemoryWarning: a batch did not fit in memory, and smaller ones are used from there on.
            CacheWarning: the cache's file could not keep what was computed.

        Raises:
            InputError: a text or an option is not acceptable.
            OutOfMemory: nor does a batch of half the size fit.
            CacheError: the cache's file is damaged.

        """
        width = self._checked_width(dimensions)
        lookup = None
        if cache is not None:
            inputs = self._inputs(self._before(prompt, task), normalize=normalize, dimensions=width)
            lookup = Lookup(cache, inputs, texts := checked_texts(texts))
        tokens = self._tokens(texts, lookup, prompt, task)
        _warn_of_truncation(lookup.dropped(tokens.dropped) if lookup else tokens.dropped, self.max_tokens)
        vectors = np.empty((len(tokens.ids), width), dtype=np.float32)

        def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
            pooled = POOLINGS[self.recipe.pooling](hidden, lengths)[:, :width]
            return to_unit_length(pooled) if normalize else pooled

        for rows, pooled in self._run(tokens, pool, batch_tokens, progress=progress):
            vectors[rows] = pooled
            if lookup:
                lookup.put(rows, pooled, tokens.dropped[rows])
        return lookup.vectors(width) if lookup else vectors

    def hidden_states(
        self, texts: Sequence[str], *, prompt: str | None = None, batch_tokens: int | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the last layer's states of each text's real tokens, (T, D) float32, in input order.

        Options, warnings and errors are those of ``encode``.
        """
        tokens = self.tokenize(texts, prompt=prompt)
        _warn_of_truncation(tokens.dropped, self.max_tokens)
        states = [np.empty(0, dtype=np.float32)] * len(tokens.ids)
        for rows, hidden in self._run(tokens, lambda hidden, _: hidden, batch_tokens, progress=False):
            for row, values in zip(rows, hidden, strict=True):
                states[row] = values[: len(tokens.ids[row])].copy()
        return states

    def count_tokens(
        self, texts: Sequence[str], *, prompt: str | None = None, task: str | None = None
    ) -> NDArray[np.int64]:
        """Count the tokens (N,) that the model sees: special tokens included, cut-off and padding never."""
        return self.tokenize(texts, prompt=prompt, task=task).lengths

    def tokenize(
        self, texts: Sequence[str], *, prompt: str | None = None, task: str | None = None
    ) -> TokenizedTexts:
        """Return the token ids that the model sees of each text, and how many were cut off."""
        if before := self._before(prompt, task):
            texts = [before + text for text in checked_texts(texts)]
        return self.tokenizer(texts)

    def _tokens(
        self, texts: Sequence[str], lookup: Lookup | None, prompt: str | None, task: str | None
    ) -> TokenizedTexts:
        """Tokenize the texts, or those of them that a lookup lacks."""
        try:
            return self.tokenize(lookup.missing if lookup else texts, prompt=prompt, task=task)
        except InputError:
            if lookup is None:
                raise
            return self.tokenize(texts, prompt=prompt, task=task)  # the same error, with the caller's number

    def _inputs(self, before: str, *, normalize: bool, dimensions: int) -> Inputs:
        """Return all that changes a vector besides its text."""
        device = mx.default_device().type
        return Inputs(
            architecture=f"{type(self.model).__name__} {self.model.config!r}",
            weights=self._weights_digest(),
            tokenizer=self.tokenizer.digest,
            pooling=self.recipe.pooling,
            causal=self.recipe.causal,
            end_token=self.recipe.end_token,
            max_tokens=self.max_tokens,
            before=before,
            normalize=bool(normalize),
            dimensions=dimensions,
            code=code_digest(),
            arithmetic=f"{device} {_VERSIONS} TF32 {os.environ.get('MLX_ENABLE_TF32')}",
        )

    def _before(self, prompt: str | None, task: str | None) -> str:
        """Return what stands before each text."""
        name = self.recipe.default_prompt if prompt is None else prompt
        if name is not None and name not in self.recipe.prompts:
            raise InputError(
                "prompt",
                f"{self.name} has no prompt {name!r}",
                hint=f"its prompts are {', '.join(sorted(self.recipe.prompts)) or 'none at all'}",
            )
        if task is None:
            return "" if name is None else self.recipe.prompts[name]
        if name != "query" or self.recipe.instruction is None:
            raise InputError(
                "task",
                f"{self.name} takes none" + (f" with prompt {name!r}" if self.recipe.instruction else ""),
                hint="leave it out, or ask for prompt='query' of a model whose queries carry an instruction",
            )
        return self.recipe.instruction.format(task=task)

    def _run(
        self, tokens: TokenizedTexts, finish: Finish, batch_tokens: int | None, *, progress: bool
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield each batch: its texts' indices (B,) and ``finish`` of its hidden states, in host memory.

        Where a batch does not fit in memory, the budget is halved once.
        """
        device = mx.default_device().type
        budget = _BATCH_TOKENS[device] if batch_tokens is None else batch_tokens
        if not isinstance(budget, int) or budget < 1:
            raise InputError(
                "batch_tokens",
                f"must be a whole number of at least 1, got {budget!r}",
                hint="leave it out for the default",
            )
        lengths, side_by_side = tokens.lengths, len(_STREAMS[device])
        if batch_tokens is None and len(lengths) and self.model.small_batches_are_cheap:
            budget = shared_budget(lengths, budget, side_by_side)
        pending = deque(token_batches(lengths, budget))
        halved = False
        with tqdm(total=int(lengths.sum()), unit=" tokens", unit_scale=True, disable=not progress) as bar:
            while pending:
                group = [pending.popleft() for _ in range(min(side_by_side, len(pending)))]
                try:
                    outputs = self._forward(tokens, group, finish)
                except (MemoryError, RuntimeError) as error:
                    if not _is_out_of_memory(error):
                        raise
                    size = f"{len(group)} batches of up to {len(group[0])} x {lengths[group[0][0]]} tokens"
                    if halved:
                        raise OutOfMemory(
                            self.name,
                            f"{size} (budget {budget}) do not fit in memory ({error})",
                            hint="set batch_tokens lower, or cut the texts",
                        ) from error
                    halved, budget = True, max(1, budget // 2)
                    message = f"{size} do not fit in memory ({error}): going on with a budget of {budget}"
                    warnings.warn(MemoryWarning(message), stacklevel=3)
                    left = np.concatenate([*group, *pending])
                    pending = deque(left[batch] for batch in token_batches(lengths[left], budget))
                    continue
                for rows, output in zip(group, outputs, strict=True):
                    yield rows, output
                    bar.update(int(lengths[rows].sum()))

    def _forward(
        self, tokens: TokenizedTexts, group: Sequence[NDArray[np.int64]], finish: Finish
    ) -> list[NDArray[np.float32]]:
        """Compute some batches side by side."""
        lengths, outputs = tokens.lengths, []
        for rows, stream in zip(group, _STREAMS[mx.default_device().type], strict=False):
            with mx.stream(stream):
                ids = mx.array(pad([tokens.ids[row] for row in rows]))
                real = mx.array(lengths[rows].astype(np.int32))
                outputs.append(finish(self.model(ids, real).astype(mx.float32), real))
        mx.eval(outputs)  # together: MLX then interleaves the streams' operations
        return [np.array(output) for output in outputs]

    def _checked_width(self, dimensions: int | None) -> int:
        if dimensions is None:
            return self.dimension
        least = self.recipe.least_dimensions
        if not isinstance(dimensions, int) or not least <= dimensions <= self.dimension:
            raise InputError(
                "dimensions",
                f"must be a whole number from {least} to {self.dimension}, got {dimensions!r}",
                hint="leave it out for all of them",
            )
        return dimensions


def _is_out_of_memory(error: Exception) -> bool:
    """Tell by the words of MLX's allocators; it has no error of its own for this."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("malloc", "out of memory", "bad_alloc", "maximum allowed buffer")
    )


def _in_host_memory(weight: mx.array) -> NDArray[Any]:
    """Copy to NumPy, which has no bfloat16: floats widened to float32, packed integers as they are."""
    return np.array(weight if weight.dtype == mx.uint32 else weight.astype(mx.float32))


def _warn_of_truncation(dropped: NDArray[np.int64], max_tokens: int) -> None:
    if cut := int((dropped > 0).sum()):
        warning = TruncationWarning(
            texts=len(dropped), cut=cut, dropped=int(dropped.sum()), max_tokens=max_tokens
        )
        warnings.warn(warning, stacklevel=3)
