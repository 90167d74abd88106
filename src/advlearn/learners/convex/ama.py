"""Accelerated alternating minimisation: projected gradient ascent on the dual, with momentum.

AMA for convex clustering (Chi & Lange 2015) is projected gradient on the dual

    min_Z 1/2 |A - B^T Z|_F^2   subject to   |Z_e| <= gamma w_e.

Here it is accelerated (Beck & Teboulle 2009) with adaptive restart (O'Donoghue & Candès 2015), and
each edge has its own step 1 / (deg_i + deg_j): B B^T is dominated by the diagonal of these sums
(Gershgorin), so the steps are safe and none is shorter than the usual common one.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from advlearn.learners.convex.solution import lengths


class DualAscent:
    """The state of the ascent: ``dual`` (m, d) stays feasible, ``advance`` continues from there.

    Args:
        target: A, (n, d).
        incidence: B, (m, n).
        radius: gamma w, (m,), > 0.
        start: dual to start from, (m, d), projected if needed; zeros if None.
    """

    def __init__(
        self,
        target: np.ndarray,
        incidence: sparse.csr_matrix,
        radius: np.ndarray,
        start: np.ndarray | None = None,
    ) -> None:
        self.target = target
        self.incidence = incidence
        self.transposed = incidence.T.tocsr()
        self.radius = radius
        degree = np.diff(self.transposed.indptr).astype(np.float64)
        self.steps = 1 / np.maximum(abs(incidence) @ degree, 1)
        shape = (incidence.shape[0], target.shape[1])
        self.dual = np.zeros(shape) if start is None else project(start, radius)
        self.iterations = 0
        self._ahead = self.dual
        self._momentum = 1.0

    def advance(self, iterations: int) -> None:
        """Take this many steps."""
        steps = self.steps[:, None]
        for _ in range(iterations):
            ahead = self._ahead
            proposed = self.incidence @ (self.target - self.transposed @ ahead)
            proposed *= steps
            proposed += ahead
            clip(proposed, self.radius)
            change = proposed - self.dual
            # Restart where the momentum points against the step (in the metric of the steps).
            if np.einsum("ij,ij->i", ahead - proposed, change) @ (1 / self.steps) > 0:
                self._momentum = 1.0
            following = (1 + np.sqrt(1 + 4 * self._momentum**2)) / 2
            change *= (self._momentum - 1) / following
            change += proposed
            self.dual, self._ahead, self._momentum = proposed, change, following
        self.iterations += iterations

    def restart(self, dual: np.ndarray) -> None:
        """Continue from another feasible dual (m, d)."""
        self.dual = self._ahead = dual
        self._momentum = 1.0

    def primal(self) -> np.ndarray:
        """X = A - B^T Z, (n, d)."""
        found: np.ndarray = self.target - self.transposed @ self.dual
        return found

    def load(self, differences: np.ndarray) -> np.ndarray:
        """Length before projection over radius, (m,): the prox output is zero where it is below 1.

        ``differences`` is B X at `primal`.
        """
        proposed = self.dual + self.steps[:, None] * differences
        found: np.ndarray = lengths(proposed) / self.radius
        return found


def clip(rows: np.ndarray, radius: np.ndarray) -> None:
    """Shorten each row to its radius, in place."""
    factor = radius / np.maximum(lengths(rows), radius)
    rows *= factor[:, None]


def project(rows: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """A copy of the rows (m, d), each shortened to its radius (m,)."""
    found = np.array(rows, dtype=np.float64)
    clip(found, radius)
    return found
