"""The smoothing homotopy: ascend a differentiable stand-in for the delta-measure, then sharpen it.

Labels have no derivative. Derived here in their place: the Huber-smoothed solution X_mu and the
co-association of its points, S_ij = exp(-|x_i - x_j|^2 / 2 sigma^2), for which the loss

    |S(X_mu(A + E)) - M|_F^2,    M: the clean co-association

tends to delta^2 as mu and sigma go to 0. E is carried along while they fall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from advlearn.attacks.clustering.common import Problem, convex_learner, frank_wolfe_step
from advlearn.attacks.clustering.gradient import huber_solution, smoothed

__all__ = ["Smoothed", "association_loss"]

# An attack only proposes: a solution to three digits gives its direction.
_SOLVED, _ADJOINT = 1e-4, 1e-3


@dataclass(frozen=True)
class Smoothed:
    """Frank-Wolfe ascent of the smoothed co-association loss, from a random start.

    Args:
        widths: sigma of each stage, in units of the smallest distance of two clean centroids; mu is
            a fifth of it.
        steps: steps of each stage.
        start: share of the radius at which the random start lies.
    """

    widths: tuple[float, ...] = (0.5, 0.25, 0.1)
    steps: int = 3
    start: float = 0.2

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """What each stage ends with.

        Raises:
            UserError: the learner is no convex clustering.
        """
        learner = convex_learner(problem, "smoothed")
        budget = problem.budget.scaled(tau)
        clean = learner.solve(problem.data)
        together = (clean.labels[:, None] == clean.labels).astype(np.float64)
        perturbation = budget.scaled(self.start * tau).random(np.shape(problem.data), generator)
        solution, step = clean.points_hat, 0
        for width in self.widths:
            sigma = width * _scale(clean.centroids, problem.data)
            mu = 0.2 * sigma
            for _ in range(self.steps):
                points = problem.data + perturbation
                graph = learner.graph_at(points)
                solution = huber_solution(
                    points, graph, learner.gamma, mu, start=solution, tol=_SOLVED
                )
                _, gradient = association_loss(solution, together, sigma)
                found = smoothed(solution, graph, learner.gamma, mu, gradient, tol=_ADJOINT)
                ascent = found.points
                if learner.weights == "recomputed":
                    ascent = found.recomputed(points, graph, learner.phi)
                perturbation = frank_wolfe_step(budget, perturbation, ascent, 2 / (step + 2))
                step += 1
            yield perturbation


def association_loss(
    solution: np.ndarray, together: np.ndarray, sigma: float
) -> tuple[float, np.ndarray]:
    """|S - M|_F^2 with S_ij = exp(-|x_i - x_j|^2 / 2 sigma^2), and its gradient (n, d).

    Args:
        solution: X (n, d).
        together: M, (n, n) symmetric.
        sigma: width, > 0.
    """
    near = np.exp(-0.5 * cdist(solution, solution, "sqeuclidean") / sigma**2)
    error = near - together
    # d/dx_i: each pair stands in the sum twice.
    pull = -4.0 * error * near / sigma**2
    gradient: np.ndarray = pull.sum(axis=1)[:, None] * solution - pull @ solution
    return float(np.square(error).sum()), gradient


def _scale(centroids: np.ndarray, points: np.ndarray) -> float:
    """Smallest distance of two centroids; of a single cluster, the spread of its points."""
    if len(centroids) < 2:
        return float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean())) or 1.0
    first, second = np.triu_indices(len(centroids), 1)
    return float(np.linalg.norm(centroids[first] - centroids[second], axis=1).min())
