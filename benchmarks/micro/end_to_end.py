"""Compares ``encode`` of many texts with the model's own rate: ``python -m benchmarks.micro.end_to_end``.

The texts are runs of words of the fixture's passages, of 10 to 300 words. In each round new texts are encoded
from text to vectors, and other new ones from token ids that were ready before the clock ran: that is the
model's own rate. Rounds are interleaved. Rates are medians in real tokens.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from statistics import median

import numpy as np

import embeddings
from embedding_gate.errors import GateError
from embedding_gate.own_files import FIXTURES
from embeddings.batch_runner import run_batches
from embeddings.catalog import DEFAULT_MODEL
from embeddings.embedder import Embedder
from embeddings.errors import EmbeddingsError
from embeddings.pooling import pool

MEDIAN, SPREAD, LEAST, MOST = 60, 0.7, 10, 300  # words of a text, log-normal


def passages() -> list[str]:
    """Return the words of the fixture's passages, in their order."""
    lines = (FIXTURES / "retrieval" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [word for line in lines for word in json.loads(line)["text"].split()]


def draw(count: int, words: Sequence[str], random: np.random.Generator) -> list[str]:
    """Draw texts: runs of words from random places. A number makes each text new."""
    lengths = np.clip(random.lognormal(np.log(MEDIAN), SPREAD, count), LEAST, MOST).astype(int)
    starts = random.integers(0, len(words) - MOST, count)
    return [
        f"{random.integers(10**9)} {' '.join(words[start : start + length])}"
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def ready_rate(model: Embedder, texts: Sequence[str]) -> float:
    """Return tokens/s from token ids to vectors."""
    tokens = model.tokenize(texts)
    finish = partial(
        pool, pooling=model.recipe.pooling, after=model.after, width=model.dimension, scaled=True
    )
    start = time.perf_counter()
    for _ in run_batches(model.model, tokens, finish, name=model.name):
        pass
    return float(tokens.lengths.sum()) / (time.perf_counter() - start)


def encode_rate(model: Embedder, texts: Sequence[str]) -> tuple[float, float]:
    """Return tokens/s from texts to vectors, and the share of the time that tokenizing alone takes."""
    start = time.perf_counter()
    model.encode(texts)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    lengths = model.count_tokens(texts)
    return float(lengths.sum()) / seconds, (time.perf_counter() - start) / seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the rates."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro.end_to_end", description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", choices=("cpu", "gpu"))
    parser.add_argument("--texts", type=int, default=20_000, help="of a round (default: 20,000)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default: 3)")
    options = parser.parse_args(arguments)
    embeddings.use_device(options.device)
    model, words, random = embeddings.load(options.model), passages(), np.random.default_rng(0)
    new = partial(draw, words=words, random=random)
    model.encode(new(min(512, options.texts)))
    rounds = [
        (ready_rate(model, new(options.texts)), *encode_rate(model, new(options.texts)))
        for _ in range(options.rounds)
    ]
    ratios = [encoded / ready for ready, encoded, _ in rounds]
    own, whole, tokenizing = (median(column) for column in zip(*rounds, strict=True))
    print(f"{model.name}, {options.texts:,} texts, {options.rounds} interleaved rounds, medians")
    print(f"the model's own rate  {own:>10,.0f} tokens/s")
    print(f"encode, end to end    {whole:>10,.0f} tokens/s, tokenizing alone {tokenizing:.1%} of its time")
    print(f"encode over the model {median(ratios):>10.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    try:
        main()
    except (GateError, EmbeddingsError) as error:
        sys.exit(str(error))
