"""How far the directions between centroids turn, and whether centroids stay apart.

The solution of the centroid problem is a proximal map in the norm |U|_N^2 = sum_a n_a |u_a|^2. Its
directions z_ab = (u_a - u_b) / |u_a - u_b| enter the forces inside the clusters, so the finer
certificate needs a bound on |z'_ab - z_ab| over all perturbations of a radius (derived here, see
docs/studies/bilevel-certificates.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from advlearn.certificates.blocks import Blocks
from advlearn.certificates.reach import Reach
from advlearn.certificates.response import LARGEST, Response
from advlearn.learners.convex import certify_partition

_ROUNDS = 6


@dataclass(frozen=True, eq=False)
class SolvedCentroids:
    """The solved centroid problem at one gamma.

    Attributes:
        blocks: the partition.
        gamma: penalty.
        centroids: u, (K, d), distinct where joined.
        distances: r_ab = |u_a - u_b| for each joined pair, (P,).
        directions: z_ab, (P, d).
        between: W, (K, K).
        residual: what the optimality condition at u leaves, (K, d): u is the exact solution for
            means that are moved by residual / n_a.
    """

    blocks: Blocks
    gamma: float
    centroids: np.ndarray
    distances: np.ndarray
    directions: np.ndarray
    between: np.ndarray
    residual: np.ndarray

    @cached_property
    def response(self) -> Response | None:
        """The derivative of the centroids; none where they have too many coordinates."""
        if self.centroids.size > LARGEST:
            return None
        a, b = self.blocks.pairs.T
        return Response(
            self.blocks,
            self.gamma,
            self.distances,
            self.directions,
            self.between[a, b],
            self.residual,
        )

    def forces(self, pulls: np.ndarray) -> np.ndarray:
        """Pull gamma sum_b w_i^b z^ab on each point i of cluster a, (n, d)."""
        k, d = self.centroids.shape
        fields = np.zeros((k, k, d))
        a, b = self.blocks.pairs.T
        fields[a, b] = self.directions
        fields[b, a] = -self.directions
        found: np.ndarray = np.empty((len(pulls), d))
        for number, cluster in enumerate(self.blocks.clusters):
            found[cluster.members] = self.gamma * pulls[cluster.members] @ fields[number]
        return found


@dataclass(frozen=True, eq=False)
class Turns:
    """Bounds over all perturbations of one radius.

    Attributes:
        turn: (K, K) symmetric, at least |z'_ab - z_ab|; 0 where no edge joins a and b. Valid as
            long as all ``apart`` (of this or of another bound) are positive.
        apart: (P,) lower bounds of |u'_a - u'_b|.
    """

    turn: np.ndarray
    apart: np.ndarray


def solve_centroids(blocks: Blocks, gamma: float) -> SolvedCentroids | None:
    """Solve the centroid problem; none where joined centroids coincide or a cluster falls apart."""
    # Steps of a search for a flow are of no use here: only the centroids are taken.
    found = certify_partition(
        blocks.points, blocks.graph, gamma, blocks.labels, max_iter=0
    ).centroids
    if found is None:
        return None
    between = blocks.between(blocks.pulls(blocks.graph.weights))
    a, b = blocks.pairs.T
    differences = found[a] - found[b]
    distances = np.linalg.norm(differences, axis=1)
    if not (distances > 0).all():
        return None
    directions = differences / distances[:, None]
    residual = blocks.sizes[:, None] * (found - blocks.means)
    pull = gamma * between[a, b][:, None] * directions
    np.add.at(residual, a, pull)
    np.add.at(residual, b, -pull)
    return SolvedCentroids(blocks, gamma, found, distances, directions, between, residual)


def turns(
    centres: SolvedCentroids, reach: Reach, radius: float, low: np.ndarray, high: np.ndarray
) -> Turns:
    """Bound turns and distances for the perturbations of ``radius``.

    Args:
        centres: the solution without a perturbation.
        reach: the budget.
        radius: its radius, >= 0.
        low: smallest W' (K, K) that the perturbed points can have.
        high: largest W'.
    """
    blocks, gamma = centres.blocks, centres.gamma
    a, b = blocks.pairs.T
    sizes, r = blocks.sizes, centres.distances
    change = np.maximum(high - centres.between, centres.between - low)
    wrong = np.linalg.norm(centres.residual, axis=1)
    shares = 1.0 / sizes[a] + 1.0 / sizes[b]
    # Nonexpansiveness: |U' - U|_N is at most this.
    moved = (
        radius * reach.total()
        + np.sqrt((wrong**2 / sizes).sum())
        + gamma * np.sqrt((change.sum(axis=1) ** 2 / sizes).sum())
    )
    t = moved * np.sqrt(shares)
    response = centres.response
    moves = response and response.moves(reach, radius, change[a, b], high[a, b], t)
    if moves:
        t = np.minimum(t, moves.moved)
    x = _chord(t, r)
    if moves:
        x = np.minimum(x, moves.turned)
    # Monotonicity: gamma W' (r + r') |z' - z|^2 / 2 is at most |moved|^2 / 4.
    stiff = 2.0 * gamma * low[a, b] * (r + np.maximum(r - t, 0.0))
    with np.errstate(divide="ignore"):
        x = np.minimum(x, np.where(stiff > 0, moved / np.sqrt(stiff), 2.0))
    # u_a - u_b + gamma W_ab (1/n_a + 1/n_b) z_ab is parallel to z_ab and depends on the other
    # directions only: bounds for those give a bound for this one, in rounds.
    whole = r + gamma * centres.between[a, b] * shares
    own = radius * reach.centres() * reach.length + wrong[a] / sizes[a] + wrong[b] / sizes[b]
    turn = np.zeros_like(centres.between)
    for _ in range(_ROUNDS):
        turn[a, b] = turn[b, a] = x
        pushes = gamma * (centres.between * turn + change)
        moved_pair = (
            own + _sum_without(pushes, a, b) / sizes[a] + _sum_without(pushes, b, a) / sizes[b]
        )
        x = np.minimum(x, _chord(moved_pair, whole))
    turn[a, b] = turn[b, a] = x
    apart = np.maximum(r - t, r - moved_pair - gamma * change[a, b] * shares)
    if moves:
        apart = np.maximum(apart, moves.apart)
    return Turns(turn, apart)


def _sum_without(pushes: np.ndarray, of: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Sum of each row ``of`` but for one entry: left out, since a difference could be negative."""
    rows = pushes[of]
    rows[np.arange(len(of)), without] = 0.0
    sums: np.ndarray = rows.sum(axis=1)
    return sums


def _chord(moved: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Largest |v'/|v'| - v/|v|| for |v' - v| <= moved and |v| = length: 2 where v' may be 0."""
    # 2 sin(angle / 2) with sin(angle) = moved / length, written so that no digits cancel.
    sine = np.where(moved < length, moved / length, 0.0)
    chord = sine * np.sqrt(2.0 / (1.0 + np.sqrt(1.0 - sine**2)))
    return np.where(moved < length, chord, 2.0)
