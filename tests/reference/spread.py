"""The differences between correct implementations: ``make spread``. The gate's thresholds are set from them.

The gate runs in a new process for each of several correct arithmetics: OpenBLAS kernels of other processors,
other thread counts, and MLX's own BLAS. For each check the worst figure is printed. A threshold is four times
this figure, rounded up to 1, 2 or 5 times a power of ten. A floor is half of the smallest figure.
"""

import json
import math
import os
import subprocess
import sys
import warnings

from embedding_gate import adapter, session
from embeddings.catalog import DEFAULT_MODEL
from tests.faults.slices import slice_of

VARIANTS = {
    "as installed": {},
    "Haswell kernels": {"OPENBLAS_CORETYPE": "Haswell"},
    "Sandybridge kernels": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "Nehalem kernels": {"OPENBLAS_CORETYPE": "Nehalem"},
    "Zen kernels": {"OPENBLAS_CORETYPE": "Zen"},
    "four BLAS threads": {"OPENBLAS_NUM_THREADS": "4"},
    "MLX's own BLAS": {"EMBEDDING_GATE_BLAS": "stock"},
}


def measure() -> None:
    """Run the gate in this process on the fault matrix's slice of texts, and print the measured figures."""
    warnings.simplefilter("ignore")
    subject = slice_of(adapter.open_subject(DEFAULT_MODEL))
    gate = session.open_gate(subject)
    session.run_gate(subject, gate)
    print(json.dumps({verdict.check: verdict.measured for verdict in gate.verdicts}))


def rounded_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    if value == 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def main() -> None:
    """Print the figure of each check under each arithmetic, and the extremes."""
    found: dict[str, dict[str, float]] = {}
    for name, environment in VARIANTS.items():
        done = subprocess.run(
            [sys.executable, "-m", "tests.reference.spread", "--measure"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        found[name] = json.loads(done.stdout)
        print(
            f"{name}: " + ", ".join(f"{check} {value:.3g}" for check, value in found[name].items()),
            flush=True,
        )
    print(f"\n{'check':<22} {'smallest':>10} {'largest':>10} {'4 x, up':>10}")
    for check in next(iter(found.values())):
        values = [figures[check] for figures in found.values()]
        print(f"{check:<22} {min(values):>10.3g} {max(values):>10.3g} {rounded_up(4 * max(values)):>10.3g}")


if __name__ == "__main__":
    measure() if "--measure" in sys.argv else main()
