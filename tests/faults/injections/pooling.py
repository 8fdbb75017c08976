"""Faults in pooling: which tokens become the vector."""

from functools import cache

from embeddings import folder, pooling
from embeddings.backend import mx
from embeddings.catalog import DEFAULT_MODEL
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    pool_with,
)

fault = faults_of("pooling")


@fault(
    "first-token pooling",
    "out",
    "the first token pooled on a model trained for the mean",
    kills=(
        "parity",
        "category similarity",
        "cohesion",
        "anisotropy",
        "separation",
        "topic auc",
        "nearest neighbour",
        "topics beside baseline",
        "pooled states",
        "published agreement",
    ),
)
def first_token_pooling(patch: Patch) -> None:
    pool_with(patch, pooling.first_token)


@fault(
    "last slot pooled",
    "out",
    "the last position of the padded batch in place of the text's own",
    kills=("parity", "alone or mixed", "generated mixtures", "pooled states"),
    source="ml-explore/mlx-swift-lm#156",
)
def last_slot(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: hidden[:, -1])


@fault(
    "mean on a last-token model",
    "out",
    "the mean of the real tokens in place of the last",
    kills=("parity", "prompts", "pooled states"),
    source="Blaizzy/mlx-embeddings#63",
    model=TINY_DECODER,
)
def mean_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, pooling.mean)


@fault(
    "first token on a causal model",
    "out",
    "texts with one first token become identical",
    kills=("parity", "long tail", "prompts", "pooled states"),
    source="madroidmaq/mlx-omni-server#90",
    model=TINY_DECODER,
)
def first_token_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, pooling.first_token)


@fault(
    "last slot pooled on a decoder",
    "out",
    "the last position of the padded batch, not the text's own",
    kills=("parity", "alone or mixed", "generated mixtures", "pooled states"),
    source="ml-explore/mlx-swift-lm#156",
    model=TINY_DECODER,
)
def last_slot_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: hidden[:, -1])


def pooler(hidden: mx.array) -> mx.array:
    """Apply the dense layer and tanh of BERT's pretraining: (..., D). No sentence model uses them."""
    weight, bias = _dense_layer()
    return mx.tanh(hidden @ weight.T + bias)


@cache
def _dense_layer() -> tuple[mx.array, mx.array]:
    held = mx.load(str(folder.find_folder(DEFAULT_MODEL).file(folder.WEIGHTS_FILE)))
    assert isinstance(held, dict)
    return held["pooler.dense.weight"], held["pooler.dense.bias"]


@fault(
    "dense layer before pooling",
    "out",
    "each token goes through the checkpoint's unused dense layer, and the mean is taken of that",
    kills=("parity", "topics parity", "pooled states", "published agreement"),
    source="Blaizzy/mlx-embeddings#43",
)
def dense_before_pooling(patch: Patch) -> None:
    pool_with(patch, lambda hidden, lengths: pooling.mean(pooler(hidden), lengths))


@fault(
    "pooler output",
    "out",
    "the pretrained pooler's view of the first token in place of the mean",
    kills=("parity", "cohesion", "separation", "topics beside baseline", "pooled states"),
)
def pooler_output(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: pooler(hidden[:, 0]))


@fault(
    "max pooling",
    "out",
    "the largest of each component in place of the mean",
    kills=("parity", "cohesion", "pooled states"),
)
def max_pooling(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        return mx.where(_places(hidden) < lengths[:, None, None], hidden, -mx.inf).max(axis=1)

    pool_with(patch, pool)


@fault(
    "sum in place of the mean",
    "out",
    "vectors that are not normalised grow with the text",
    kills=("pooled length", "pooled states"),
)
def summed(patch: Patch) -> None:
    pool_with(patch, lambda hidden, lengths: pooling.mean(hidden, lengths) * lengths[:, None])


@fault(
    "special tokens left out of the mean",
    "out",
    "the first and the last token are not averaged; an empty text has nothing left",
    kills=("parity", "norm", "pooled states"),
)
def special_tokens_left_out(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        places = _places(hidden)
        kept = mx.logical_and(places > 0, places < lengths[:, None, None] - 1)
        return (hidden * kept).sum(axis=1) / mx.maximum(kept.sum(axis=1), 1e-9)

    pool_with(patch, pool)


@fault(
    "mean weighted by position",
    "out",
    "later tokens count for more, as where a decoder is averaged",
    kills=("parity", "pooled states", "published agreement"),
)
def weighted_mean(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        places = _places(hidden)
        weights = mx.where(places < lengths[:, None, None], places + 1, 0)
        return (hidden * weights).sum(axis=1) / weights.sum(axis=1)

    pool_with(patch, pool)


@fault(
    "end token taken for padding",
    "out",
    "the mask is made of ids, and texts are padded with the end token: the token before it is pooled",
    kills=("parity", "prompts", "pooled states"),
    model=TINY_DECODER,
)
def end_token_taken_for_padding(patch: Patch) -> None:
    pool_with(patch, lambda hidden, lengths: pooling.last_token(hidden, mx.maximum(lengths - 1, 1)))


def _places(hidden: mx.array) -> mx.array:
    """Return the token positions of hidden states (B, T, D): (1, T, 1)."""
    return mx.arange(hidden.shape[1])[None, :, None]
