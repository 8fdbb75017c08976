"""Which model is recommended for which use."""

from typing import Any

import pytest

from embedding_gate.report.recommend import recommend
from embedding_gate.report.record import plain
from tests.support.records import a_model, a_record, a_speed


def judged(name: str, ndcg: float | None, *, red: bool = False) -> dict[str, Any]:
    """Make a judged model of some quality."""
    model: dict[str, Any] = plain(a_model())
    quality = {**model["quality"], "ndcg": ndcg}
    verdicts = [{**model["verdicts"][0], "red": red}]
    return {**model, "name": name, "asked_for": name, "quality": quality, "verdicts": verdicts}


def advised(models: list[dict[str, Any]], speed: list[dict[str, Any]]) -> dict[str, str]:
    """Return use -> model."""
    found = recommend(a_record({"models": models, "speed": speed}))
    return {one.use.partition(":")[0].partition(" as ")[0]: one.model for one in found}


def test_a_model_is_recommended_by_what_was_measured() -> None:
    models = [judged("good", 0.80), judged("close", 0.77), judged("fast", 0.70)]
    speed = [
        one
        for name, rate in (("good", 100.0), ("close", 500.0), ("fast", 900.0))
        for one in (
            a_speed(model=name, tokens_per_second=rate),
            a_speed(model=name, kind="latency", headline=False, median=1 / rate),
            a_speed(model=name, kind="load", headline=False, peak_bytes=int(1e9 + rate)),
        )
    ]
    assert advised(models, speed) == {
        "search": "good",
        "similarity of two texts": "close",
        "grouping texts by topic": "close",
        "large volumes": "close",
        "one query at a time,": "close",
        "little memory": "good",
    }


@pytest.mark.parametrize("spoil", ["gate", "audit", "quality", "part"])
def test_nothing_is_recommended_by_what_is_red_or_was_not_measured(spoil: str) -> None:
    model = judged("m", None if spoil == "quality" else 0.8, red=spoil == "gate")
    model["part"] = "1 of 54 checks" if spoil == "part" else None
    found = advised([model], [a_speed(audits_red=spoil == "audit")])
    assert found["large volumes"] == ""
    assert found["search"] == ("m" if spoil == "audit" else "")
