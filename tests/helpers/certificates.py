"""Random instances of convex clustering, and perturbations that try to refute a certificate.

The long campaign:  python -m tests.helpers.certificates CASES SEED
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advlearn.budgets.points import Frobenius, LInf, PerPoint, PointBudget, SinglePoint
from advlearn.certificates import electrical_interval, radius
from advlearn.certificates.blocks import Blocks, blocks
from advlearn.certificates.calmness import Weights
from advlearn.certificates.radius import Budget, Method
from advlearn.certificates.routing import electrical_routing as route
from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, reweighted, solve, unit_graph

BUDGETS: tuple[Budget, ...] = ("per_point", "frobenius", "single_point", "linf")
MODES: tuple[Weights, ...] = ("fixed", "recomputed")
METHODS: tuple[Method, ...] = ("sun_toh_yuan", "electrical", "exact_directions")
SHORT = 0.999


@dataclass(frozen=True)
class Instance:
    points: np.ndarray
    labels: np.ndarray
    graph: Graph
    gamma: float
    phi: float


def blobs(
    generator: np.random.Generator, sizes: list[int], d: int, separation: float, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clusters whose centres are at least ``separation`` apart, and the clusters."""
    centres = np.zeros((len(sizes), d))
    for k in range(1, len(sizes)):
        while True:
            centres[k] = generator.uniform(-1, 1, d) * separation * len(sizes)
            if np.linalg.norm(centres[:k] - centres[k], axis=1).min() >= separation:
                break
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return centres[labels] + spread * generator.standard_normal((len(labels), d)), labels


def instance(generator: np.random.Generator) -> Instance | None:
    """K = 2..4 clusters in d = 1..5; gamma from the certified interval, or any gamma at all."""
    k, d = int(generator.integers(2, 5)), int(generator.integers(1, 6))
    sizes = [int(size) for size in generator.integers(2, 9, k)]
    spread = float(generator.uniform(0.2, 1.2))
    points, labels = blobs(generator, sizes, d, 5.0, spread)
    phi = float(generator.uniform(0.01, 0.1))
    kind = generator.integers(3)
    if kind == 0:
        graph, phi = unit_graph(len(points)), 0.0
    elif kind == 1:
        graph = gaussian_graph(points, phi)
    else:
        graph = knn_graph(points, int(generator.integers(3, 12)), phi)
    known = electrical_interval(points, labels, graph)
    if known.low < known.high and generator.random() < 0.6:
        high = known.high if np.isfinite(known.high) else 10 * known.low
        gamma = float(np.exp(generator.uniform(np.log(known.low), np.log(high))))
        return Instance(points, labels, graph, gamma, phi)
    gamma = float(np.exp(generator.uniform(-3, 3)))
    labels = solve(points, graph, gamma, tol=1e-10).labels
    if labels.max() + 1 in (1, len(points)):
        return None
    return Instance(points, labels, graph, gamma, phi)


def gradients(cut: Blocks, graph: Graph, generator: np.random.Generator) -> list[np.ndarray]:
    """Linear functionals (n, d) whose growth splits a cluster or merges two."""
    n, d = cut.points.shape
    found = [generator.standard_normal((n, d))]
    for cluster in cut.clusters:
        size = len(cluster.members)
        if size < 2:
            continue
        own = cut.points[cluster.members] - cut.points[cluster.members].mean(axis=0)
        # A point alone, and a cut across a random direction.
        along = generator.standard_normal(d)
        order = np.argsort(own @ along)
        for part in (order[-1:], order[: int(generator.integers(1, size))]):
            functional = np.zeros((n, d))
            shares = np.full(size, -len(part) / size)
            shares[part] += 1.0
            direction = own[part].mean(axis=0) + 1e-9
            functional[cluster.members] = shares[:, None] * direction / np.linalg.norm(direction)
            found.append(functional)
        # What most loads an edge of the electrical flow.
        routing = route(cluster, graph.weights[cluster.rows])
        if routing is not None:
            flow = routing @ own
            edge = int(np.argmax(np.linalg.norm(flow, axis=1) / graph.weights[cluster.rows]))
            functional = np.zeros((n, d))
            functional[cluster.members] = np.outer(routing[edge], flow[edge] + 1e-12)
            found.append(functional)
    if len(cut.pairs):
        a, b = cut.pairs.T
        distance = np.linalg.norm(cut.means[a] - cut.means[b], axis=1)
        for pair in {int(distance.argmin()), int(generator.integers(len(cut.pairs)))}:
            left, right = cut.pairs[pair]
            towards = cut.means[right] - cut.means[left]
            functional = np.zeros((n, d))
            functional[cut.labels == left] = towards
            functional[cut.labels == right] = -towards * cut.sizes[left] / cut.sizes[right]
            found.append(functional)
    return found


def budget_of(name: str, size: float, functional: np.ndarray) -> PointBudget:
    """The budget; one point is the one on which the functional depends most."""
    if name == "single_point":
        return SinglePoint(size, int(np.linalg.norm(functional, axis=1).argmax()))
    kinds: dict[str, Callable[[float], PointBudget]] = {
        "per_point": PerPoint,
        "frobenius": Frobenius,
        "linf": LInf,
    }
    return kinds[name](size)


def refute(
    case: Instance, budget: str, mode: str, size: float, generator: np.random.Generator, most: int
) -> tuple[int, int]:
    """Solves at perturbations of ``size``, and how many of them changed the partition."""
    cut = blocks(case.points, case.labels, case.graph)
    tried = changed = 0
    functionals = gradients(cut, case.graph, generator)
    for at in generator.permutation(len(functionals))[:most]:
        functional = functionals[at]
        allowed = budget_of(budget, size, functional)
        perturbation = size * allowed.maximiser(functional)
        assert allowed.contains(perturbation)
        moved = case.points + perturbation
        graph = case.graph if mode == "fixed" else reweighted(case.graph, moved, case.phi)
        found = solve(moved, graph, case.gamma, tol=1e-10)
        tried += 1
        changed += not np.array_equal(found.labels, cut.labels)
    return tried, changed


def campaign(cases: int, seed: int, most: int = 12, sweeps: int = 20) -> Counter[tuple[str, ...]]:
    """Try to refute each budget, mode and method; counts by (budget, mode, method, what)."""
    generator = np.random.default_rng(seed)
    counts: Counter[tuple[str, ...]] = Counter()
    for _ in range(cases):
        case = instance(generator)
        if case is None:
            continue
        for budget in BUDGETS:
            for mode in MODES:
                for method in METHODS:
                    found = radius(
                        case.points,
                        case.labels,
                        case.graph,
                        case.gamma,
                        budget=budget,
                        method=method,
                        weights=mode,
                        phi=case.phi,
                        sweeps=sweeps,
                    )
                    key = (budget, mode, method)
                    counts[*key, "certificates"] += 1
                    if not 0 < found.value < np.inf:
                        continue
                    counts[*key, "positive"] += 1
                    tried, changed = refute(
                        case, budget, mode, SHORT * found.value, generator, most
                    )
                    counts[*key, "solves"] += tried
                    counts[*key, "violations"] += changed
                    if changed:
                        print("VIOLATION", key, found, case, file=sys.stderr)
    return counts


if __name__ == "__main__":
    counted = campaign(int(sys.argv[1]), int(sys.argv[2]))
    for key in sorted(counted):
        print(*key, counted[key])
    for what in ("certificates", "positive", "solves", "violations"):
        print(what, sum(value for key, value in counted.items() if key[-1] == what))
