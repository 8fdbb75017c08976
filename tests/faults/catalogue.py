"""Faults of embedding implementations, as data plus a small injection in memory.

Most have really shipped, and name a public report; the others were thought of, each for a check.

A fault changes one function of the library through pytest's MonkeyPatch; the source stays untouched.
The injections themselves are in ``injections.py``. ``killers`` are the checks that must turn red.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from embeddings.catalog import DEFAULT_MODEL
from tests.faults import injections as inject

__all__ = ["BENIGN", "BY_NAME", "FAULTS", "Fault", "injected"]

GITHUB = "https://github.com/"
TINY_DECODER = str(Path(__file__).resolve().parents[2] / "fixtures" / "tiny-qwen3")


@dataclass(frozen=True)
class Fault:
    """One change of the library, and what the gate must say of it.

    where: tok (tokens), fwd (forward pass), out (vectors), load.
    killers: checks that must be red; none for a benign variant, on which every check must stay green.
    source: a public thread where it was found, or "" where it was thought of.
    model: what it is injected into; a decoder where an encoder does not have it.
    precision: what is computed in, and whose bars bind; None for the default.
    """

    name: str
    where: str
    what: str
    killers: tuple[str, ...]
    inject: Callable[[pytest.MonkeyPatch], None]
    source: str = ""
    model: str = DEFAULT_MODEL
    precision: str | None = None


FAULTS = (
    Fault(
        "first-token pooling",
        "out",
        "the first token pooled on a model trained for the mean",
        (
            "parity",
            "category similarity",
            "cohesion",
            "anisotropy",
            "separation",
            "topic auc",
            "nearest neighbour",
            "topics beside baseline",
        ),
        inject.first_token_pooling,
    ),
    Fault(
        "last slot pooled",
        "out",
        "the last position of the padded batch in place of the text's own",
        ("parity", "alone or mixed", "generated mixtures"),
        inject.last_slot,
        GITHUB + "ml-explore/mlx-swift-lm/issues/156",
    ),
    Fault(
        "padding in the mean",
        "out",
        "padded positions are averaged with the real ones",
        ("parity", "alone or mixed", "generated mixtures"),
        inject.padding_in_the_mean,
        GITHUB + "ml-explore/mlx-swift-lm/issues/418",
    ),
    Fault(
        "attention mask ignored",
        "fwd",
        "real tokens attend to padding",
        ("parity", "alone or mixed", "generated mixtures"),
        inject.attention_mask_ignored,
        GITHUB + "ml-explore/mlx-swift-lm/issues/418",
    ),
    Fault(
        "causal mask on an encoder",
        "fwd",
        "no token reads what comes after it",
        ("parity", "bidirectional"),
        inject.causal_mask,
        GITHUB + "huggingface/sentence-transformers/issues/3725",
    ),
    Fault(
        "attention across texts",
        "fwd",
        "texts of equal length are packed without a mask between them",
        ("equal lengths",),
        inject.attention_across_texts,
    ),
    Fault(
        "no normalisation",
        "out",
        "vectors keep the length that pooling gave them",
        ("norm", "mean norm", "parity"),
        inject.no_normalisation,
        GITHUB + "ggml-org/llama.cpp/issues/5956",
    ),
    Fault(
        "shorter, not normalised again",
        "out",
        "dimensions are cut after the vector was scaled",
        ("shorter dimensions",),
        inject.shortened_after_normalising,
        GITHUB + "michaelfeil/infinity/issues/538",
    ),
    Fault(
        "constant vector",
        "out",
        "every text gets the same unit vector",
        (
            "parity",
            "long tail",
            "distinctness",
            "cohesion",
            "separation",
            "topics by chance",
            "pairs",
            "pairs by chance",
            "pairs beside baseline",
            "retrieval",
            "retrieval by chance",
            "retrieval beside baseline",
        ),
        inject.constant_vector,
        GITHUB + "alibaba/MNN/issues/4462",
    ),
    Fault(
        "random vector by text",
        "out",
        "a unit vector seeded by Python's hash of the text",
        ("parity", "new process", "topics by chance", "texts by chance"),
        inject.random_by_text,
    ),
    Fault(
        "output in length order",
        "out",
        "vectors come back in the order of the batches",
        ("parity", "permuted", "alone or mixed", "texts by chance"),
        inject.length_order,
        GITHUB + "googleapis/js-genai/issues/1207",
    ),
    Fault(
        "tanh GELU",
        "fwd",
        "the tanh approximation in place of the exact function",
        ("parity", "hidden state parity", "topics parity"),
        inject.tanh_gelu,
    ),
    Fault(
        "layer-norm epsilon",
        "fwd",
        "1e-5, the default of most frameworks, where 1e-12 was trained",
        ("parity", "hidden state parity"),
        inject.layer_norm_epsilon,
    ),
    Fault(
        "tile remainder",
        "fwd",
        "a batch that fills tiles of 32 exactly counts one padded position as real",
        ("multiple of 32",),
        inject.tile_remainder,
    ),
    Fault(
        "fp16 overflow",
        "fwd",
        "large activations overflow in half precision: NaN for some texts",
        ("finite", "norm", "parity"),
        inject.overflow,
        GITHUB + "QwenLM/Qwen3-Embedding/issues/164",
    ),
    Fault(
        "dropout left on",
        "fwd",
        "the model runs in training mode",
        ("repeated", "parity"),
        inject.dropout,
        GITHUB + "facebookresearch/XLM/issues/101",
    ),
    Fault(
        "normalize ignored",
        "out",
        "vectors are scaled although normalize=False was asked for",
        ("unnormalised",),
        inject.normalize_ignored,
    ),
    Fault(
        "repeats dropped",
        "out",
        "a long list is encoded once per distinct text, and comes back shorter",
        ("many texts",),
        inject.repeats_dropped,
    ),
    Fault(
        "cache key without the model",
        "out",
        "another model's vectors come out of a shared cache",
        ("cached",),
        inject.cache_key_without("architecture", "weights", "tokenizer"),
        GITHUB + "embeddings-benchmark/mteb/issues/5383",
    ),
    Fault(
        "cache key joined ambiguously",
        "out",
        "the parts of a key are written one after the other, with nothing between them",
        ("cached",),
        inject.cache_key_joined,
        GITHUB + "laravel/ai/issues/839",
    ),
    Fault(
        "cache key without the prompt",
        "out",
        "a query's vector comes out of the cache for a document",
        ("cached",),
        inject.cache_key_without("before"),
        GITHUB + "braintrustdata/autoevals/issues/211",
        TINY_DECODER,
    ),
    Fault(
        "result buffer reused",
        "out",
        "a call overwrites the vectors that an earlier one returned",
        ("no side effects",),
        inject.buffer_reused,
    ),
    Fault(
        "text cut to the budget",
        "tok",
        "a text longer than batch_tokens loses its end",
        ("batch budget",),
        inject.cut_to_the_budget,
    ),
    Fault(
        "mask left out at the limit",
        "fwd",
        "a batch of the greatest length is taken to need no mask",
        ("alone or mixed",),
        inject.mask_left_out_at_the_limit,
    ),
    Fault(
        "state shared between threads",
        "out",
        "a call's texts are kept on the object",
        ("threads",),
        inject.shared_state,
        GITHUB + "ollama/ollama/issues/8713",
    ),
    Fault(
        "special tokens dropped",
        "tok",
        "texts go in without their first and last special token",
        ("token ids", "parity"),
        inject.no_special_tokens,
        GITHUB + "ggml-org/llama.cpp/issues/24428",
    ),
    Fault(
        "silent cut",
        "tok",
        "texts are cut at 128 tokens and nobody is told",
        ("long tail", "truncation count", "parity"),
        inject.silent_cut,
        GITHUB + "raullenchai/Rapid-MLX/issues/1381",
    ),
    Fault(
        "cut not counted",
        "tok",
        "texts are cut where they should be, and nobody is told",
        ("truncation count",),
        inject.cut_not_counted,
    ),
    Fault(
        "empty text dropped",
        "tok",
        "blank texts are skipped, so there are fewer vectors than texts",
        ("hostile texts",),
        inject.empty_dropped,
        GITHUB + "ollama/ollama/issues/3944",
    ),
    Fault(
        "lone surrogate crashes",
        "tok",
        "half an emoji ends in an error from deep inside",
        ("hostile texts",),
        inject.surrogate_crash,
        GITHUB + "manticoresoftware/columnar/issues/126",
    ),
    Fault(
        "another revision's tokenizer",
        "load",
        "accents are kept; the hash is not looked at",
        ("files", "token ids"),
        inject.other_tokenizer,
        GITHUB + "embeddings-benchmark/mteb/issues/5377",
    ),
    Fault(
        "weights silently not loaded",
        "load",
        "one layer keeps its random initial weights",
        ("weights", "parity"),
        inject.weights_not_loaded,
        GITHUB + "embeddings-benchmark/mteb/issues/1717",
    ),
    Fault(
        "quantized too far",
        "load",
        "every matrix is rounded to 2 bits",
        ("weights", "parity", "cohesion"),
        inject.two_bits,
        GITHUB + "bobmatnyc/trusty-tools/issues/3511",
    ),
    Fault(
        "no causal mask on a decoder",
        "fwd",
        "every token reads the whole text",
        ("causal", "parity", "hidden state parity"),
        inject.no_causal_mask,
        GITHUB + "huggingface/text-embeddings-inference/issues/642",
        TINY_DECODER,
    ),
    Fault(
        "mean on a last-token model",
        "out",
        "the mean of the real tokens in place of the last",
        ("parity", "prompts"),
        inject.mean_on_a_decoder,
        GITHUB + "Blaizzy/mlx-embeddings/issues/63",
        TINY_DECODER,
    ),
    Fault(
        "first token on a causal model",
        "out",
        "texts with one first token become identical",
        ("parity", "long tail", "prompts"),
        inject.first_token_on_a_decoder,
        GITHUB + "madroidmaq/mlx-omni-server/issues/90",
        TINY_DECODER,
    ),
    Fault(
        "last slot pooled on a decoder",
        "out",
        "the last position of the padded batch, not the text's own",
        ("parity", "alone or mixed", "generated mixtures"),
        inject.last_slot_on_a_decoder,
        GITHUB + "ml-explore/mlx-swift-lm/issues/156",
        TINY_DECODER,
    ),
    Fault(
        "left padding taken for right",
        "out",
        "the last token looked for at the wrong end of a padded row",
        ("parity", "alone or mixed", "generated mixtures"),
        inject.left_padded,
        GITHUB + "xiezijun714-lang/Echo/issues/24",
        TINY_DECODER,
    ),
    Fault(
        "mask left out for equal lengths",
        "fwd",
        "a batch of texts of one length is taken to need no mask",
        ("equal lengths",),
        inject.mask_left_out_for_equal_lengths,
        GITHUB + "huggingface/text-embeddings-inference/issues/882",
        TINY_DECODER,
    ),
    Fault(
        "end token missing",
        "tok",
        "texts go in without the token that is pooled",
        ("token ids", "parity", "prompts"),
        inject.no_end_token,
        GITHUB + "ggml-org/llama.cpp/issues/14252",
        TINY_DECODER,
    ),
    Fault(
        "wrong end token",
        "tok",
        "another special token stands at the end",
        ("token ids", "parity", "prompts"),
        inject.wrong_end_token,
        GITHUB + "neomjs/neo/issues/14015",
        TINY_DECODER,
    ),
    Fault(
        "end token twice",
        "tok",
        "the template and the code append one each",
        ("token ids", "parity", "prompts"),
        inject.end_token_twice,
        GITHUB + "ohdearquant/lattice/issues/103",
        TINY_DECODER,
    ),
    Fault(
        "special tokens dropped on a decoder",
        "tok",
        "texts go in without their first and last token",
        ("token ids", "parity"),
        inject.no_special_tokens,
        GITHUB + "ggml-org/llama.cpp/issues/24428",
        TINY_DECODER,
    ),
    Fault(
        "query prompt on documents",
        "tok",
        "documents carry the queries' instruction",
        ("prompts",),
        inject.prompt_on_documents,
        GITHUB + "QwenLM/Qwen3-Embedding/issues/95",
        TINY_DECODER,
    ),
    Fault(
        "prompt on neither",
        "tok",
        "queries go in bare",
        ("prompts",),
        inject.prompt_on_neither,
        GITHUB + "embeddings-benchmark/mteb/issues/2867",
        TINY_DECODER,
    ),
    Fault(
        "prompt on every text",
        "tok",
        "a text without a role carries the queries' instruction",
        ("token ids", "parity"),
        inject.prompt_on_everything,
        "",
        TINY_DECODER,
    ),
    Fault(
        "rotary theta ignored",
        "fwd",
        "10,000, the default, where the folder says a million",
        ("parity", "hidden state parity"),
        inject.theta_ignored,
        GITHUB + "lyogavin/airllm/issues/368",
        TINY_DECODER,
    ),
    Fault(
        "position off by one",
        "fwd",
        "keys count their positions from one",
        ("parity", "hidden state parity"),
        inject.position_off_by_one,
        GITHUB + "sbryngelson/ANEForge/issues/257",
        TINY_DECODER,
    ),
    Fault(
        "final norm skipped",
        "fwd",
        "the last layer's states are pooled as they are",
        ("parity", "hidden state parity"),
        inject.final_norm_skipped,
        GITHUB + "vllm-project/vllm/issues/33167",
        TINY_DECODER,
    ),
    Fault(
        "state between batches",
        "fwd",
        "keys and values of the last batch are attended to",
        ("repeated", "alone or mixed", "parity"),
        inject.state_between_batches,
        GITHUB + "ddalcu/mlx-serve/issues/403",
        TINY_DECODER,
    ),
    Fault(
        "heads of another group",
        "fwd",
        "queries attend to the keys of the next group",
        ("parity", "hidden state parity"),
        inject.grouped_heads_swapped,
        "",
        TINY_DECODER,
    ),
    Fault(
        "query norm skipped",
        "fwd",
        "queries are not normalised before they are turned",
        ("parity", "hidden state parity"),
        inject.query_norm_skipped,
        "",
        TINY_DECODER,
    ),
)

BENIGN = (
    Fault("small batches", "out", "a budget of 64 tokens", (), inject.batch_budget(64)),
    Fault("large batches", "out", "a budget of 4,096 tokens", (), inject.batch_budget(4096)),
    Fault("batches of one", "out", "each text alone", (), inject.batch_budget(1)),
    Fault("renamed folder", "load", "the same files in a folder of another name", (), inject.renamed_folder),
    Fault("normalised twice", "out", "vectors of length 1 are scaled once more", (), inject.normalised_twice),
    Fault("another thread", "out", "each call runs in a thread of its own", (), inject.another_thread),
    Fault("cached a second time", "out", "every vector is a hit", (), inject.cached_a_second_time),
    Fault("reversed batches", "out", "shortest texts first", (), inject.shortest_first),
    Fault("a decoder", "out", "nothing is changed", (), inject.nothing, "", TINY_DECODER),
    Fault("a decoder in bfloat16", "fwd", "", (), inject.nothing, "", TINY_DECODER, "bfloat16"),
    Fault("a decoder in float16", "fwd", "", (), inject.nothing, "", TINY_DECODER, "float16"),
    Fault(
        "a decoder in small batches", "out", "a budget of 64", (), inject.batch_budget(64), "", TINY_DECODER
    ),
    Fault("a decoder in large batches", "out", "of 4,096", (), inject.batch_budget(4096), "", TINY_DECODER),
    Fault("a decoder, shortest first", "out", "shortest first", (), inject.shortest_first, "", TINY_DECODER),
)


BY_NAME = {fault.name: fault for fault in (*FAULTS, *BENIGN)}


@contextmanager
def injected(name: str) -> Iterator[pytest.MonkeyPatch]:
    """Inject the fault or benign variant of that name for a while; "" injects nothing."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="embedding-gate-") as scratch:
        patch.setattr(inject, "SCRATCH", Path(scratch))
        if name:
            BY_NAME[name].inject(patch)
        yield patch
