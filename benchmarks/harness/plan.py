"""Which shapes are measured of which model: all on CUDA, few on Metal and of a heavy model on a CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness.records import PERCENTILES
from embedding_gate.machine import on_cpu
from embedding_gate.roofline import linear_flops_per_token
from embeddings.catalog import DEFAULT_MODEL
from embeddings.folder import find_folder
from embeddings.models.quantized import backend
from embeddings.synthetic import PREFIX, config_of

__all__ = ["MATMUL", "Plan", "batches", "default_models", "outside_plan", "plan_of"]

HEAVY = 3e8  # FLOPs of a token above which a model gets few shapes and rounds on a CPU
SHORT = 16  # tokens
SLOW = 0.1  # seconds of a call with a short text, from which another subject is measured in little
INTERVAL = 7  # rounds that the interval of a median needs (intervals.py)


@dataclass(frozen=True)
class Plan:
    """Shapes and rounds. A shape is (texts, tokens of each). Longer texts than the model reads are cut.

    headline: the shape whose rate stands in the summary. matmul: size and times of the matrix products.
    cache, cache_rounds, loads, matmul: only of the library. Another subject has none of them.
    clients: how many clients ask a server at once. each: requests of a client in a round.
    requests: requests of so many clients together, at least.
    """

    grid: Sequence[tuple[int, int]]
    headline: tuple[int, int]
    rounds: int
    latency_rounds: int
    probe: tuple[int, int]
    probe_rounds: int
    warm_ups: int
    cache: tuple[int, int] = (0, 0)
    cache_rounds: int = 0
    loads: int = 0
    matmul: tuple[int, int] = (0, 0)
    clients: Sequence[int] = ()
    each: int = 1
    requests: int = 0

    def client_rounds(self, clients: int) -> int:
        """Return the rounds that have the requests; at least as many as the median's interval needs."""
        return max(INTERVAL, -(-self.requests // (clients * self.each)))


def _grid(*lengths: int) -> tuple[tuple[int, int], ...]:
    return tuple((batch, length) for length in lengths for batch in (1, 8, 32, 128))


# Backend -> size and times of the matrix products whose best rate is the session's.
MATMUL = {"cpu": (1024, 2), "metal": (4096, 10), "cuda": (8192, 10)}
# A CPU computes batches of 512 tokens. Four of them show the rate: a call of more texts has more of the same.
SMALL_ON_CPU = Plan(
    grid=[(texts, tokens) for texts, tokens in _grid(SHORT, 64, 256) if texts * tokens <= 2048],
    headline=(32, 64),
    rounds=INTERVAL,
    latency_rounds=65,
    cache=(32, 64),
    cache_rounds=9,
    probe=(32, 64),
    probe_rounds=11,
    loads=3,
    warm_ups=1,
    matmul=MATMUL["cpu"],
)
# Each call unpacks all weights: 0.7 s for 0.6B on two cores. 1 x 16 is not in the grid: latency measures it.
HEAVY_ON_CPU = Plan(
    grid=((4, SHORT),),
    headline=(4, SHORT),
    rounds=INTERVAL,
    latency_rounds=INTERVAL,
    cache=(1, SHORT),
    cache_rounds=INTERVAL,
    probe=(4, SHORT),
    probe_rounds=INTERVAL,
    loads=1,
    warm_ups=1,
    matmul=MATMUL["cpu"],
)
ON_CUDA = Plan(
    grid=_grid(SHORT, 128, 512),
    headline=(32, 128),
    rounds=9,
    latency_rounds=131,
    cache=(32, 128),
    cache_rounds=15,
    probe=(128, 128),
    probe_rounds=15,
    loads=1,
    warm_ups=3,
    matmul=MATMUL["cuda"],
)
# 26,000 tokens in all. At half of its peak an M1 (2.6 TFLOP/s) would take 18 s for 0.6B, 147 s for 4B and
# 282 s for 8B. The shapes of CUDA have 86 times as many tokens. Computed: nobody has measured it on a Mac.
ON_METAL = Plan(
    grid=((1, SHORT), (8, SHORT), (1, 128), (8, 128)),
    headline=(8, 128),
    rounds=INTERVAL,
    latency_rounds=65,
    cache=(1, 128),
    cache_rounds=9,
    probe=(4, 128),
    probe_rounds=9,
    loads=1,
    warm_ups=1,
    matmul=MATMUL["metal"],
)

_OUTSIDE = Plan(
    grid=((8, 64), (32, 64), (32, 256)),
    headline=(32, 64),
    rounds=INTERVAL,
    latency_rounds=PERCENTILES[99],
    probe=(16, 256),
    probe_rounds=9,
    warm_ups=2,
    clients=(8, 32),
    each=3,
    requests=PERCENTILES[99],
)
_SLOW_OUTSIDE = replace(
    _OUTSIDE,
    grid=((8, 64),),
    headline=(8, 64),
    latency_rounds=PERCENTILES[90],
    probe=(8, 64),
    probe_rounds=INTERVAL,
    warm_ups=1,
    each=1,
    requests=PERCENTILES[90],
)


def outside_plan(call: float) -> Plan:
    """Return what is measured of another subject. call: seconds that it takes for a short text."""
    return _OUTSIDE if call < SLOW else _SLOW_OUTSIDE


def batches(listed: str) -> list[tuple[int, int]]:
    """Read shapes of batches, texts x tokens, as in "128x128,1x16".

    Raises:
        ValueError: a shape is not two whole numbers.

    """
    return [(int(rows), int(tokens)) for rows, tokens in (shape.split("x") for shape in listed.split(","))]


def default_models() -> list[str]:
    """Name the models that are measured if the user names none."""
    shape = f"{PREFIX}qwen3-embedding-{{}}-4bit"
    if on_cpu():
        return [DEFAULT_MODEL, shape.format("0.6b")]
    return [shape.format(size) for size in ("0.6b", "4b", "8b")]


def plan_of(model: str) -> Plan:
    """Return the plan of a model on the default device. Only its configuration is read.

    Raises:
        ModelError: there is no such model, or its config.json cannot be read.
        InputError: its configuration lacks a size.

    """
    if not on_cpu():
        return ON_CUDA if backend() == "cuda" else ON_METAL
    return HEAVY_ON_CPU if linear_flops_per_token(configuration(model)) > HEAVY else SMALL_ON_CPU


def configuration(model: str) -> Mapping[str, Any]:
    """Return the content of config.json of a model, by a name that ``embeddings.load`` takes."""
    if model.startswith(PREFIX):
        return config_of(model)
    return find_folder(model).mapping("config.json")
