"""All measurements of the tiny decoder on a simulated machine: the same figures in every run.

Bench, meter, engine, library and model are the real ones. Only time is simulated. It passes in the forward
pass, in the tokenizer, in matrix products and in each round, and nowhere else. So no audit depends on what
else runs on the machine.
"""

import math
import random
from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np

import embeddings
from benchmarks.harness import bench
from benchmarks.harness.audits import judge
from benchmarks.harness.bench import Bench, Measure, open_bench
from benchmarks.harness.clock import by_clock
from benchmarks.harness.engine import EmbedderEngine
from benchmarks.harness.fresh import Seen
from benchmarks.harness.meter import Meter
from benchmarks.harness.plan import Plan, configuration
from embedding_gate.adapter import ERRORS
from embedding_gate.roofline import Device, flops_per_token
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict
from embeddings.backend import mx
from embeddings.embedder import Embedder
from embeddings.models import Decoder
from embeddings.tokens import TextTokenizer, TokenizedTexts
from tests.faults.registry import TINY_DECODER, Patch

__all__ = ["PLAN", "RULES", "Machine", "Rounds", "audited", "machine", "model", "simulate"]

RULES = "meter's rules"  # what stops a benchmark before any audit, as a check
SHAPE = (8, 16)
PLAN = Plan(
    grid=(SHAPE,),
    headline=SHAPE,
    rounds=9,
    latency_rounds=9,
    cache=SHAPE,
    cache_rounds=7,
    probe=SHAPE,
    probe_rounds=11,
    loads=0,
    warm_ups=1,
    matmul=(1024, 2),
)


class Machine:
    """What takes time, and the clock. The rates have the proportions of an H100's rates, and are far lower.

    peak: FLOP/s of a matrix product. share: the part of it that the layers reach.
    published: FLOP/s of the chip. call: seconds of a round that does nothing.
    tokenizing: seconds of each token, a quarter of its whole time.
    cold: how many times as long as usual the first batch of a shape takes: kernels are compiled for it.
    """

    peak, published, share = 2e9, 2.6e9, 0.5
    tokenizing, call, cold = 1e-4, 1e-4, 10

    def __init__(self) -> None:
        self.now = 0.0
        self._shapes: set[tuple[int, ...]] = set()
        self._random = random.Random(0)  # noqa: S311

    def clock(self) -> float:
        """Return the seconds that passed. Each call takes one microsecond, so that nothing takes no time."""
        self.now += 1e-6
        return self.now

    def noise(self) -> float:
        """Return by what factor a forward pass takes longer than it should."""
        return self._random.uniform(1, 1.01)

    def forward(self, decoder: Decoder, lengths: list[int], shape: tuple[int, ...]) -> None:
        """Let the time of a forward pass go by. Half precision takes half the time."""
        layers, precision = len(decoder.trunk.layers), decoder.trunk.norm.weight.dtype.size / 4
        config = {**configuration(TINY_DECODER), "num_hidden_layers": layers}
        flops = sum(length * flops_per_token(config, length) for length in lengths)
        cold = 1 if shape in self._shapes else self.cold
        self._shapes.add(shape)
        self.now += flops * precision / (self.peak * self.share) * cold * self.noise()

    def matmul_rates(self, size: int, times: int) -> dict[str, float]:
        """Let the time of matrix products go by; return FLOP/s by precision, as the real function does."""
        start, flops = self.clock(), 2 * size**3 * times
        self.now += flops / self.peak
        return {"float32": flops / (self.clock() - start)}


machine = Machine()  # each run has its own


@cache
def model() -> Embedder:
    """Load the tiny decoder."""
    return embeddings.load(TINY_DECODER)


class Rounds:
    """Takes the place of pytest-benchmark's fixture: times rounds, and keeps them."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]))

    def pedantic(
        self,
        work: Callable[[], None],
        *,
        setup: Callable[[], None],
        teardown: Callable[[], None],
        rounds: int,
        iterations: int,
        warmup_rounds: int,
    ) -> None:
        """Time rounds."""
        assert (iterations, warmup_rounds) == (1, 0)
        self.stats.stats.data = self.timed(setup, work, teardown, rounds)

    @staticmethod
    def timed(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        """Return the seconds of each round by the machine's clock."""

        def call() -> None:
            machine.now += machine.call
            work()

        return by_clock(machine.clock)(prepare, call, after, rounds)


def simulate(patch: Patch) -> None:
    """Put a new machine in the place of the real clock. Faults are injected after this."""
    run, call, tokenize = Machine(), Decoder.__call__, TextTokenizer.__call__
    patch.setattr(f"{__name__}.machine", run)

    def forward(self: Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        run.forward(self, np.array(lengths).tolist(), tuple(ids.shape))
        return call(self, ids, lengths)

    def tokenizer(self: TextTokenizer, texts: Any) -> TokenizedTexts:
        found = tokenize(self, texts)
        run.now += run.tokenizing * int(found.lengths.sum())
        return found

    patch.setattr(Decoder, "__call__", forward)
    patch.setattr(TextTokenizer, "__call__", tokenizer)
    patch.setattr(bench, "Meter", partial(Meter, clock=lambda: run.clock()))  # noqa: PLW0108  (late)
    patch.setattr(bench, "matmul_rates", run.matmul_rates)


def audited() -> Gate:
    """Measure as ``pytest --benchmark-only`` does; return the verdicts of audits and meter's rules."""
    engine = EmbedderEngine(model())
    device = Device("simulated", "simulated", ("simulated",), "2020-01", {"float32": Machine.published}, "")
    opened = open_bench(
        TINY_DECODER,
        engine,
        PLAN,
        Seen(),
        configuration(TINY_DECODER),
        limit=engine.embedder.max_tokens,
        precision="float32",
        device=device,
        child=[],
    )
    broken = _broken(opened)
    gate = judge("simulated", opened.findings)
    gate.verdicts += broken[:1] or [Verdict(RULES, 0.0, "kept", math.inf, "pass")]
    return gate


def _broken(opened: Bench) -> list[Verdict]:
    """Run each benchmark; return one verdict for each benchmark that a rule stopped."""
    found = []
    benchmarks: tuple[Callable[[], None], ...] = (
        lambda: Measure(opened, Rounds()).latency(SHAPE[1]),
        lambda: Measure(opened, Rounds()).throughput(*SHAPE),
        lambda: Measure(opened, Rounds()).tokenization(),
        opened.audit,
    )
    for measure in benchmarks:
        try:
            measure()
        except ERRORS as error:
            found.append(Verdict(RULES, math.nan, "kept", 0.0, "ERROR", str(error)))
    return found
