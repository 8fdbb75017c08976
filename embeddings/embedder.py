"""Texts to vectors: the one place that evaluates MLX arrays, but for a decoder's steps of a long text."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cache as once
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from embeddings.batching import pad, shared_budget, token_batches
from embeddings.blas import mx, usable_cores
from embeddings.cache import Lookup, VectorCache
from embeddings.cache_key import Inputs, code_digest, weights_digest
from embeddings.catalog import Recipe
from embeddings.errors import InputError, MemoryWarning, OutOfMemory, TruncationWarning, warn
from embeddings.folder import ModelFolder
from embeddings.models import Bert, Decoder
from embeddings.pooling import POOLINGS
from embeddings.pooling import normalize as to_unit_length
from embeddings.prompts import DOCUMENT_PROMPTS, QUERY_PROMPTS, prefix_of, prefixed
from embeddings.similarity import cosine_similarity
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

    def with_max_tokens(self, max_tokens: int) -> "Embedder":
        """Return the same loaded model, reading texts to a lower limit.

        Raises:
            InputError: the limit is not a lower one.

        """
        recipe = self.recipe.with_max_tokens(max_tokens)
        tokenizer = TextTokenizer(
            self.folder.file("tokenizer.json"), max_tokens=max_tokens, end_token=recipe.end_token
        )
        cut = copy(self)
        cut.tokenizer, cut.recipe = tokenizer, recipe
        return cut

    @property
    def min_dimensions(self) -> int:
        """To how few dimensions a vector may be cut."""
        return self.recipe.min_dimensions

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
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
        batch_tokens: int | None = None,
        normalize_embeddings: bool = True,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
        cache: VectorCache | None = None,
    ) -> NDArray[np.float32]:
        """Turn N texts into vectors (N, D) float32, in input order.

        Options that sentence-transformers has too have its names.

        prompt_name: the name of one of the model's prompts, which is set before each text.
        prompt: the very text to set before each text, in place of a prompt of the model's.
        instruction: what a query is for, in place of the task that the model's "query" prompt names.
        batch_tokens: padded tokens of one batch, of which a CPU works on one per core; bounds memory,
            changes nothing else.
        normalize_embeddings: scale each vector to length 1.
        truncate_dim: keep the first so many components, then scale.
        show_progress_bar: show a progress bar on stderr.
        cache: look texts up in it, compute those that it lacks, each distinct one once, and put them there.
            What it returns was computed in whatever batch came first.

        Warns:
            TruncationWarning: texts were longer than the model reads; says how many, and by how much.
            MemoryWarning: a batch did not fit in memory, and smaller ones are used from there on.
            CacheWarning: the cache's file could not keep what was computed.

        Raises:
            InputError: a text or an option is not acceptable.
            OutOfMemory: the batch does not fit even after the token budget was halved.
            CacheError: the cache's file is damaged.

        """
        width = self._checked_width(truncate_dim)
        prefix = self._prefix(prompt_name, prompt, instruction)
        lookup = None
        if cache is not None:
            inputs = self._inputs(prefix, normalize=normalize_embeddings, dimensions=width)
            lookup = Lookup(cache, inputs, texts := checked_texts(texts))
        tokens = self._tokens(texts, lookup, prefix)
        _warn_of_truncation(lookup.dropped(tokens.dropped) if lookup else tokens.dropped, self.max_tokens)
        vectors = np.empty((len(tokens.ids), width), dtype=np.float32)

        def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
            pooled = POOLINGS[self.recipe.pooling](hidden, lengths)[:, :width]
            return to_unit_length(pooled) if normalize_embeddings else pooled

        for rows, pooled in self._run(tokens, pool, batch_tokens, show_progress_bar=show_progress_bar):
            vectors[rows] = pooled
            if lookup:
                lookup.put(rows, pooled, tokens.dropped[rows])
        return lookup.vectors(width) if lookup else vectors

    def encode_query(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Turn N queries into vectors (N, D): ``encode`` with the model's prompt for queries, if it has one.

        options: those of ``encode``. A prompt that they name is used in place of the model's.
        """
        return self.encode(texts, **self._with_prompt(QUERY_PROMPTS, options))

    def encode_document(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Turn N documents into vectors (N, D): ``encode`` with the model's prompt for them, if it has one.

        It is the first of "document", "passage" and "corpus" that the model has.

        options: those of ``encode``. A prompt that they name is used in place of the model's.
        """
        return self.encode(texts, **self._with_prompt(DOCUMENT_PROMPTS, options))

    @staticmethod
    def similarity(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """Return the cosine similarity of each two vectors: (N, D) and (M, D) -> (N, M) float32.

        Raises:
            InputError: not two arrays of vectors of one length.

        """
        return cosine_similarity(a, b)

    def hidden_states(
        self,
        texts: Sequence[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
        batch_tokens: int | None = None,
    ) -> list[NDArray[np.float32]]:
        """Return the last layer's states of each text's real tokens, (T, D) float32, in input order.

        Options, warnings and errors are those of ``encode``.
        """
        tokens = self.tokenize(texts, prompt_name=prompt_name, prompt=prompt, instruction=instruction)
        _warn_of_truncation(tokens.dropped, self.max_tokens)
        states = [np.empty(0, dtype=np.float32)] * len(tokens.ids)
        for rows, hidden in self._run(tokens, lambda hidden, _: hidden, batch_tokens):
            for row, values in zip(rows, hidden, strict=True):
                states[row] = values[: len(tokens.ids[row])].copy()
        return states

    def count_tokens(
        self,
        texts: Sequence[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
    ) -> NDArray[np.int64]:
        """Count the tokens (N,) that the model sees: special tokens included, cut-off and padding never."""
        return self.tokenize(texts, prompt_name=prompt_name, prompt=prompt, instruction=instruction).lengths

    def tokenize(
        self,
        texts: Sequence[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
    ) -> TokenizedTexts:
        """Return the token ids that the model sees of each text, and how many were cut off."""
        return self._tokens(texts, None, self._prefix(prompt_name, prompt, instruction))

    def _prefix(self, prompt_name: str | None, prompt: str | None, instruction: str | None) -> str:
        return prefix_of(
            self.recipe, self.name, prompt_name=prompt_name, prompt=prompt, instruction=instruction
        )

    def _with_prompt(self, names: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
        """Add the first of some prompts that the model has to options that name none."""
        if options.get("prompt_name") is not None or options.get("prompt") is not None:
            return options
        return options | {"prompt_name": next((name for name in names if name in self.prompts), None)}

    def _tokens(self, texts: Sequence[str], lookup: Lookup | None, prefix: str) -> TokenizedTexts:
        """Tokenize the texts, or those of them that a lookup lacks."""
        try:
            return self.tokenizer(prefixed(prefix, lookup.missing if lookup else texts))
        except InputError:
            if lookup is None:
                raise
            return self.tokenizer(prefixed(prefix, texts))  # the same error, with the caller's number

    def _inputs(self, prefix: str, *, normalize: bool, dimensions: int) -> Inputs:
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
            prefix=prefix,
            normalize=bool(normalize),
            dimensions=dimensions,
            code=code_digest(),
            arithmetic=f"{device} {_VERSIONS} TF32 {os.environ.get('MLX_ENABLE_TF32')}",
        )

    def _run(
        self,
        tokens: TokenizedTexts,
        finish: Finish,
        batch_tokens: int | None,
        *,
        show_progress_bar: bool = False,
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
        with tqdm(
            total=int(lengths.sum()), unit=" tokens", unit_scale=True, disable=not show_progress_bar
        ) as bar:
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
                    warn(MemoryWarning(message))
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

    def _checked_width(self, truncate_dim: int | None) -> int:
        if truncate_dim is None:
            return self.dimension
        least = self.recipe.min_dimensions
        if not isinstance(truncate_dim, int) or not least <= truncate_dim <= self.dimension:
            raise InputError(
                "truncate_dim",
                f"must be a whole number from {least} to {self.dimension}, got {truncate_dim!r}",
                hint="leave it out for all of them",
            )
        return truncate_dim


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
        warn(warning)
