"""The injections: each replaces one function of the library by its faulty (or harmlessly different) twin."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings import batching, cache, cache_key, embedder, folder, loading, pooling, tokens, weights
from embeddings.blas import mx
from embeddings.models import bert, decoder, layers

Patch = pytest.MonkeyPatch
SCRATCH = Path()  # a folder for the time that a fault is injected, set by catalogue.injected


def nothing(patch: Patch) -> None:
    """Change nothing."""


# --- pooling and what follows it ---


def _pool_with(patch: Patch, pool: Callable[[mx.array, mx.array], mx.array]) -> None:
    patch.setattr(embedder, "POOLINGS", {"mean": pool})


def first_token_pooling(patch: Patch) -> None:
    _pool_with(patch, pooling.first_token)


def last_slot(patch: Patch) -> None:
    _pool_with(patch, lambda hidden, _: hidden[:, -1])


def padding_in_the_mean(patch: Patch) -> None:
    _pool_with(patch, lambda hidden, _: hidden.mean(axis=1))


def tile_remainder(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        longest = hidden.shape[1]
        return pooling.mean(hidden, mx.minimum(lengths + 1, longest) if longest % 32 == 0 else lengths)

    _pool_with(patch, pool)


def no_normalisation(patch: Patch) -> None:
    patch.setattr(embedder, "to_unit_length", lambda vectors: vectors)


def normalised_twice(patch: Patch) -> None:
    patch.setattr(embedder, "to_unit_length", lambda vectors: pooling.normalize(pooling.normalize(vectors)))


def _replace_encode(patch: Patch, encode: Callable[..., NDArray[np.float32]]) -> None:
    """Wrap encode: the replacement gets the right one as its first argument."""
    right = embedder.Embedder.encode
    patch.setattr(
        embedder.Embedder, "encode", lambda self, texts, **options: encode(right, self, texts, **options)
    )


def shortened_after_normalising(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, dimensions: int | None = None, **options: Any
    ) -> Any:
        return right(self, texts, **options)[:, :dimensions]

    _replace_encode(patch, encode)


def constant_vector(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        vectors[:] = vectors.shape[1] ** -0.5
        return vectors

    _replace_encode(patch, encode)


def random_by_text(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        for row, text in zip(vectors, texts, strict=True):
            row[:] = np.random.default_rng(abs(hash(text))).standard_normal(len(row))
        return np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    _replace_encode(patch, encode)


def length_order(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[np.argsort(-self.tokenize(texts).lengths, kind="stable")]

    _replace_encode(patch, encode)


def normalize_ignored(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], *, normalize: bool = True, **options: Any) -> Any:
        del normalize
        return right(self, texts, **options)

    _replace_encode(patch, encode)


def repeats_dropped(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return right(self, list(dict.fromkeys(texts)) if len(texts) > 64 else texts, **options)

    _replace_encode(patch, encode)


def buffer_reused(patch: Patch) -> None:
    buffers: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        buffer = buffers.setdefault(vectors.shape, np.empty_like(vectors))
        buffer[:] = vectors
        return buffer

    _replace_encode(patch, encode)


def cache_key_without(*parts: str) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        right = cache_key.Inputs.digest

        def digest(self: cache_key.Inputs) -> bytes:
            return right(cache_key.Inputs(**vars(self) | dict.fromkeys(parts, "")))

        patch.setattr(cache_key.Inputs, "digest", digest)

    return inject


def cache_key_joined(patch: Patch) -> None:
    def keys_of(inputs: cache_key.Inputs, texts: Sequence[str]) -> list[bytes]:
        options = (inputs.before, inputs.normalize, inputs.dimensions, inputs.max_tokens)
        return [b"%b%b" % (inputs.weights, "".join(map(str, (*options, text))).encode()) for text in texts]

    patch.setattr(cache, "keys_of", keys_of)


def cached_a_second_time(patch: Patch) -> None:
    """Return hits alone: each call is made twice with one cache, and only the second may warn."""
    first, warn = threading.local(), embedder._warn_of_truncation

    def warn_once(dropped: NDArray[np.int64], max_tokens: int) -> None:
        if not getattr(first, "now", False):  # hidden states warn too
            warn(dropped, max_tokens)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        kept = options.pop("cache", None) or cache.VectorCache()
        first.now = True
        try:
            right(self, texts, cache=kept, **options)
        finally:
            first.now = False
        return right(self, texts, cache=kept, **options)

    patch.setattr(embedder, "_warn_of_truncation", warn_once)
    _replace_encode(patch, encode)


def cut_to_the_budget(patch: Patch) -> None:
    budgets = [0]

    def batches(lengths: NDArray[np.int64], budget: int) -> Any:
        budgets[0] = budget
        return batching.token_batches(lengths, budget)

    def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        padded = batching.pad(ids)
        padded[:, budgets[0] :] = 0
        return padded

    patch.setattr(embedder, "token_batches", batches)
    patch.setattr(embedder, "pad", pad)


def mask_left_out_at_the_limit(patch: Patch) -> None:
    right = bert.Bert.attention_mask

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array | None:
        return None if longest == 256 else right(self, longest, lengths)

    patch.setattr(bert.Bert, "attention_mask", mask)


def shared_state(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        self.pending = texts
        time.sleep(0.002)  # let another thread in
        return right(self, self.pending, **options)

    _replace_encode(patch, encode)


def another_thread(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return right(self, texts, **options)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(right, self, texts, **options).result()

    _replace_encode(patch, encode)


def batch_budget(tokens_: int) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        patch.setattr(embedder, "_BATCH_TOKENS", {mx.default_device().type: tokens_})

    return inject


def shortest_first(patch: Patch) -> None:
    right = batching.token_batches
    patch.setattr(embedder, "token_batches", lambda lengths, budget: reversed(list(right(lengths, budget))))


# --- the forward pass ---


def attention_mask_ignored(patch: Patch) -> None:
    patch.setattr(bert.Bert, "attention_mask", lambda *_: None)


def causal_mask(patch: Patch) -> None:
    right = bert.Bert.attention_mask

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array:
        causal = mx.tril(mx.ones((longest, longest), dtype=mx.bool_))
        padding = right(self, longest, lengths)
        return causal if padding is None else mx.logical_and(padding, causal)

    patch.setattr(bert.Bert, "attention_mask", mask)


def attention_across_texts(patch: Patch) -> None:
    right = bert.Bert.__call__
    packed = threading.local()

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        packed.now = ids.shape[0] > 1 and len(np.unique(np.array(lengths))) == 1
        return right(self, ids, lengths)

    attend = bert.Bert.attend

    def attend_all(self: bert.Bert, layer: str, x: mx.array, mask: mx.array | None) -> mx.array:
        if packed.now:
            return attend(self, layer, x.reshape(1, -1, x.shape[2]), None).reshape(x.shape)
        return attend(self, layer, x, mask)

    patch.setattr(bert.Bert, "__call__", call)
    patch.setattr(bert.Bert, "attend", attend_all)


def tanh_gelu(patch: Patch) -> None:
    def gelu(x: mx.array) -> mx.array:
        return 0.5 * x * (1 + mx.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

    patch.setattr(bert, "gelu", gelu)


def layer_norm_epsilon(patch: Patch) -> None:
    right = layers.layer_norm
    patch.setattr(bert, "layer_norm", lambda x, weight, bias, _: right(x, weight, bias, 1e-5))


def overflow(patch: Patch) -> None:
    right = layers.gelu

    # Each text's largest activation is 22 to 25; scaled so, those above 24.53 pass fp16's 65,504.
    def gelu(x: mx.array) -> mx.array:
        return right((x * 2670).astype(mx.float16).astype(mx.float32) / 2670)

    patch.setattr(bert, "gelu", gelu)


def dropout(patch: Patch) -> None:
    right = bert.Bert.norm

    def norm(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        out = right(self, name, x)
        return mx.where(mx.random.uniform(shape=out.shape) < 0.1, 0, out / 0.9)

    patch.setattr(bert.Bert, "norm", norm)


# --- tokens ---


def no_special_tokens(patch: Patch) -> None:
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        found = right(self, texts)
        return tokens.TokenizedTexts([ids[1:-1] if len(ids) > 2 else ids for ids in found.ids], found.dropped)

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def silent_cut(patch: Patch) -> None:
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        found = right(self, texts)
        return tokens.TokenizedTexts([ids[:128] for ids in found.ids], np.zeros_like(found.dropped))

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def cut_not_counted(patch: Patch) -> None:
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        found = right(self, texts)
        return tokens.TokenizedTexts(found.ids, np.zeros_like(found.dropped))

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def empty_dropped(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return right(self, [text for text in texts if not isinstance(text, str) or text.strip()], **options)

    _replace_encode(patch, encode)


def surrogate_crash(patch: Patch) -> None:
    patch.setattr(tokens, "checked_texts", list)


# --- loading ---


def _from_copy(patch: Patch, change: Callable[[Path], None]) -> None:
    """Load from a changed copy of the model's folder (its weights by symbolic link), unchecked."""
    right = folder.find_folder

    def find(name_or_folder: str | Path) -> folder.ModelFolder:
        found = right(name_or_folder)
        copy = SCRATCH / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(found.path, copy, ignore=shutil.ignore_patterns("*.safetensors"))
        (copy / folder.WEIGHTS_FILE).symlink_to(found.path / folder.WEIGHTS_FILE)
        change(copy)
        return folder.ModelFolder(copy, found.name)

    patch.setattr(loading, "find_folder", find)


def other_tokenizer(patch: Patch) -> None:
    def change(copy: Path) -> None:
        path = copy / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["normalizer"]["strip_accents"] = False
        path.write_text(json.dumps(content), encoding="utf-8")

    _from_copy(patch, change)


def renamed_folder(patch: Patch) -> None:
    right = folder.find_folder

    def find(name_or_folder: str | Path) -> folder.ModelFolder:
        copy = SCRATCH / "my-model"
        copy.unlink(missing_ok=True)
        copy.symlink_to(right(name_or_folder).path, target_is_directory=True)
        return right(copy)

    patch.setattr(loading, "find_folder", find)


def weights_not_loaded(patch: Patch) -> None:
    right = weights.read_weights

    def read(files: Any, shapes: Any, unused: Any, **options: Any) -> dict[str, mx.array]:
        loaded = right(files, shapes, unused, **options)
        for name, shape in shapes.items():
            if name.startswith("encoder.layer.3.") and name.endswith("dense.weight"):
                loaded[name] = 0.02 * mx.random.normal(shape, key=mx.random.key(0))
        mx.eval(loaded)
        return loaded

    patch.setattr(loading, "read_weights", read)


def two_bits(patch: Patch) -> None:
    right = weights.read_weights

    def read(files: Any, shapes: Any, unused: Any, **options: Any) -> dict[str, mx.array]:
        loaded = right(files, shapes, unused, **options)
        for name, weight in loaded.items():
            if weight.ndim == 2:
                packed = mx.quantize(weight, group_size=64, bits=2)
                loaded[name] = mx.dequantize(*packed, group_size=64, bits=2)
        mx.eval(loaded)
        return loaded

    patch.setattr(loading, "read_weights", read)


# --- decoders ---


def no_causal_mask(patch: Patch) -> None:
    right = decoder.Decoder.__init__

    def init(self: Any, config: Any, weights: Any, *, causal: bool = True) -> None:
        right(self, config, weights, causal=not causal)

    patch.setattr(decoder.Decoder, "__init__", init)


def _pool_last_with(patch: Patch, pool: Callable[[mx.array, mx.array], mx.array]) -> None:
    patch.setattr(embedder, "POOLINGS", {"last": pool})


def first_token_on_a_decoder(patch: Patch) -> None:
    _pool_last_with(patch, pooling.first_token)


def mean_on_a_decoder(patch: Patch) -> None:
    _pool_last_with(patch, pooling.mean)


def last_slot_on_a_decoder(patch: Patch) -> None:
    _pool_last_with(patch, lambda hidden, _: hidden[:, -1])


def left_padded(patch: Patch) -> None:
    """Pad to the left, where the last token is found as if to the right, and positions count the padding."""

    def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        right = batching.pad(ids)
        return np.stack([np.roll(row, len(row) - len(real)) for row, real in zip(right, ids, strict=True)])

    patch.setattr(embedder, "pad", pad)


def mask_left_out_for_equal_lengths(patch: Patch) -> None:
    right = decoder.Decoder.__call__

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        several = ids.shape[0] > 1 and bool((lengths == ids.shape[1]).all())
        everything = mx.ones((ids.shape[1], ids.shape[1]), dtype=mx.bool_)
        hidden: mx.array = self.walk(ids, everything) if several else right(self, ids, lengths)
        return hidden

    patch.setattr(decoder.Decoder, "__call__", call)


def _change_tokens(patch: Patch, change: Callable[[NDArray[np.int32]], Sequence[int] | Any]) -> None:
    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        found = right(self, texts)
        return tokens.TokenizedTexts(
            [np.array(change(ids), dtype=np.int32) for ids in found.ids], found.dropped
        )

    patch.setattr(tokens.TextTokenizer, "__call__", call)


def no_end_token(patch: Patch) -> None:
    _change_tokens(patch, lambda ids: ids[:-1] if len(ids) > 1 else ids)


def wrong_end_token(patch: Patch) -> None:
    _change_tokens(patch, lambda ids: [*ids[:-1], 10])


def end_token_twice(patch: Patch) -> None:
    _change_tokens(patch, lambda ids: [*ids, ids[-1]])


def _before_with(patch: Patch, choose: Callable[[Any, str | None], str | None]) -> None:
    right = embedder.Embedder._before

    def before(self: embedder.Embedder, prompt: str | None, task: str | None) -> str:
        return right(self, choose(self, prompt), task)

    patch.setattr(embedder.Embedder, "_before", before)


def prompt_on_documents(patch: Patch) -> None:
    _before_with(patch, lambda _, prompt: "query" if prompt == "document" else prompt)


def prompt_on_neither(patch: Patch) -> None:
    _before_with(patch, lambda *_: None)


def prompt_on_everything(patch: Patch) -> None:
    _before_with(patch, lambda self, prompt: prompt or ("query" if "query" in self.recipe.prompts else None))


def _changed_trunk(patch: Patch, change: Callable[[Any], None]) -> None:
    right = decoder.Decoder.__init__

    def init(self: Any, config: Any, weights: Any, *, causal: bool = True) -> None:
        right(self, config, weights, causal=causal)
        change(self.trunk)

    patch.setattr(decoder.Decoder, "__init__", init)


def theta_ignored(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.rope.base = 10_000.0

    _changed_trunk(patch, change)


def _positions_from(offset: int) -> Callable[[Any], None]:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            # Only relative positions count: keys and queries must disagree for it to show.
            layer.self_attn.rope = _Shifted(layer.self_attn.rope, offset)

    return change


class _Shifted:
    """A rotary embedding whose every second call, that of the keys, counts from another position."""

    def __init__(self, rope: Any, offset: int) -> None:
        self.rope, self.offset, self.keys = rope, offset, False

    def __call__(self, x: mx.array, offset: Any = 0) -> mx.array:
        shift = self.offset if self.keys else 0
        self.keys = not self.keys
        turned: mx.array = self.rope(x, offset=offset + shift)
        return turned


def position_off_by_one(patch: Patch) -> None:
    _changed_trunk(patch, _positions_from(1))


def final_norm_skipped(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        trunk.norm = lambda hidden: hidden

    _changed_trunk(patch, change)


def state_between_batches(patch: Patch) -> None:
    """The end of the last batch of as many texts is still attended to: a cache that was not emptied."""
    right, kept = decoder.Decoder.__call__, dict[int, mx.array]()

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        before = kept.get(ids.shape[0], ids[:, :0])
        kept[ids.shape[0]] = ids[:, -8:]
        return right(self, mx.concatenate([before, ids], axis=1), lengths)[:, before.shape[1] :]

    patch.setattr(decoder.Decoder, "__call__", call)


def grouped_heads_swapped(patch: Patch) -> None:
    """Queries attend to the keys of another group."""

    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            weight = layer.self_attn.k_proj.weight
            layer.self_attn.k_proj.weight = mx.concatenate([weight[32:], weight[:32]])

    _changed_trunk(patch, change)


def query_norm_skipped(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.q_norm = lambda x: x

    _changed_trunk(patch, change)
