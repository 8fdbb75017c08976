"""How much a check encodes. The mutation tests judge hundreds of faults, each with less effort than a run."""

from dataclasses import dataclass

__all__ = ["Effort"]


@dataclass(frozen=True)
class Effort:
    """Sizes of what the checks encode. The claims stay the same; larger sizes catch rarer faults.

    mixed: pairs of texts beside one of the greatest length, in "alone or mixed".
    padded_rows: tokens, padding included, of the one batch of "many texts". padded_rows_quantized: of a
        quantized model, because MLX's quantized kernels were once wrong past 32,768 rows.
    examples: lists of texts that Hypothesis tries in "generated mixtures". shrink: whether it then looks for
        the smallest list that fails.
    edited: texts of a part that "edited texts" compares. edited_beside_goldens: of how many it changes some,
        where goldens already hold every vector of the part.
    thread_calls, thread_texts: calls of each thread in "threads", and texts of a call.
    megabyte: characters of the longest hostile text.
    sizes, largest: "call sizes" asks for each number of texts up to the first, and for 2^k - 1, 2^k and
        2^k + 1 texts up to the second.
    lengths: to how many lengths, from 1 token to the limit, "padded lengths" pads.
    together: how many options, with the number of texts, meet in each of their values in "options together".
    calls: short calls, one after the other, in "many calls".
    thread_crowd: texts that each of 32 threads asks for at once in "many threads", and then each of 64. That
        makes 3,456 vectors. Of 2,300 a fault that strikes one of 500 leaves all alone in 1 of 100 runs.
    """

    mixed: int = 2
    padded_rows: int = 3_300
    padded_rows_quantized: int = 33_000
    examples: int = 16
    shrink: bool = True
    edited: int = 600
    edited_beside_goldens: int = 32
    thread_calls: int = 2
    thread_texts: int = 5
    megabyte: int = 1_000_000
    sizes: int = 512
    largest: int = 4_097
    lengths: int = 512
    together: int = 3
    calls: int = 300
    thread_crowd: int = 36
