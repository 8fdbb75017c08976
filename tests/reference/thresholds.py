"""Thresholds of the semantic checks: ``make thresholds`` prints them as TOML.

Then it prints how much worse the same model with weights in fewer bits surely is than with float32 weights.
The thresholds "... beside baseline" are set from these figures for the precisions that people use.
"""

import sys
from collections.abc import Iterator

import embeddings
from embedding_gate import own_files
from embedding_gate.calibrate import Entry, Floats, as_toml, of_pairs, of_retrieval, of_sets
from embedding_gate.checks.test_pairs import cosines
from embedding_gate.checks.test_retrieval import ndcg_of
from embedding_gate.metrics import resampling
from embedding_gate.subjects.embedded import embed
from embeddings.backend import mx
from embeddings.catalog import DEFAULT_MODEL
from embeddings.models import Bert
from tests.faults.slices import golden_of


def all_thresholds(model: str) -> Iterator[Entry]:
    """Yield every semantic threshold of a model with goldens: on the gate's texts, and on their slice."""
    golden, few = golden_of(model), own_files.slice_of_sets()
    if golden is None:
        sys.exit(f"{model} has no goldens: make golden")
    yield from of_sets(golden.sets, own_files.sets())
    yield from of_pairs(golden.sets[few.pairs.sha256], few.pairs)
    yield from of_retrieval(golden.sets[few.retrieval.sha256], few.retrieval)


def in_bits(weight: mx.array, bits: int) -> mx.array:
    """Round a matrix to the given number of bits in groups of 64, as mlx-lm does. 16 means bfloat16."""
    if bits == 16:
        return weight.astype(mx.bfloat16).astype(mx.float32)
    if weight.ndim != 2 or weight.shape[1] % 64:
        return weight
    packed = mx.quantize(weight, group_size=64, bits=bits)
    return mx.dequantize(*packed, group_size=64, bits=bits)


def print_precisions() -> None:
    """Print how much worse each precision surely is than float32, for each quality figure."""
    sets = own_files.sets()
    right: dict[str, Floats] = {}
    print("# surely worse than float32:")
    for bits in (32, 16, 8, 6, 4, 3, 2):
        encoder = embeddings.load()
        if bits < 32:
            assert isinstance(encoder.model, Bert)
            weights = encoder.model.weights
            encoder.model.weights = {name: in_bits(weight, bits) for name, weight in weights.items()}
        topics, pairs, retrieval = (embed(encoder, one) for one in (sets.topics, sets.pairs, sets.retrieval))
        draws = {
            "topic AUC": resampling.draw_aucs(topics[0], sets.topics.categories),
            "nearest neighbour": resampling.draw_hits(topics[0], sets.topics.categories),
            "Spearman": resampling.draw_spearman(cosines(pairs), sets.pairs),
            "nDCG@10": resampling.draw_means(ndcg_of(retrieval, sets.retrieval)),
        }
        right = right or draws
        worse = {name: resampling.surely_worse(drawn, right[name]) for name, drawn in draws.items()}
        print(f"# {bits:>2} bits: " + ", ".join(f"{name} {value:.4f}" for name, value in worse.items()))


def main() -> None:
    """Print the thresholds and the figures of the precisions."""
    for threshold in all_thresholds(DEFAULT_MODEL):
        print(as_toml(threshold, DEFAULT_MODEL))
    print_precisions()


if __name__ == "__main__":
    main()
