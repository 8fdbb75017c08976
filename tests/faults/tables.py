"""The kill matrix in the terminal, with a column for each check. Then a table of what each check kills."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from embedding_gate.text_table import aligned
from tests.faults.power import Gate, Row, checks_of, gates, single_checks
from tests.faults.sureness import surest

__all__ = ["STANDS", "gates_table", "matrix_table"]

GROUP = 5  # columns between two spaces
ACROSS = 4  # columns of the legend

# Why a check stays although other checks kill all that it kills, with goldens or without.
STANDS: Mapping[str, str] = {
    "bidirectional": "names the wrong mask, where parity only says that something is wrong",
    "causal": "names the wrong mask, and needs no goldens",
    "alike texts": "names keys that fold texts, outside a cache too",
    "permuted": "names results in another order",
    "batch budget": "names the option, and asks for less than one text",
    "multiple of 32": "the lengths at which tiled kernels go wrong on a GPU",
    "generated mixtures": "looks for mixtures that nobody thought of, and shrinks the one that it finds",
    "many calls": "names the number of calls; of a subject without a small model little else makes many",
    "threads": "texts of many lengths, where many threads ask for short ones alone",
    "hostile texts": "names the text that is refused or spoilt",
    "after refusals": "names what a refused call leaves behind",
    "unnormalised": "names the option, where a length is wrong by another cause too",
    "repeated": "names what differs from run to run",
    "no side effects": "names what a call does to the caller's own data",
    "new process": "what only an import or a hash seed changes",
    "batch rows": "the judged model's own weights, where the small model has one layer",
    "cache in any order": "names what an order of calls leaves in a cache",
    "pooled length": "a length that no cosine shows, held against goldens",
    "prompts": "names the prompt that is wrong, for models whose goldens are one's own",
    "truncation count": "says that it is the count of what was cut, and not the cut",
    "files": "goldens of other files prove nothing",
    "pairs parity": "what touches those texts alone (make blind-spots)",
    "pairs": "a threshold for models whose goldens are one's own",
    "pairs by chance": "pairs of one's own",
    "pairs beside baseline": "pairs of one's own",
    "token ids": "says that it is the tokenizer; a wrong token may move a vector by little",
    "parity": "the same for kinds of texts that have no goldens of hidden states",
    "hidden state parity": "says that it is the forward pass, whatever is pooled of it",
    "retrieval parity": "what touches those texts alone (make blind-spots)",
    "retrieval": "a threshold for models whose goldens are one's own",
    "retrieval by chance": "a retrieval set of one's own",
    "retrieval beside baseline": "bounds the harm that no golden shows (make blind-spots)",
    "topics beside baseline": "topics of one's own",
    "mean norm": "the published figure; recorded vectors",
    "distinctness": "recorded vectors, of which no live check can be asked",
    "topics parity": "recorded vectors of a model that has goldens",
    "category similarity": "the published figure; recorded vectors",
    "cohesion": "the published figure; recorded vectors",
    "anisotropy": "recorded vectors that crowd together",
    "separation": "the published figure; recorded vectors",
    "topic auc": "recorded vectors, of one's own topics",
    "nearest neighbour": "recorded vectors, of one's own topics",
    "topics by chance": "recorded vectors of a model that nobody has thresholds for",
    "texts by chance": "recorded vectors on other texts of their topic",
    "long tail": "names a cut, where no golden is so long",
    "finite": "names a NaN, of which every other figure is NaN too",
    "norm": "each single vector; recorded ones have their mean alone",
    "growing work": "what never works, and whose clock is right",
    "warm up": "names a warm-up that was left out, however fast the first call is",
    "first round": "a warm-up that the meter believes it made",
    "roofline": "a chip of which nothing is published",
    "meter's rules": "they stop a benchmark before there is anything to audit",
}


def matrix_table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of two matrices: faults of the library by checks, and of measurements by audits."""
    lines = list[str]()
    for of_measurements in (False, True):
        part = [row for row in rows if (row.fault.where == "time") is of_measurements]
        if part:
            lines += ([""] if lines else []) + _matrix(part)
    return lines


def _matrix(rows: Sequence[Row]) -> list[str]:
    checks = checks_of(rows)
    width = max(len(row.fault.name) for row in rows) + 2
    lines = [*_legend(checks), "", *_numbers(len(checks), width)]
    for cause, of_cause in groupby(rows, key=lambda row: row.fault.cause):
        lines.append(f"  {cause}")
        for row in of_cause:
            marks = _grouped([row.mark(check) for check in checks])
            lines.append(f"    {row.fault.name:{width}}{marks}  {_verdict(row)}")
    return lines


def _legend(checks: Sequence[str]) -> list[str]:
    """Number the checks, in columns."""
    cells = [f"{number:>2} {check}" for number, check in enumerate(checks, start=1)]
    deep = -(-len(cells) // ACROSS)
    columns = [cells[start : start + deep] for start in range(0, len(cells), deep)]
    padded = [column + [""] * (deep - len(column)) for column in columns]
    return aligned(list(zip(*padded, strict=True)))


def _numbers(count: int, width: int) -> list[str]:
    """Write the number of each column, with the tens above the units."""
    tens = _grouped([str(number // 10) if number >= 10 else " " for number in range(1, count + 1)])
    units = _grouped([str(number % 10) for number in range(1, count + 1)])
    return [
        f"    {'':{width}}{tens}",
        f"    {'':{width}}{units}  surest check, and its excess",
    ]


def _grouped(marks: Sequence[str]) -> str:
    return " ".join("".join(marks[start : start + GROUP]) for start in range(0, len(marks), GROUP))


def _verdict(row: Row) -> str:
    if row.fault.benign:
        return "FALSE ALARM" if row.red() else "passed"
    if not row.red():
        return "SURVIVED"
    check, sure = surest(row.outcomes)
    return f"{check}: {'exact' if math.isinf(sure) else f'{sure:,.3g}'}"


def gates_table(rows: Sequence[Row]) -> list[str]:
    """Return what this gate kills, what a gate of the usual kind kills, and what each check kills.

    The column "alone" counts the faults that no other check kills. In brackets is the same count for a model
    without goldens.
    """
    head = ("", "kills", "false alarms", "alone", "")
    whole = [(*_counts(gate), "", "") for gate in gates(rows)]
    single = [(*_counts(gate), _alone(gate), _needed(gate)) for gate in single_checks(rows)]
    return aligned([head, *whole, *single], right=(1, 2, 3))


def _counts(gate: Gate) -> tuple[str, str, str]:
    return gate.name, f"{gate.kills} of {gate.faults}", f"{gate.alarms} of {gate.variants}"


def _alone(gate: Gate) -> str:
    return f"{len(gate.alone)} ({len(gate.alone_without_goldens)})"


def _needed(gate: Gate) -> str:
    """Name the faults that no other check kills. If there are none, say why the check stays."""
    return _named(gate.alone or gate.alone_without_goldens) or STANDS.get(gate.name, "")


def _named(faults: Sequence[str], most: int = 2) -> str:
    more = len(faults) - most
    return ", ".join(faults[:most]) + (f" and {more} more" if more > 0 else "")
