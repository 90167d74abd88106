"""What is proven of a convex clustering, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from advlearn.certificates import electrical_interval, radius
from advlearn.certificates.radius import Budget, Method
from advlearn.learners.convex import ConvexClustering
from advlearn.support.errors import UserError


@dataclass(frozen=True)
class Certificate:
    """What is proven of a partition by convex clustering.

    Attributes:
        exact: the exact solution has this partition, not only the computed one.
        radius: every perturbation of at most this size leaves the partition as it is; 0 where
            nothing is certified, inf where nothing can change it.
        budget: how the size of a perturbation is measured.
        gamma_low: the partition is that of every gamma with gamma_low <= gamma < gamma_high;
            inf where no such stretch is certified.
        gamma_high: see gamma_low.
    """

    exact: bool
    radius: float
    budget: str
    gamma_low: float
    gamma_high: float


def certify(
    clustering: ConvexClustering,
    points: Any,
    *,
    budget: Budget = "per_point",
    method: Method = "exact_directions",
    weights: Literal["auto", "fixed", "recomputed"] = "auto",
    index: int | None = None,
) -> Certificate:
    """Certify the partition of a fitted clustering.

    The edges of the graph stay as they are: of ``weights="knn"`` no perturbation is certified that
    gives a point other neighbours.

    Args:
        clustering: fitted to ``points``.
        points: (n, d), those it was fitted to.
        budget: ``per_point`` max_i |e_i|_2, ``frobenius`` |E|_F, ``linf`` max |E_ik|, or
            ``single_point`` |e_index|_2 with all others 0.
        method: ``exact_directions``, ``electrical`` or ``sun_toh_yuan`` (Sun, Toh & Yuan 2021).
        weights: ``recomputed``: those of the perturbed points; ``fixed``: those of the given
            points; auto: recomputed where they depend on the points.
        index: the point of ``single_point``; None: any one point.

    Raises:
        UserError: a clustering that is not fitted, or was fitted to other points.
    """
    try:
        check_is_fitted(clustering, "labels_")
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(
            "a certificate is one of a fitted clustering",
            where=f"argument clustering, {clustering!r}",
            remedy="call ConvexClustering(...).fit(points) first",
        ) from error
    table = np.asarray(points, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(clustering.labels_):
        raise UserError(
            "these are not the points that the clustering was fitted to",
            where=f"argument points, shape {table.shape}; {len(clustering.labels_)} labels",
            remedy="pass the array that was passed to fit",
        )
    kind = weights
    if kind == "auto":
        kind = "fixed" if clustering.weights == "unit" else "recomputed"
    graph, labels = clustering.graph_, clustering.labels_
    found = radius(
        table,
        labels,
        graph,
        clustering.gamma,
        budget=budget,
        method=method,
        weights="fixed" if kind == "fixed" else "recomputed",
        phi=clustering.phi if kind == "recomputed" else None,
        index=index,
    )
    interval = electrical_interval(table, labels, graph)
    low, high = (interval.low, interval.high) if interval.low < interval.high else (np.inf, np.inf)
    return Certificate(bool(clustering.certified_), found.value, budget, float(low), float(high))
