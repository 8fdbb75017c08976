"""The polynomials of embeddings/models/cpu_kernels.py: ``python -m tests.reference.fit_cpu`` prints them.

Each polynomial has the smallest maximum error (minimax). It is the solution of a linear program over a grid
(scipy's HiGHS).

- The tail of a normal distribution: P(t) such that t / P(t)^32 is nearest to t * Phi(-t). Phi(-t)^(-1/32) is
  smooth and grows slowly. So five powers in P(t) are enough, and the error of t * Phi(-t) is 1.2e-7.
- 2^f for f from -1/2 to 1/2. Its relative error is 7.5e-8.

The library's own polynomials come from an earlier run. In that run the solver's tolerance was as large as
these errors, so their errors are 1.9e-7 and 1.2e-7. tests/embeddings/test_layers.py tests the errors of the
polynomials, not their coefficients: other coefficients that differ by a thousandth are as good.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.special import log_ndtr

Values = NDArray[np.float64]
UNIT = 1e-7  # unit of the errors: the solver's tolerance is a ten millionth of the unit that it is given


def normal_tail(degree: int = 5, squarings: int = 5, end: float = 5.5) -> Values:
    """Fit P(t) on [0, end]. Beyond it both functions are smaller than the error."""
    t = _grid(0, end)
    root = np.exp(-log_ndtr(-t) / 2**squarings)
    tail = t * np.exp(log_ndtr(-t))
    return _fit(t, root, weight=2**squarings * tail / root, degree=degree)  # weight: d(t / P^32) / dP


def exp2(degree: int = 5) -> Values:
    """Fit 2^f for f from -1/2 to 1/2."""
    f = _grid(-0.5, 0.5)
    return _fit(f, np.exp2(f), weight=np.exp2(-f), degree=degree)


def _grid(low: float, high: float) -> Values:
    """Return points that lie closer together at both ends, where a minimax error peaks."""
    return low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 4001)[1:])) / 2


def _fit(x: Values, wanted: Values, *, weight: Values, degree: int) -> Values:
    """Minimise the largest weight * |P(x) - wanted|. Return the coefficients, lowest power first."""
    scale = np.abs(x).max()
    weight = weight / UNIT
    columns = weight[:, None] * np.vander(x / scale, degree + 1, increasing=True)
    ones = np.ones((len(x), 1))
    found = linprog(
        c=[0] * (degree + 1) + [1],
        A_ub=np.block([[columns, -ones], [-columns, -ones]]),
        b_ub=np.concatenate([weight * wanted, -weight * wanted]),
        bounds=[(None, None)] * (degree + 1) + [(0, None)],
    )
    coefficients: Values = found.x[:-1] / scale ** np.arange(degree + 1)
    return coefficients


if __name__ == "__main__":
    for name, fitted in (("_NORMAL_TAIL", normal_tail()), ("_EXP2", exp2())):
        print(f"{name} = ({', '.join(f'{value:.9g}' for value in fitted)})")
