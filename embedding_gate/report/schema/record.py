"""The type of a record, and of what the history keeps of it. A part that was not run is null or empty."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from embedding_gate.report.schema.models import Data, Measurement, Model, Side, Verdict
from embedding_gate.report.schema.proof import Claim, Judge, KillMatrix, PassOrFail
from embedding_gate.report.schema.speed import Against, Peer, Published, Speed, Step

__all__ = ["VERSION", "Made", "Record", "Run", "RunModel", "RunSpeed", "json_schema"]

VERSION = 2  # of report.json; version 1 said "schema": 1


class Made(Data):
    """When, by what and on what the run was made.

    revision: the commit. changed: whether tracked files differ from it. Both are null without git.
    """

    when: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    version: str
    revision: str | None
    changed: bool | None
    python: str
    mlx: str
    device: Literal["cpu", "gpu"]
    machine: str
    cores: int | None
    command: str


class RunModel(msgspec.Struct):
    """What the history keeps of a model. figures: check -> what it measured."""

    name: str
    red: int
    checks: int
    figures: dict[str, Measurement]


class RunSpeed(msgspec.Struct):
    """What the history keeps of a benchmark. median: seconds."""

    model: str
    kind: str
    batch: int
    length: int
    median: float
    tokens_per_second: Measurement
    headline: bool


class Run(msgspec.Struct):
    """What the history keeps of a run. Keys that a later version adds are left out, not refused."""

    when: str
    revision: str | None
    command: str
    device: str
    machine: str
    verdict: PassOrFail
    models: list[RunModel]
    speed: list[RunSpeed]


class Record(Data, kw_only=True):
    """The record of a run of embedding-gate: what --report DIR writes as report.json."""

    version: Literal[2]
    made: Made
    verdict: PassOrFail
    reasons: list[str]
    models: list[Model] = field(default_factory=list)
    speed: list[Speed] = field(default_factory=list)
    audits: dict[str, list[Verdict]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    kill_matrix: KillMatrix | None = None
    against: Against | None = None
    judge: Judge | None = None
    compared: list[Side] = field(default_factory=list)
    history: list[Run] = field(default_factory=list)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of report.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Record)}
