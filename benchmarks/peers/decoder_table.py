"""Prints the table of the decoder benchmark and its targets."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers.figures import Measured, Target
from embedding_gate.roofline import flops_per_token, mfu

# The smallest allowed cosine between the vector of mlx-lm and the vector of the gate for the same text, with
# the same weights. Measured with 36 layers of width 256 on a CPU: 0.987 if mlx-lm computes in bfloat16. The
# cosine to the vector of another text was at most 0.21.
SAME = 0.9
HEADER = (
    f"{'engine':<20} {'tokens/s':>10} {'gate is':>9} {'least .. most':>18} {'MFU':>7} {'latency ms':>11} "
    f"{'cosine':>7}"
)


def print_size(
    size: str,
    config: Mapping[str, Any],
    tokens: int,
    measured: Mapping[str, Measured],
    matmul: Mapping[str, float],
) -> bool:
    """Print the table of one size.

    Return whether a figure is impossible or an engine does different work.

    matmul: the best rate of each precision in this run, in FLOP/s.
    """
    flops, peak = flops_per_token(config, tokens), max(matmul.values())
    rates = ", ".join(f"{name} {rate / 1e12:.3g}" for name, rate in matmul.items())
    print(f"\n{size}, 4 bits: {flops / 1e9:.3g} GFLOP a token; matmul TFLOP/s: {rates}")
    print(HEADER)
    impossible = False
    for name, one in measured.items():
        share = mfu(one.rate, flops, peak)
        impossible |= not share <= 1
        times, least, most = one.slower(measured["gate"])
        shown = f"{share:>7.1%}" if share <= 1 else "IMPOSSIBLE"
        latency = f"{one.latency * 1e3:.2f}" if one.latency else "-"
        cosine = f"{one.cosine:.4f}" if one.cosine is not None else "-"
        print(
            f"{name + ('*' if one.extrapolated else ''):<20} {one.rate:>10,.4g} {times:>8.2f}x "
            f"{f'{least:.2f} .. {most:.2f}':>18} {shown:>7} {latency:>11} {cosine:>7}"
        )
    if any(one.extrapolated for one in measured.values()):
        print(
            "* extrapolated: one layer and two layers were timed, the rest is their difference times layers"
        )
    others = [name for name, one in measured.items() if one.cosine is not None and not one.cosine >= SAME]
    if others:
        print(f"NOT THE SAME WORK: {', '.join(others)}; cosine to the gate's vectors below {SAME}")
    return impossible or bool(others)


def print_targets(
    targets: Sequence[Target], measured: Mapping[str, Measured], device: str, batch: tuple[int, int]
) -> bool:
    """Print each target with its verdict; return whether a target was missed."""
    verdicts = [target.verdict(measured, device, batch) for target in targets]
    for target, verdict in zip(targets, verdicts, strict=True):
        print(f"  {f'{target}':<40} {verdict}")
    if not targets:
        print("  no target is set for this device")
    return any(verdict.startswith("MISSED") for verdict in verdicts)
