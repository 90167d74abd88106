"""Is a partition exactly that of the optimum? Decided by a flow inside each cluster.

Let u be the solution of the centroid problem of a partition (`centroid_problem`), in which joined
centroids are distinct. X with x_i = u_c(i) solves the whole problem if and only if inside each
cluster there is a flow F on its edges with |F_e| <= gamma w_e whose divergence is what the rest
leaves over,

    sum_j F_ij = a_i - u_c(i) - gamma sum_(j outside) w_ij (u_c(i) - u_c(j)) / |u_c(i) - u_c(j)|

(derived here; it is the optimality condition of the fused points, cf. Sun, Toh & Yuan 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from advlearn.learners.convex.ama import DualAscent, clip
from advlearn.learners.convex.augmented import augmented_newton
from advlearn.learners.convex.centroid_problem import (
    centroid_problem,
    cluster_means,
    unit_directions,
)
from advlearn.learners.convex.graph import Graph, by_first_point, check_points, connected
from advlearn.learners.convex.hessian import factorised
from advlearn.learners.convex.newton import newton
from advlearn.learners.convex.solution import lengths
from advlearn.support.errors import UserError

# What rounding may leave of the divergence, relative to the forces.
_ROUNDING = 1e-11
# Dual steps between two looks at the flow.
_BLOCK = 25
# A flow that asks up to so much too much is looked for again on edges that are narrower by these.
_SPILL = 0.01
_SHRINKS = (1e-3, 1e-5, 1e-7)
_STIFF = 1e3
_RESIDUAL = 0.1
_SMALLEST_GAP = 1e-15
# The pieces of a cluster are read from a witness whose gap is this small relative to it.
_SETTLED = 1e-6


@dataclass(frozen=True, eq=False)
class ClusterSplit:
    """How clusters fall apart that no flow holds together.

    Attributes:
        labels: the finer partition, (n,) int64 by first point.
        shift: what to add to the old centroid of each point, (n, d).
    """

    labels: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class FlowCertificate:
    """The outcome of `certify_partition`.

    Attributes:
        valid: the partition is that of the exact solution, proved by ``dual``.
        margin: 1 - max over the edges inside clusters of |F_e| / (gamma w_e) for the best flow
            found; 1 without such edges, negative for an overloaded flow, nan where there is none.
            Positive: strictly inside, so the partition also survives small changes.
        separation: smallest distance of joined centroids, inf without a crossing edge.
        refuted: the partition is shown to be another: a cluster is not connected, joined centroids
            coincide (Newton ran into them), or a witness X with <demand, X> above its price rules
            every flow out. Neither valid nor refuted: undecided within the steps allowed.
        reason: "" where valid, else "disconnected cluster", "joined centroids coincide",
            "cluster splits" or "undecided".
        centroids: (K, d), clusters numbered by first point; None for a disconnected cluster, not
            the optimum where joined centroids coincide.
        dual: Z (m, d) with |Z_e| <= gamma w_e; where valid, X = A - B^T Z to rounding, elsewhere
            the best guess; None for a disconnected cluster.
        overloaded: edges (m,) bool of which the best flow found asks too much.
        split: how clusters fall apart, where a witness rules their flow out.
    """

    valid: bool
    margin: float
    separation: float
    refuted: bool
    reason: str
    centroids: np.ndarray | None = None
    dual: np.ndarray | None = None
    overloaded: np.ndarray | None = None
    split: ClusterSplit | None = None


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
            order, (crossing edges, d); by default those of the exact centroids. With others the
            result says whether flows exist for these, which is no proof of the partition.
        centroids: where Newton starts, (K, d) with clusters numbered by first point; the means of
            the clusters by default.
        dual: where the flow starts, (m, d); 0 by default.
        max_iter: steps of the search for a flow after the electrical one has failed.

    Returns:
        The certificate; its ``centroids`` are numbered by first point.
    """
    points = check_points(points)
    labels = by_first_point(np.asarray(labels))
    centre = points.mean(axis=0)
    if centroids is not None:
        centroids = centroids - centre
    found = certify_centred(
        points - centre, graph, gamma, labels, directions, centroids, dual, max_iter, homotopy=True
    )
    if found.centroids is None:
        return found
    return replace(found, centroids=found.centroids + centre)


def certify_centred(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    labels: np.ndarray,
    directions: np.ndarray | None,
    centroids: np.ndarray | None,
    dual: np.ndarray | None,
    max_iter: int,
    *,
    homotopy: bool = False,
) -> FlowCertificate:
    """`certify_partition` of checked, centred points and labels numbered by first point."""
    inside = labels[graph.edges[:, 0]] == labels[graph.edges[:, 1]]
    if not np.array_equal(connected(graph.n, graph.edges[inside]), labels):
        return FlowCertificate(False, np.nan, np.nan, True, "disconnected cluster")
    problem = centroid_problem(points, graph, labels)
    found, exact = newton(problem, gamma, centroids, homotopy=homotopy)

    radius = gamma * graph.weights
    whole = np.zeros((graph.m, points.shape[1]))
    if len(problem.edges):
        units = unit_directions(problem, found) if directions is None else directions
        whole[problem.crossing] = radius[problem.crossing, None] * units
    demand = points - graph.incidence().T @ whole - found[labels]
    joined = found[problem.edges[:, 0]] - found[problem.edges[:, 1]]
    separation = float(lengths(joined).min()) if len(joined) else np.inf
    margin, split = 1.0, None
    overloaded = np.zeros(graph.m, dtype=bool)
    if inside.any():
        within = ClusterFlows(graph.incidence()[inside], labels, radius[inside])
        start = None if dual is None else dual[inside]
        flow, margin, split = within.route(demand, start, max_iter if exact else 0)
        overloaded[inside] = lengths(flow) > within.capacity
        if margin < 0:
            clip(flow, within.capacity)
        whole[inside] = flow
    reason = ""
    if not exact:
        margin, separation, reason = np.nan, 0.0, "joined centroids coincide"
    elif margin < 0 or split is not None:
        reason = "undecided" if split is None else "cluster splits"
    refuted = reason not in ("", "undecided")
    return FlowCertificate(
        not reason,
        margin,
        separation,
        refuted,
        reason,
        found,
        whole,
        overloaded,
        split,
    )


class ClusterFlows:
    """Flows on the edges inside the clusters of a partition.

    Args:
        incidence: rows of B of these edges, (edges, n).
        labels: (n,) int64, 0..K-1; each cluster is connected by the edges.
        capacity: gamma w of the edges, (edges,), > 0.
    """

    def __init__(
        self, incidence: sparse.csr_matrix, labels: np.ndarray, capacity: np.ndarray
    ) -> None:
        self.labels = labels
        self.capacity = capacity
        self.incidence = incidence
        self.count = int(labels.max()) + 1
        self.cluster = labels[incidence.indices[::2]]
        _, first = np.unique(labels, return_index=True)
        # One point of each cluster has potential 0: the rest of the Laplacian is regular.
        self.free = np.delete(np.arange(len(labels)), first)
        self._grounded = self.incidence[:, self.free].tocsr()

    def solver(self, conductance: np.ndarray) -> ElectricalFlow:
        """The electrical flows of these conductances (edges,), > 0, factorised once."""
        return ElectricalFlow(self._grounded, self.free, conductance)

    def balanced(self, demand: np.ndarray) -> np.ndarray:
        """``demand`` less its mean in each cluster: what rounding left of a sum that is zero."""
        found: np.ndarray = demand - cluster_means(demand, self.labels, self.count)[self.labels]
        return found

    def margin(self, flow: np.ndarray) -> float:
        """1 - largest load |F_e| / capacity."""
        return float(1 - (lengths(flow) / self.capacity).max())

    def route(
        self, demand: np.ndarray, start: np.ndarray | None, max_iter: int
    ) -> tuple[np.ndarray, float, ClusterSplit | None]:
        """A flow with divergence ``demand``, its margin, and how clusters split that have none.

        First the electrical flow, or the correction of ``start`` by one. Where a cluster's edge is
        overloaded, accelerated dual steps on these clusters' flow, corrected again, until it fits,
        a witness X shows that none can (<demand, X> > sum capacity |x_i - x_j|), or ``max_iter``
        steps are done.
        """
        demand = self.balanced(demand)
        if start is None:
            flow = self.solver(self.capacity)(demand)
        else:
            flow = start + self.solver(self.capacity)(demand - self.incidence.T @ start)
        over = lengths(flow) > self.capacity
        if not over.any() or not max_iter:
            return flow, self.margin(flow), None
        for shrink in _SHRINKS:
            loads = self._loads(flow)
            bad = loads > 1
            if (loads[bad] > 1 + _SPILL).all():
                break
            bad &= loads <= 1 + _SPILL
            part, nodes, edges = self._part(bad)
            flow[edges] = part.widened(
                demand[nodes], flow[edges], part.solver(part.capacity), shrink
            )
        bad = self._loads(flow) > 1
        if not bad.any():
            return flow, self.margin(flow), None
        part, nodes, edges = self._part(bad)
        begin = flow if start is None else start
        flow[edges], margin, pieces, residual = part.search(demand[nodes], begin[edges], max_iter)
        margin = min(margin, self.margin(flow))
        if pieces is None:
            return flow, margin, None
        labels = self.labels.copy()
        labels[nodes] = self.count + pieces
        shift = np.zeros_like(demand)
        shift[nodes] = residual
        return flow, margin, ClusterSplit(by_first_point(labels), shift)

    def _part(self, some: np.ndarray) -> tuple[ClusterFlows, np.ndarray, np.ndarray]:
        """Flows in some clusters (count,) alone, and masks of their nodes and edges."""
        nodes, edges = some[self.labels], some[self.cluster]
        labels = by_first_point(self.labels[nodes])
        return (
            ClusterFlows(self.incidence[edges][:, nodes], labels, self.capacity[edges]),
            nodes,
            edges,
        )

    def widened(
        self, demand: np.ndarray, flow: np.ndarray, electrical: ElectricalFlow, shrink: float
    ) -> np.ndarray:
        """The flow, or one that fits edges narrower by ``shrink`` in the clusters that have one.

        A flow that lies on the bound of many edges, as those of `augmented` do, has no room for
        the last digits of the demand.
        """
        n = len(demand)
        edges = self.incidence.indices.reshape(-1, 2)
        problem = centroid_problem(demand, Graph(n, edges, self.capacity), np.arange(n))
        tol = max((shrink * _RESIDUAL) ** 2, _SMALLEST_GAP)
        found = augmented_newton(problem, 1 - shrink, flow, tol=tol, relative_stiffness=_STIFF).dual
        found += electrical(demand - self.incidence.T @ found)
        tried = self._loads(found)
        return np.where((tried <= 1)[self.cluster][:, None], found, flow)

    def _loads(self, flow: np.ndarray) -> np.ndarray:
        """Largest |F_e| / capacity in each cluster, (count,)."""
        loads = np.zeros(self.count)
        np.maximum.at(loads, self.cluster, lengths(flow) / self.capacity)
        return loads

    def search(
        self, demand: np.ndarray, start: np.ndarray, max_iter: int
    ) -> tuple[np.ndarray, float, np.ndarray | None, np.ndarray]:
        """A flow by dual steps, its margin, pieces (n,) of what splits, and the last residual.

        ``demand`` sums to 0 in each cluster.
        """
        electrical = self.solver(self.capacity)
        ascent = DualAscent(demand, self.incidence, self.capacity, start)
        best, margin = start, -np.inf
        while True:
            ascent.advance(min(_BLOCK, max_iter - ascent.iterations))
            residual = ascent.primal()
            tried = ascent.dual + electrical(residual)
            if (found := self.margin(tried)) > margin:
                best, margin = tried, found
            if margin >= 0:
                return best, margin, None, residual
            differences = self.incidence @ residual
            price = self.capacity * lengths(differences)
            prices = np.bincount(self.cluster, price, minlength=self.count)
            paid = np.einsum("ij,ij->i", demand, residual)
            worth = np.bincount(self.labels, paid, minlength=self.count)
            sure = _ROUNDING * np.bincount(self.labels, np.abs(paid), minlength=self.count)
            splits = worth > prices + sure
            loose = (price - np.einsum("ij,ij->i", ascent.dual, differences)).sum()
            settled = loose <= _SETTLED * np.square(residual).sum()
            if splits.any() and (settled or ascent.iterations >= max_iter):
                # Only what is refuted falls apart; the other clusters stay as they are.
                whole = (ascent.load(differences) < 1) | ~splits[self.cluster]
                residual[~splits[self.labels]] = 0
                joined = self.incidence.indices.reshape(-1, 2)[whole]
                return best, margin, connected(len(demand), joined), residual
            if ascent.iterations >= max_iter:
                return best, margin, None, residual


class ElectricalFlow:
    """The flow F of least energy sum |F_e|^2 / c_e with a given divergence."""

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
        scaling = sparse.diags(self._scale)
        try:
            self._factor = factorised((scaling @ laplacian @ scaling).tocsc())
        except RuntimeError as error:
            raise UserError(
                "the weights inside a cluster differ by more than floating point holds, so that its"
                " flow cannot be computed",
                where=f"conductances {conductance.min():.3g} to {conductance.max():.3g}",
                remedy="take a smaller phi, or more neighbours, so that no part hangs on by an edge"
                " of next to no weight",
            ) from error

    def __call__(self, demand: np.ndarray) -> np.ndarray:
        """The flow (edges, d) of ``demand`` (n, d), which sums to 0 in each cluster."""
        scale = self._scale[:, None]
        potential = scale * self._factor.solve(np.ascontiguousarray(scale * demand[self._free]))
        flow: np.ndarray = self._conductance[:, None] * (self._grounded @ potential)
        return flow
