"""The types of the measurements of speed, here and elsewhere, and beside another revision."""

from typing import Literal

from embedding_gate.report.schema.models import Data, Measurement

__all__ = ["Against", "Moved", "Peer", "Percentile", "Published", "Ratio", "Row", "Speed", "Step", "Vectors"]


class Percentile(Data):
    """A percentile of the rounds, or of the requests in them. rounds: how many it was taken from."""

    percent: int
    seconds: float
    rounds: int


class Speed(Data):
    """One benchmark of one model.

    kind: throughput, latency, cache: memory, cache: SQLite, tokenization or load; of a server also N clients,
    HTTP: no text, JSON, and own cache, which is the server's. batch: texts of a round.
    length: tokens of each text. tokens: real tokens of a round. median, uncached_median: seconds.
    flops_per_token: null where the model did not compute every round. matmul: the best matrix product of the
    session, FLOP/s; null for another subject, whose device is not known. device_peak: published of the chip,
    FLOP/s. bound: tokens/s that the roofline allows.
    mfu: tokens_per_second x flops_per_token / matmul. peak_bytes: of the process; device_peak_bytes: of
    MLX's arrays. headline: whether its rate stands in the summary. audits_red: whether an audit of this
    model is red. samples: seconds of each round.
    """

    model: str
    precision: str
    dimension: int
    kind: str
    batch: int
    length: int
    rounds: int
    median: float
    unit: Literal["s"]
    tokens: int | None
    tokens_per_second: Measurement
    percentiles: list[Percentile]
    flops_per_token: Measurement
    mfu: Measurement
    matmul: Measurement
    device_peak: Measurement
    bound: Measurement
    first_over_median: float
    cache_speedup: Measurement
    uncached_median: Measurement
    peak_bytes: int | None
    device_peak_bytes: int | None
    headline: bool
    audits_red: bool
    samples: list[float]


class Step(Data):
    """From one size to the next larger one: times slower, as measured, by FLOPs, and as published."""

    smaller: str
    larger: str
    measured: float
    predicted: float
    published: str | None


class Peer(Data):
    """Another implementation, measured on the same machine.

    rate: median, tokens/s. ratio: this library's tokens/s over the engine's, the median of the rounds, from
    least to most. difference: the largest of a component.
    """

    engine: str
    workload: str
    machine: str
    rate: float
    ratio: float
    least: float
    most: float
    difference: Measurement
    command: str


class Published(Data):
    """A published figure. model: "" where it is of none.

    lacks: what the source leaves out. judged: the model of this run that it was compared with, or "".
    """

    model: str
    section: str
    quantity: str
    published: str
    lacks: list[str]
    judged: str
    measured: Measurement
    outcome: str


class Ratio(Data):
    """One time over another, with its 90 % interval; null where it could not be measured."""

    ratio: Measurement
    low: Measurement
    high: Measurement


class Row(Ratio):
    """One benchmark of this tree over another revision's. control: the other revision over itself.

    threshold: the largest ratio that passes. confirmed: whether a rerun was red too; null without one.
    """

    benchmark: str
    unit: str
    evidence: str
    threshold: float
    outcome: Literal["pass", "FAIL", "ERROR"]
    confirmed: bool | None
    control: Ratio


class Moved(Data):
    """A metric of the vectors that moved, with the interval of the change."""

    metric: str
    before: Measurement
    after: Measurement
    low: Measurement
    high: Measurement


class Vectors(Data):
    """The vectors of this tree beside another revision's. identical: bit for bit."""

    identical: bool
    texts: int
    least_cosine: Measurement
    moved: list[Moved]
    neighbours_changed: int | None


class Against(Data):
    """Speed and vectors of this tree beside another revision's. revision: as it was asked for."""

    revision: str
    commit: str
    model: str
    rounds: int
    rows: list[Row]
    vectors: Vectors
    notes: list[str]
