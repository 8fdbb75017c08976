"""What fewer bits of the weights lose: ``python -m tests.reindex.bits``, on recorded vectors.

Speed is not measured: rounded weights are computed as float32 here. For real quantized folders use --compare.
"""

import numpy as np

from embedding_gate.reindex.side_by_side import Cost, Figure, side_by_side
from tests.reindex.confusions import recorded, snapshot
from tests.reindex.record import BITS, MODELS
from tests.reindex.worlds import world

__all__ = ["HEADER"]

HEADER = ("model", "bits", "cosine", "change of nDCG@10", "change of Spearman", "neighbours kept")


def main() -> None:
    """Print the table."""
    print("| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|", sep="\n")
    unknown = Figure(np.nan, np.nan, np.nan)
    for model in MODELS:
        vectors = recorded(model, 0)
        names = {"base": 32, "16 bits": 16, **{f"{bits} bits": bits for bits in BITS}}
        models = [
            (name, Cost(bits, bits, unknown, model == "decoder"), snapshot(world(0), vectors[name]))
            for name, bits in names.items()
        ]
        for side in side_by_side(models)[1:]:
            figures = (side.cosine, side.ndcg_change, side.spearman_change, side.kept)
            cells = ["-" if figure is None else str(figure) for figure in figures]
            print(f"| {model} | {side.cost.bits:g} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
