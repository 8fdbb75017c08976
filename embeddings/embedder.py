"""A loaded model and its methods: texts to vectors, hidden states and tokens."""

from collections.abc import Sequence
from copy import copy
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.after_pooling import AfterPooling
from embeddings.batch_runner import arithmetic, run_batches
from embeddings.cache import VectorCache
from embeddings.cache.key import Inputs, weights_digest
from embeddings.cache.lookup import Lookup
from embeddings.errors import InputError
from embeddings.folder import ModelFolder
from embeddings.models import Decoder, Encoder
from embeddings.pooling import all_tokens, pool
from embeddings.prompts import DOCUMENT_PROMPTS, QUERY_PROMPTS, prefix_of, prefixed, with_role
from embeddings.recipe import Recipe
from embeddings.similarity import cosine_similarity
from embeddings.tokens import TextTokenizer, TokenizedTexts, checked_texts, warn_of_truncation
from embeddings.weights import in_host_memory

__all__ = ["Embedder"]


class Embedder:
    """A loaded model. It keeps no state between calls, so threads may share it."""

    def __init__(
        self,
        folder: ModelFolder,
        model: Encoder | Decoder,
        tokenizer: TextTokenizer,
        recipe: Recipe,
        after: AfterPooling,
    ) -> None:
        self.folder = folder
        self.model = model
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.after = after
        # Computed when a cache first needs it.
        self._weights_digest = once(lambda: weights_digest({**model.weights, **after.weights}))

    @property
    def name(self) -> str:
        """The name in the catalog if the files are those of the catalog, else the folder's name."""
        return self.folder.name

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self.after.dimension(self.model.config.hidden_size)

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens, with special tokens. Tokens beyond it are cut off."""
        return self.recipe.max_tokens

    def with_max_tokens(self, max_tokens: int) -> "Embedder":
        """Return the same loaded model with a lower limit on the length of a text.

        Raises:
            InputError: the limit is less than 1 or above the model's own limit.

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
        """The smallest number of dimensions that a vector may be cut to."""
        return self.recipe.min_dimensions

    @property
    def prompts(self) -> frozenset[str]:
        """Names of the prompts that can be put before a text."""
        return frozenset(self.recipe.prompts)

    @property
    def path(self) -> Path:
        """The folder that holds the model's files."""
        return self.folder.path

    @property
    def unused_weights(self) -> frozenset[str]:
        """Names of weights that a checkpoint may hold but that the architecture does not use."""
        return self.model.unused

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Return checkpoint name -> copy of the weight in memory."""
        weights = {**self.model.weights, **self.after.weights}
        return {name: in_host_memory(weight) for name, weight in weights.items()}

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

        Options that also exist in sentence-transformers have the same names as there.

        prompt_name: the name of one of the model's prompts. The prompt is put before each text.
        prompt: a text to put before each text, instead of one of the model's prompts.
        instruction: the task of a query. It replaces the task that the model's "query" prompt names.
        batch_tokens: padded tokens of one batch. A CPU works on one batch per core. This limits memory
            and changes nothing else.
        normalize_embeddings: scale each vector to length 1.
        truncate_dim: keep only the first truncate_dim components, then scale.
        show_progress_bar: show a progress bar on stderr.
        cache: look up the texts in it. Texts that it lacks are computed, each distinct text once, and are
            then stored in it. A cached vector was computed in the first batch that contained its text.

        Warns:
            TruncationWarning: texts were longer than the model reads. It says how many texts, and how many
                tokens were cut.
            MemoryWarning: a batch did not fit in memory. Smaller batches are used from then on.
            CacheWarning: the cache file could not store the computed vectors.

        Raises:
            InputError: a text or an option is not valid.
            OutOfMemory: the batch does not fit even after the token budget was halved.
            CacheError: the cache file is damaged.

        """
        width = self.recipe.width(self.dimension, truncate_dim)
        prefix = self._prefix(prompt_name, prompt, instruction)
        lookup = None
        if cache is not None:
            inputs = self.inputs(prefix, normalize=normalize_embeddings, dimensions=width)
            lookup = Lookup(cache, inputs, texts := checked_texts(texts))
        tokens = self._tokens(texts, lookup, prefix)
        warn_of_truncation(lookup.dropped(tokens.dropped) if lookup else tokens.dropped, self.max_tokens)
        vectors = np.empty((len(tokens.ids), width), dtype=np.float32)
        pooling, after = self.recipe.pooling, self.after
        finish = partial(pool, pooling=pooling, after=after, width=width, scaled=normalize_embeddings)
        for rows, pooled in run_batches(
            self.model,
            tokens,
            finish,
            name=self.name,
            batch_tokens=batch_tokens,
            show_progress_bar=show_progress_bar,
        ):
            vectors[rows] = pooled
            if lookup:
                lookup.put(rows, pooled, tokens.dropped[rows])
        return lookup.vectors(width) if lookup else vectors

    def encode_query(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Turn N queries into vectors (N, D): ``encode`` with the model's prompt for queries, if it has one.

        options: those of ``encode``. If they name a prompt, it is used instead of the model's prompt.
        """
        return self.encode(texts, **with_role(options, QUERY_PROMPTS, self.prompts))

    def encode_document(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Turn N documents into vectors (N, D): ``encode`` with the model's prompt for them, if it has one.

        The prompt is the first of "document", "passage" and "corpus" that the model has.

        options: those of ``encode``. If they name a prompt, it is used instead of the model's prompt.
        """
        return self.encode(texts, **with_role(options, DOCUMENT_PROMPTS, self.prompts))

    similarity = staticmethod(cosine_similarity)

    def hidden_states(
        self, texts: Sequence[str], *, batch_tokens: int | None = None, **options: str | None
    ) -> list[NDArray[np.float32]]:
        """Return the hidden states of the last layer for each text, (T, D) float32, in input order.

        Only real tokens are returned, no padding. options: those of ``tokenize``. Warnings and errors are
        those of ``encode``.
        """
        tokens = self.tokenize(texts, **options)
        warn_of_truncation(tokens.dropped, self.max_tokens)
        states = [np.empty(0, dtype=np.float32)] * len(tokens.ids)
        found = run_batches(self.model, tokens, all_tokens, name=self.name, batch_tokens=batch_tokens)
        for rows, hidden in found:
            for row, values in zip(rows, hidden, strict=True):
                states[row] = values[: len(tokens.ids[row])].copy()
        return states

    def count_tokens(self, texts: Sequence[str], **options: str | None) -> NDArray[np.int64]:
        """Count the tokens (N,) that the model reads: with special tokens, without cut tokens and padding.

        options: those of ``tokenize``.
        """
        return self.tokenize(texts, **options).lengths

    def tokenize(
        self,
        texts: Sequence[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
    ) -> TokenizedTexts:
        """Return the token ids that the model reads of each text, and how many tokens were cut off.

        The options are those of ``encode``.
        """
        return self._tokens(texts, None, self._prefix(prompt_name, prompt, instruction))

    def _prefix(self, prompt_name: str | None, prompt: str | None, instruction: str | None) -> str:
        return prefix_of(
            self.recipe, self.name, prompt_name=prompt_name, prompt=prompt, instruction=instruction
        )

    def _tokens(self, texts: Sequence[str], lookup: Lookup | None, prefix: str) -> TokenizedTexts:
        """Tokenize the texts. If there is a lookup, tokenize only the texts that it lacks."""
        try:
            return self.tokenizer(prefixed(prefix, lookup.missing if lookup else texts))
        except InputError:
            if lookup is None:
                raise
            return self.tokenizer(prefixed(prefix, texts))  # the same error, with the number in the call

    def inputs(self, prefix: str, *, normalize: bool, dimensions: int) -> Inputs:
        """Return everything that affects a vector, except its text."""
        return Inputs.of(
            self.recipe,
            architecture=f"{type(self.model).__name__} {self.model.config!r}",
            weights=self._weights_digest(),
            tokenizer=self.tokenizer.digest,
            prefix=prefix,
            normalize=bool(normalize),
            dimensions=dimensions,
            arithmetic=arithmetic(),
        )
