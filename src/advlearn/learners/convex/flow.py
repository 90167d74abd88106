"""Is a partition exactly that of the optimum? Decided by a flow inside each cluster.

Let u be the solution of the centroid problem of a partition (`reduced`), with joined centroids
distinct. X with x_i = u_c(i) solves the whole problem if and only if inside each cluster there is a
flow F on its edges with |F_e| <= gamma w_e whose divergence is what the rest leaves over,

    sum_j F_ij = a_i - u_c(i) - gamma sum_(j outside) w_ij (u_c(i) - u_c(j)) / |u_c(i) - u_c(j)|

(derived here; it is the optimality condition of the fused points, cf. Sun, Toh & Yuan 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from advlearn.learners.convex.ama import DualAscent
from advlearn.learners.convex.graph import Graph, by_first_point, check_points, connected
from advlearn.learners.convex.reduced import Reduced, directions, newton, reduce
from advlearn.learners.convex.solution import lengths

# What rounding may leave of the divergence, relative to the forces.
_ROUNDING = 1e-11


@dataclass(frozen=True, eq=False)
class FlowCertificate:
    """The outcome of `certify_partition`.

    Attributes:
        valid: the partition is that of the exact solution, proved by ``dual``.
        margin: 1 - max over the edges inside clusters of |F_e| / (gamma w_e) for the best flow
            found; 1 without such edges, negative for an overloaded flow, nan where there is none.
            Positive: strictly inside, so the partition also survives small changes.
        separation: smallest distance of joined centroids, inf without a crossing edge.
        refuted: a witness shows that there is no flow (or no connected cluster, or that joined
            centroids coincide); neither valid nor refuted: undecided within the steps allowed.
        reason: "" where valid, else "disconnected cluster", "joined centroids coincide",
            "cluster splits" or "undecided".
        centroids: (K, d), None where joined centroids coincide or a cluster is disconnected.
        dual: Z (m, d) with |Z_e| <= gamma w_e and X = A - B^T Z, None where not valid.
    """

    valid: bool
    margin: float
    separation: float
    refuted: bool
    reason: str
    centroids: np.ndarray | None = None
    dual: np.ndarray | None = None


def certify_partition(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    labels: np.ndarray,
    directions: np.ndarray | None = None,
    *,
    centroids: np.ndarray | None = None,
    dual: np.ndarray | None = None,
    max_iter: int = 2000,
) -> FlowCertificate:
    """Decide whether ``labels`` is the partition of the exact solution at ``gamma``.

    Args:
        points: A, (n, d) finite.
        graph: graph on n points.
        gamma: penalty, > 0.
        labels: (n,) integers, any numbering.
        directions: unit vectors (x_i - x_j) / |x_i - x_j| of the crossing edges in the graph's
            order, (crossing edges, d); by default those of the exact centroids.
        centroids: where Newton starts, (K, d) with clusters numbered by first point; the means of
            the clusters by default.
        dual: where the flow starts, (m, d); 0 by default.
        max_iter: steps of the search for a flow after the electrical one has failed.

    Returns:
        The certificate; its ``centroids`` are numbered by first point.
    """
    points = check_points(points)
    labels = by_first_point(np.asarray(labels))
    inside = labels[graph.edges[:, 0]] == labels[graph.edges[:, 1]]
    if not np.array_equal(connected(graph.n, graph.edges[inside]), labels):
        return FlowCertificate(False, np.nan, np.nan, True, "disconnected cluster")
    centre = points.mean(axis=0)
    points = points - centre
    problem = reduce(points, graph, labels)
    found = newton(problem, gamma, None if centroids is None else centroids - centre)
    if found is None:
        return FlowCertificate(False, np.nan, 0.0, True, "joined centroids coincide")
    outcome = _certify(points, graph, gamma, labels, problem, found, directions, dual, max_iter)
    return replace(outcome, centroids=found + centre)


def _certify(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    labels: np.ndarray,
    problem: Reduced,
    centroids: np.ndarray,
    given: np.ndarray | None,
    dual: np.ndarray | None,
    max_iter: int,
) -> FlowCertificate:
    inside = ~problem.crossing
    radius = gamma * graph.weights
    whole = np.zeros((graph.m, points.shape[1]))
    units = directions(problem, centroids) if given is None else given
    whole[problem.crossing] = radius[problem.crossing, None] * units
    demand = points - graph.incidence().T @ whole - centroids[labels]
    joined = centroids[problem.edges[:, 0]] - centroids[problem.edges[:, 1]]
    separation = float(lengths(joined).min()) if len(joined) else np.inf
    if not inside.any():
        return FlowCertificate(True, 1.0, separation, False, "", dual=whole)
    within = Within(graph, inside, labels, radius[inside])
    start = None if dual is None else dual[inside]
    flow, margin, refuted = within.route(demand, start, max_iter)
    if margin < 0:
        reason = "cluster splits" if refuted else "undecided"
        return FlowCertificate(False, margin, separation, refuted, reason)
    whole[inside] = flow
    return FlowCertificate(True, margin, separation, False, "", dual=whole)


class Within:
    """The graph inside the clusters of a partition, and flows on it.

    Args:
        graph: the whole graph.
        inside: its edges inside clusters, (m,) bool; each cluster is connected by them.
        labels: (n,) int64, 0..K-1 by first point.
        capacity: gamma w of the edges inside, > 0.
    """

    def __init__(
        self, graph: Graph, inside: np.ndarray, labels: np.ndarray, capacity: np.ndarray
    ) -> None:
        self.labels = labels
        self.capacity = capacity
        self.incidence = graph.incidence()[inside]
        _, first = np.unique(labels, return_index=True)
        # One point of each cluster has potential 0: the rest of the Laplacian is regular.
        self.free = np.delete(np.arange(graph.n), first)
        self._grounded = self.incidence[:, self.free].tocsr()

    def electrical(self, demand: np.ndarray, conductance: np.ndarray) -> np.ndarray:
        """The flow c_e (psi_i - psi_j) with divergence ``demand`` (n, d), (edges inside, d)."""
        return self.solver(conductance)(demand)

    def solver(self, conductance: np.ndarray) -> ElectricalFlow:
        """The electrical flows of these conductances (> 0), factorised once."""
        return ElectricalFlow(self._grounded, self.free, conductance)

    def balanced(self, demand: np.ndarray) -> np.ndarray:
        """``demand`` less its mean in each cluster: what rounding left of a sum that is zero."""
        count = int(self.labels.max()) + 1
        sums = np.stack([np.bincount(self.labels, c, minlength=count) for c in demand.T], axis=1)
        sizes = np.bincount(self.labels, minlength=count)
        found: np.ndarray = demand - (sums / sizes[:, None])[self.labels]
        return found

    def margin(self, flow: np.ndarray) -> float:
        """1 - largest load |F_e| / capacity."""
        return float(1 - (lengths(flow) / self.capacity).max())

    def route(
        self, demand: np.ndarray, start: np.ndarray | None, max_iter: int
    ) -> tuple[np.ndarray, float, bool]:
        """A flow with divergence ``demand``, its margin, and whether none within capacity exists.

        First the electrical flow, or the correction of ``start`` by one; then accelerated dual
        steps on the flow, corrected again, until one fits, a witness X shows that none can
        (<demand, X> > sum capacity |x_i - x_j|), or ``max_iter`` steps are done.
        """
        demand = self.balanced(demand)
        electrical = self.solver(self.capacity)
        flow = np.zeros((len(self.capacity), demand.shape[1])) if start is None else start
        best = flow + electrical(demand - self.incidence.T @ flow)
        margin = self.margin(best)
        if margin >= 0:
            return best, margin, False
        ascent = DualAscent(
            demand, self.incidence, self.capacity, flow if start is not None else best
        )
        block = 25
        while ascent.iterations < max_iter:
            ascent.advance(min(block, max_iter - ascent.iterations))
            residual = ascent.primal()
            tried = ascent.dual + electrical(residual)
            if (found := self.margin(tried)) > margin:
                best, margin = tried, found
            if margin >= 0:
                return best, margin, False
            price = self.capacity @ lengths(self.incidence @ residual)
            if np.vdot(demand, residual) > price * (1 + _ROUNDING):
                return best, margin, True
            block = min(2 * block, 200)
        return best, margin, False


class ElectricalFlow:
    """demand (n, d) -> the flow of least energy sum |F_e|^2 / c_e with this divergence."""

    def __init__(
        self, grounded: sparse.csr_matrix, free: np.ndarray, conductance: np.ndarray
    ) -> None:
        self._grounded = grounded
        self._free = free
        self._conductance = conductance
        # Conductances span many powers of ten: scaled to a unit diagonal before factorising.
        weighted = grounded.multiply(conductance[:, None]).tocsr()
        laplacian = (grounded.T @ weighted).tocsc()
        self._scale = 1 / np.sqrt(laplacian.diagonal())
        scaled = (sparse.diags(self._scale) @ laplacian @ sparse.diags(self._scale)).tocsc()
        self._factor = splu(
            scaled,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

    def __call__(self, demand: np.ndarray) -> np.ndarray:
        """The flow (edges, d) of ``demand`` (n, d), which sums to 0 in each cluster."""
        scale = self._scale[:, None]
        potential = scale * self._factor.solve(np.ascontiguousarray(scale * demand[self._free]))
        flow: np.ndarray = self._conductance[:, None] * (self._grounded @ potential)
        return flow
