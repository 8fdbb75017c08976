"""How cost grows with the number of texts and with their length: ``python -m benchmarks.micro.growth``.

Each line is one ``encode`` call of new texts in a process of its own. It has tokens/s, the share of the time
that tokenizing alone takes, and the memory that the call added to the process and to MLX's arrays. The first
lines have more and more texts of 32 tokens. The others have longer and longer texts, 65,536 tokens together.
A line is left out if it would take longer than ``--limit``, judged by the line before it.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import embeddings
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.peak import peak_bytes
from embedding_gate.errors import GateError
from embedding_gate.serving import serve
from embedding_gate.workers import Worker
from embeddings.backend import mx
from embeddings.catalog import DEFAULT_MODEL

TOKENS, TOGETHER = 32, 65_536
TEXTS, LENGTHS = (10, 1_000, 100_000), (16, 32, 64, 128, 256, 512, 1_024, 2_048)


def start(options: argparse.Namespace) -> Callable[[Sequence[int]], dict[str, float]]:
    """Load the model. Return the function that encodes (texts, tokens) and answers with what it took."""
    embeddings.use_device(options.device)
    model = embeddings.load(options.model)
    draw = FreshTexts(model.tokenize, Seen())

    def answer(request: Sequence[int]) -> dict[str, float]:
        count, tokens = request
        if tokens > model.max_tokens:
            return {}
        model.encode(draw(2, tokens))  # a warm-up of the shape
        texts = draw(count, tokens)
        mx.reset_peak_memory()
        process, arrays = peak_bytes(), mx.get_active_memory()
        begun = time.perf_counter()
        model.encode(texts)
        seconds = time.perf_counter() - begun
        memory = {"process": peak_bytes() - process, "arrays": mx.get_peak_memory() - arrays}
        begun = time.perf_counter()
        model.tokenize(texts)
        return {"seconds": seconds, "tokenizing": time.perf_counter() - begun, **memory}

    return answer


def measure(count: int, tokens: int, arguments: Sequence[str]) -> dict[str, float]:
    """Encode in a new process."""
    with Worker("growth", "benchmarks.micro.growth", [*arguments, "--serve"]) as worker:
        answer: dict[str, float] = worker.ask([count, tokens])
        return answer


def line(count: int, tokens: int, taken: dict[str, float]) -> str:
    """Describe what one call took."""
    return (
        f"{count:>8,} x {tokens:<5,} {count * tokens / taken['seconds']:>9,.0f} tokens/s  "
        f"tokenizing {taken['tokenizing'] / taken['seconds']:>5.1%}  "
        f"memory {taken['process'] / 2**20:>7,.0f} MiB, arrays {taken['arrays'] / 2**20:>7,.0f} MiB"
    )


def table(shapes: Sequence[tuple[int, int]], arguments: Sequence[str], limit: float) -> None:
    """Measure and print the lines of one table."""
    rate = 0.0
    for count, tokens in shapes:
        name = f"{count:>8,} x {tokens:<5,}"
        if rate and count * tokens / rate > limit:
            print(f"{name} left out: about {count * tokens / rate:,.0f} s", flush=True)
            continue
        taken = measure(count, tokens, arguments)
        print(line(count, tokens, taken) if taken else f"{name} left out: the model reads less", flush=True)
        rate = count * tokens / taken["seconds"] if taken else rate


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro.growth", description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", choices=("cpu", "gpu"))
    parser.add_argument("--limit", type=float, default=120, help="seconds of a line (default: 120)")
    parser.add_argument("--together", type=int, default=TOGETHER, help="tokens of a line of the second table")
    parser.add_argument("--serve", action="store_true", help="answer over pipes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Print both tables."""
    options = parse(arguments)
    if options.serve:
        serve(lambda: start(options))
        return
    table([(count, TOKENS) for count in TEXTS], arguments, options.limit)
    print()
    table([(max(1, options.together // tokens), tokens) for tokens in LENGTHS], arguments, options.limit)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except GateError as error:
        sys.exit(str(error))
