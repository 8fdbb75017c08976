"""Which tokens become the vector."""

from embeddings import pooling
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
    ),
)
def first_token_pooling(patch: Patch) -> None:
    pool_with(patch, pooling.first_token)


@fault(
    "last slot pooled",
    "out",
    "the last position of the padded batch in place of the text's own",
    kills=("parity", "alone or mixed", "generated mixtures"),
    source="ml-explore/mlx-swift-lm#156",
)
def last_slot(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: hidden[:, -1])


@fault(
    "mean on a last-token model",
    "out",
    "the mean of the real tokens in place of the last",
    kills=("parity", "prompts"),
    source="Blaizzy/mlx-embeddings#63",
    model=TINY_DECODER,
)
def mean_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, pooling.mean)


@fault(
    "first token on a causal model",
    "out",
    "texts with one first token become identical",
    kills=("parity", "long tail", "prompts"),
    source="madroidmaq/mlx-omni-server#90",
    model=TINY_DECODER,
)
def first_token_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, pooling.first_token)


@fault(
    "last slot pooled on a decoder",
    "out",
    "the last position of the padded batch, not the text's own",
    kills=("parity", "alone or mixed", "generated mixtures"),
    source="ml-explore/mlx-swift-lm#156",
    model=TINY_DECODER,
)
def last_slot_on_a_decoder(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: hidden[:, -1])
