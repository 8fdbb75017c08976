"""Opens the subject of the measurements: a model of the library, or another subject."""

import math
from collections.abc import Mapping
from typing import Any

import embeddings
from benchmarks.harness.bench import Bench, open_bench
from benchmarks.harness.engine import EmbedderEngine
from benchmarks.harness.findings import Findings
from benchmarks.harness.fresh import Seen
from benchmarks.harness.meter import Meter
from benchmarks.harness.outside import OutsideEngine
from benchmarks.harness.plan import Plan, configuration
from embedding_gate.adapter import precision_of
from embedding_gate.machine import chip
from embedding_gate.own_files import FIXTURES, Options
from embedding_gate.roofline import find_device, read_devices

__all__ = ["open_library_bench", "open_outside_bench"]


def open_library_bench(
    name: str, plan: Plan, seen: Seen, options: Mapping[str, Any], device: str | None
) -> Bench:
    """Load a model of the library and create its bench. options: recipe and precision.

    Raises:
        EmbeddingsError: the model cannot be loaded.

    """
    embedder = embeddings.load(name, **options)
    given = {**options, "device": device}
    return open_bench(
        name,
        EmbedderEngine(embedder),
        plan,
        seen,
        configuration(name),
        limit=embedder.max_tokens,
        precision=precision_of(name, Options(precision=options["precision"])),
        device=find_device(read_devices(FIXTURES / "devices.toml"), chip()),
        child=[str(name), *(f"--{key}={value}" for key, value in given.items() if value)],
    )


def open_outside_bench(
    engine: OutsideEngine, plan: Plan, seen: Seen, *, precision: str | None, **clock: Any
) -> Bench:
    """Create the bench of another subject. The peak rates of its device are not known and not needed.

    precision: the precision of the subject, as the user states it; float32 if the user states none.
    clock: the clock of the meter, if it is not the usual clock.
    """
    meter = Meter(engine, seen, seed=engine.model, warm_ups=plan.warm_ups, **clock)
    findings = Findings(precision or "float32", lambda _: math.nan, offers=engine.offers)
    return Bench(engine.model, engine, meter, plan, findings, {}, engine.limit, [])
