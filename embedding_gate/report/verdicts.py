"""The gate's verdicts as tables: what is red and why, and every check."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from embedding_gate.report.blocks import Block, Items, Section, Table, Text, number
from embedding_gate.verdicts.table import unjudged

__all__ = ["checks", "conclusion", "margin_of", "verdict"]

Record = Mapping[str, Any]
HEADER = ("check", "measured", "required", "margin", "verdict")
REASONS = 40  # of a page; report.json has all


def verdict(record: Record) -> Section:
    """Pass or fail, why, where to look first, and what was judged by what."""
    made, models = record["made"], record["models"]
    blocks: list[Block] = [Text(f"{record['verdict'].upper()}. {_tally(record)}")]
    likely = [f"{model['name']} {line}" for model in models for line in model["looks_like"]]
    if likely:
        blocks.append(Items([f"Likely fault: {line}" for line in likely]))
    blocks += _reasons(record)
    red = [(model, one) for model in models for one in model["verdicts"] if one["red"]]
    if red:
        blocks.append(
            Table(
                "What is red, and where its threshold stands",
                ("model", *HEADER, "evidence", "threshold"),
                [
                    (
                        model["name"],
                        *_cells(one),
                        one["evidence"] or "-",
                        model["threshold_lines"].get(one["check"], "-"),
                    )
                    for model, one in red[:REASONS]
                ],
            )
        )
    commit, command = made["revision"] or "no commit", made["command"].replace("`", " ")
    changed = ", with changes that are not committed" if made["changed"] else ""
    blocks.append(
        Text(
            f"`{command}`, {made['when']}: embedding-gate {made['version']} at {commit[:12]}{changed}; "
            f"Python {made['python']}, MLX {made['mlx']} on {made['machine']} ({made['device']})."
        )
    )
    return Section("Verdict", blocks)


def conclusion(record: Record) -> Section:
    """Pass or fail once more, for who reads from the end, and what it rests on."""
    return Section("Conclusion", [Text(f"{record['verdict'].upper()}. {_tally(record)}"), *_reasons(record)])


def checks(record: Record) -> Section:
    """Every verdict of every model, worst first."""
    blocks: list[Block] = []
    for model in record["models"]:
        rows = [_cells(one) for one in sorted(model["verdicts"], key=_badness)]
        blocks += [Table(f"{model['name']} ({model['recipe']}, {model['precision']})", HEADER, rows)]
        blocks += [Items(model["notes"])] if model["notes"] else []
    if blocks:
        lead = "Worst first. Margin is how many times worse the measurement could be; below 1x it is red."
        return Section("Every check", [Text(lead), *blocks])
    return Section("Every check", [Text("No model was judged in this run; `pytest -m quality` judges one.")])


def _tally(record: Record) -> str:
    counts = []
    for model in record["models"]:
        red = sum(one["red"] for one in model["verdicts"])
        rest = "".join(f", {one}" for one in unjudged(Counter(one["outcome"] for one in model["verdicts"])))
        part = f"A PART OF THE GATE, {model['part']}. " if model["part"] else ""
        counts.append(f"{part}{model['name']}: {red} of {len(model['verdicts'])} checks red{rest}.")
    for model, audits in record["audits"].items():
        counts.append(f"{model}: {sum(one['red'] for one in audits)} of {len(audits)} audits red.")
    if claims := record["claims"]:
        counts.append(f"{sum(one['red'] for one in claims)} of {len(claims)} claims not as expected.")
    if matrix := record["kill_matrix"]:
        bad = [one for one in matrix["faults"] if not one["benign"]]
        counts.append(f"{sum(one['red'] for one in bad)} of {len(bad)} injected faults killed.")
    return " ".join(counts)


def _reasons(record: Record) -> list[Block]:
    reasons = record["reasons"]
    return [Items(reasons[:REASONS], max(len(reasons) - REASONS, 0))] if reasons else []


def _badness(one: Mapping[str, Any]) -> tuple[bool, bool, bool, float]:
    no_number = one["margin"] is None
    exact = no_number and one["outcome"] == "pass"  # any worse would be red: beyond all margins
    return (not one["red"], no_number and not exact, exact, 0.0 if no_number else one["margin"])


def _cells(one: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    nan = "nan" if one["outcome"] == "FAIL" else "-"
    measured = nan if one["measured"] is None else f"{one['measured']:.3g}"
    return (one["check"], measured, one["required"], margin_of(one), one["outcome"])


def margin_of(one: Mapping[str, Any]) -> str:
    """Return a margin as the table of the terminal has it."""
    if one["margin"] is None:
        if one["outcome"] != "pass":
            return "-"
        return "exact" if one["required"] == "<= 0" else ">999x"
    if one["required"] == "<= 0" and not one["red"]:
        return "exact"
    return f"{number(one['margin'])}x" if one["margin"] < 1000 else ">999x"
