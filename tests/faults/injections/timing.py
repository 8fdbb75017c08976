"""Faults in the clock and the rounds: the work is done, but the rates are wrong.

They are injected into the harness of the measurements, on the simulated machine of simulated.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean

from benchmarks.harness import meter
from benchmarks.harness.bench import Bench
from benchmarks.harness.clock import by_clock
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.meter import Meter
from benchmarks.harness.records import Record
from embeddings.cache import VectorCache
from embeddings.tokens import TextTokenizer, TokenizedTexts
from tests.faults import simulated
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import leave_unevaluated, time_encode

fault = partial(faults_of("timing"), model=TINY_DECODER)


@fault(
    "unevaluated graph timed",
    "time",
    "the clock stops before anything is worked out",
    kills=("growing work", "roofline"),
    source="ml-explore/mlx#2132",
)
def unevaluated(patch: Patch) -> None:
    leave_unevaluated(patch)
    patch.setattr(meter, "in_host_memory", lambda vectors: vectors)


@fault(
    "warm-up counted",
    "time",
    "the slow first call of a shape is a round",
    kills=("warm up", "first round"),
    source="ekryski/mlx-swift-lm#10",
)
def no_warm_up(patch: Patch) -> None:
    patch.setattr(Meter, "warm_up", lambda *_: None)


@fault("one list of texts for all rounds", "time", "no text is new", kills=(simulated.RULES,))
def one_list(patch: Patch) -> None:
    right, drawn = FreshTexts.__call__, dict[tuple[int, int], list[str]]()

    def draw(self: FreshTexts, count: int, tokens: int) -> list[str]:
        if (count, tokens) not in drawn:
            drawn[count, tokens] = right(self, count, tokens)
        return drawn[count, tokens]

    patch.setattr(FreshTexts, "__call__", draw)


@fault(
    "one list of texts, and a cache",
    "time",
    "no text is new, nobody keeps account of them, and all are hits",
    kills=("growing work", "roofline"),
    source="vllm-project/vllm#10753",
)
def one_list_cached(patch: Patch) -> None:
    one_list(patch)
    patch.setattr(Seen, "claim", lambda *_: None)
    patch.setattr(Seen, "again", lambda *_: None)
    kept = VectorCache()
    time_encode(patch, lambda right, self, texts, **_: right(self, texts, cache=kept))


Times = Callable[[Callable[[], None], Callable[[], None], Callable[[], None], int], list[float]]


def time_by(patch: Patch, timed: Times) -> None:
    """Time rounds differently from pytest-benchmark. The meter's own clock stays right."""
    patch.setattr(simulated.Rounds, "timed", staticmethod(timed))


@fault(
    "CPU time in place of wall time",
    "time",
    "the clock of one of four threads that share the work",
    kills=("wall time",),
    source="airspeed-velocity/asv#75",
)
def cpu_time(patch: Patch) -> None:
    time_by(patch, by_clock(lambda: simulated.machine.now / 4))


@fault(
    "clock started after tokenization",
    "time",
    "the tokenizer's time, a quarter of all, is left out",
    kills=("wall time",),
    source="ggml-org/llama.cpp#16823",
)
def tokenization_left_out(patch: Patch) -> None:
    right, left_out = TextTokenizer.__call__, [0.0]

    def tokenizer(self: TextTokenizer, texts: Sequence[str]) -> TokenizedTexts:
        start = simulated.machine.now
        found = right(self, texts)
        left_out[0] += simulated.machine.now - start
        return found

    patch.setattr(TextTokenizer, "__call__", tokenizer)
    time_by(patch, by_clock(lambda: simulated.machine.clock() - left_out[0]))


@fault("slow rounds dropped", "time", "the fastest half is kept, raw rounds and all", kills=("wall time",))
def slow_rounds_dropped(patch: Patch) -> None:
    right = simulated.Rounds.timed
    time_by(patch, lambda *given: sorted(right(*given))[: given[-1] // 2])


@fault(
    "each round the best of two", "time", "a round is run twice, and the faster kept", kills=("wall time",)
)
def best_of_two(patch: Patch) -> None:
    right = simulated.Rounds.timed

    def timed(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        best = []
        for _ in range(rounds):
            prepare()
            best.append(min(right(_nothing, work, _nothing, 2)))
            after()
        return best

    time_by(patch, timed)


def report(rate: Callable[[Sequence[float]], float]) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        patch.setattr(Record, "rate", property(lambda self: self.tokens / rate(self.seconds)))

    return inject


fault(
    "best round reported",
    "time",
    "the fastest round stands in the table, not the median",
    kills=("recomputed",),
    source="flix/flix#3703",
)(report(min))
fault("mean round reported", "time", "which one slow round moves", kills=("recomputed",))(report(mean))


@fault("slow clock", "time", "it counts a third of the seconds, everywhere", kills=("device peak",))
def slow_clock(patch: Patch) -> None:
    patch.setattr(simulated.Machine, "clock", lambda self: self.now / 3)


@fault("matrix product overstated", "time", "so that nothing exceeds it", kills=("device peak",))
def matrix_product_overstated(patch: Patch) -> None:
    right = Bench.look_at_peak

    def look(self: Bench) -> None:
        right(self)
        self.findings.peak *= 2

    patch.setattr(Bench, "look_at_peak", look)


def _nothing() -> None:
    pass
