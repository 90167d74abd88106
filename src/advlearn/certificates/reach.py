"""How far a perturbation of each budget carries what the certificates are made of.

All sizes are for radius 1 and grow in proportion to the radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from advlearn.certificates.blocks import Blocks, Cluster
from advlearn.certificates.routing import Matrix
from advlearn.support.errors import UserError, unknown_name

BUDGETS = ("per_point", "frobenius", "single_point", "linf")


@dataclass(frozen=True, eq=False)
class Reach:
    """The set of perturbations E (n, d) of one budget at radius 1.

    Attributes:
        budget: ``per_point`` (every row at most 1 long), ``frobenius``, ``single_point`` (one row
            moves) or ``linf`` (every entry at most 1).
        blocks: the partition.
        index: the point that moves; none: whichever is worst. Only for ``single_point``.
    """

    budget: str
    blocks: Blocks
    index: int | None = None

    @property
    def box(self) -> bool:
        """Whether sizes are bounds of each coordinate instead of lengths."""
        return self.budget == "linf"

    @property
    def length(self) -> float:
        """Length of a vector of size 1."""
        return float(np.sqrt(self.blocks.points.shape[1])) if self.box else 1.0

    def routed(self, cluster: Cluster, routing: Matrix) -> np.ndarray:
        """Largest size of each row of R E, (m_a,)."""
        entries: Matrix = abs(routing)
        if self.budget in ("per_point", "linf"):
            return np.asarray(entries.sum(axis=1))
        if self.budget == "frobenius":
            squares: np.ndarray = np.asarray((entries**2).sum(axis=1))
            roots: np.ndarray = np.sqrt(squares)
            return roots
        if self.index is None:
            return _dense(entries.max(axis=1))
        own = np.flatnonzero(cluster.members == self.index)
        # A sum over the one column, or over none where the point is in another cluster.
        return np.asarray(entries[:, own].sum(axis=1))

    def edges(self) -> np.ndarray:
        """Largest size of e_i - e_j for each edge of the graph, (m,)."""
        edges = self.blocks.graph.edges
        if self.budget == "frobenius":
            return np.full(len(edges), np.sqrt(2.0))
        if self.budget == "single_point":
            if self.index is None:
                return np.ones(len(edges))
            moving: np.ndarray = (edges == self.index).any(axis=1)
            return moving.astype(np.float64)
        return np.full(len(edges), 2.0)

    def centres(self) -> np.ndarray:
        """Largest size of the change of mean_a - mean_b for each pair that is joined, (P,)."""
        pairs = self.blocks.pairs
        shares = 1.0 / self.blocks.sizes[pairs]
        if self.budget == "frobenius":
            lengths: np.ndarray = np.sqrt(shares.sum(axis=1))
            return lengths
        if self.budget == "single_point":
            if self.index is not None:
                shares = np.where(pairs == self.blocks.labels[self.index], shares, 0.0)
            largest: np.ndarray = shares.max(axis=1, initial=0.0)
            return largest
        return np.full(len(pairs), 2.0)

    def total(self) -> float:
        """Largest sqrt(sum_a n_a |change of mean_a|^2), a length."""
        if self.budget == "frobenius":
            return 1.0
        if self.budget == "single_point":
            sizes = self.blocks.sizes
            own = sizes.min() if self.index is None else sizes[self.blocks.labels[self.index]]
            return float(1.0 / np.sqrt(own))
        return float(np.sqrt(len(self.blocks.labels))) * self.length

    def longest(self, vectors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Largest length of v + e with e of at most these sizes, for rows v (m, d): (m,)."""
        if self.box:
            found: np.ndarray = np.linalg.norm(np.abs(vectors) + sizes[:, None], axis=1)
            return found
        longest: np.ndarray = np.linalg.norm(vectors, axis=1) + sizes
        return longest

    def shortest(self, vectors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Smallest length of v + e, as `longest`."""
        if self.box:
            left = np.maximum(np.abs(vectors) - sizes[:, None], 0.0)
            found: np.ndarray = np.linalg.norm(left, axis=1)
            return found
        shortest: np.ndarray = np.maximum(np.linalg.norm(vectors, axis=1) - sizes, 0.0)
        return shortest


def _dense(column: np.ndarray | sparse.sparray) -> np.ndarray:
    return column if isinstance(column, np.ndarray) else np.asarray(column.toarray()).ravel()


def reach(blocks: Blocks, budget: str, index: int | None = None) -> Reach:
    """The reach of a named budget.

    Raises:
        UserError: no such budget, or an index that no point has or that the budget does not need.
    """
    if budget not in BUDGETS:
        raise unknown_name("budget", budget, list(BUDGETS), where=f"budget {budget!r}")
    n = len(blocks.labels)
    if index is not None and (budget != "single_point" or not 0 <= index < n):
        raise UserError(
            "an index names the one point that moves, in the budget single_point",
            where=f"budget {budget!r}, index {index}, {n} points",
            remedy="give an index of a point with single_point, and none with other budgets",
        )
    return Reach(budget, blocks, index)
