"""Fixed directions along which a clustering is perturbed, whatever the size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from advlearn.attacks.clustering.common import Problem, WhiteBoxView, cluster_means, nearest_pairs
from advlearn.attacks.clustering.cut import smallest_parts
from advlearn.attacks.clustering.merge import connected_pairs
from advlearn.attacks.clustering.transfer import displacement
from advlearn.budgets.points import PerPoint
from advlearn.learners.convex import Solution

__all__ = ["change_directions", "learner_free_directions"]


def learner_free_directions(
    points: np.ndarray, clean: Solution, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Directions that ask the learner nothing: noise, merge and split.

    Noise; the two clusters with the nearest centroids, rigidly towards each other; both sides of
    the largest cluster away from its middle, along its principal axis.

    Args:
        points: (n, d).
        clean: solution of the clean points.
        generator: draws the noise.

    Returns:
        Name -> perturbation (n, d) whose longest row has length 1; no merge of one cluster.
    """
    noise = generator.standard_normal(points.shape)
    labels, centroids = clean.labels, clean.centroids
    merge, split = np.zeros_like(points), np.zeros_like(points)
    if len(centroids) > 1:
        apart = centroids[:, None] - centroids[None]
        distance = np.linalg.norm(apart, axis=2) + np.diag(np.full(len(centroids), np.inf))
        a, b = divmod(int(distance.argmin()), len(centroids))
        merge[labels == a], merge[labels == b] = -apart[a, b], apart[a, b]
    members = np.flatnonzero(labels == np.bincount(labels).argmax())
    own = points[members] - points[members].mean(axis=0)
    axis = np.linalg.svd(own, full_matrices=False)[2][0]
    split[members] = np.outer(np.sign(own @ axis), axis)
    found = {"noise": noise, "merge": merge, "split": split}
    return _of_length_1(found, lambda one: float(np.linalg.norm(one, axis=1).max()))


def change_directions(problem: Problem, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Directions that change a convex clustering in one way each: noise, merge, split, transfer.

    Noise; the largest two clusters that an edge joins, rigidly towards each other; the weakest
    large part of a cluster away from the rest of it; half of a cluster to another one.

    Args:
        problem: whose learner is convex clustering.
        generator: draws the noise, and the start of the search for the weakest part.

    Returns:
        Name -> perturbation (n, d) whose longest row has length 1; no split of a cluster without a
        large part.
    """
    points, view = problem.data, WhiteBoxView.at(problem, "staircase")
    labels = view.solution.labels
    means, _, sizes = cluster_means(points, labels)
    joined = connected_pairs(view.solution, view.graph, 1)
    first, second = joined[0] if joined else nearest_pairs(means, sizes, 1)[0]
    merge = np.zeros_like(points)
    merge[labels == first] = means[second] - means[first]
    merge[labels == second] = means[first] - means[second]
    split = np.zeros_like(points)
    parts = smallest_parts(view, PerPoint(1.0), sweeps=8, generator=generator)
    large = [part for part in parts if 4 * part.inside.sum() >= part.cluster.sum()]
    if large:
        part = large[0]
        along = points[part.inside].mean(axis=0) - points[part.cluster].mean(axis=0)
        split[part.inside], split[part.cluster & ~part.inside] = along, -along
    members = np.flatnonzero(labels == first)
    transfer = displacement(points, members, means[second], max(1, len(members) // 2))
    noise = PerPoint(1.0).random(points.shape, generator)
    found = {"noise": noise, "merge": merge, "split": split, "transfer": transfer}
    return _of_length_1(found, PerPoint(1.0).size)


def _of_length_1(
    directions: Mapping[str, np.ndarray], length: Callable[[np.ndarray], float]
) -> dict[str, np.ndarray]:
    """Each direction divided by its length; those of length 0 are left out."""
    lengths = {name: length(one) for name, one in directions.items()}
    return {name: one / lengths[name] for name, one in directions.items() if lengths[name] > 0}
