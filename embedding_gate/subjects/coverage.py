"""What the calls of a run covered: the table of ``--call-shapes``."""

from collections.abc import Callable, Iterable, Sequence

from embedding_gate.subjects.recorder import Made, count
from embedding_gate.text_table import aligned

__all__ = ["coverage_table", "ranges"]

Numbers = Callable[[Made], Iterable[int]]
# What is counted -> the numbers that a call has of it.
COUNTED: dict[str, Numbers] = {
    "texts of a call": lambda made: [made.texts],
    "rows of a batch": lambda made: [len(lengths) for lengths in made.batches],
    "tokens of a text": lambda made: [int(one) for lengths in made.batches for one in lengths],
    "padded length of a batch": lambda made: [int(lengths.max()) for lengths in made.batches],
    "padded tokens of a batch": lambda made: [len(rows) * int(rows.max()) for rows in made.batches],
    "threads alive": lambda made: [made.threads],
    "number of the call": lambda made: [made.number],
}
SHOWN = 8  # ranges in a row


def coverage_table(calls: Sequence[Made]) -> list[str]:
    """Return the lines of the table: for each model that was asked, what its calls covered."""
    lines = list[str]()
    for of in dict.fromkeys(made.of for made in calls):
        some = [made for made in calls if made.of == of]
        texts = sum(made.texts for made in some)
        tokens = sum(int(lengths.sum()) for made in some for lengths in made.batches)
        counts = [
            count(len(some), "call"),
            count(texts, "text"),
            *([count(tokens, "token")] if tokens else []),
        ]
        lines.append(f"asked of {of or 'the judged model'}: {', '.join(counts)}")
        rows = [(name, *_cells(numbers, some)) for name, numbers in COUNTED.items()]
        lines += aligned([("", "different", "which"), *rows, *_options(some)], right=[1])
    return lines


def _cells(numbers: Numbers, calls: Sequence[Made]) -> tuple[str, str]:
    found = {number for made in calls for number in numbers(made)}
    return (f"{len(found):,}", ranges(found)) if found else ("-", "not seen")


def _options(calls: Sequence[Made]) -> list[tuple[str, str, str]]:
    """Return a row for each option that was used: in how many calls, and of how many texts these were."""
    names = sorted({name for made in calls for name in made.options})
    sizes = {name: [made.texts for made in calls if name in made.options] for name in names}
    return [(f"{name}: calls", f"{len(of):,}", f"of {ranges(set(of))} texts") for name, of in sizes.items()]


def ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as ranges: "1-130, 255-257"; of many ranges the first ones and the last."""
    found = list[list[int]]()
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    parts = [f"{first:,}" if first == last else f"{first:,}-{last:,}" for first, last in found]
    if len(parts) > SHOWN:
        parts = [*parts[: SHOWN - 1], f"and {len(parts) - SHOWN} more", parts[-1]]
    return ", ".join(parts)
