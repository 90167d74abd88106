"""Convex (sum-of-norms) clustering: graphs, solvers with a proof of the partition, the estimator.

Sources: Lindsten, Ohlsson & Ljung 2011; Chi & Lange 2015; Sun, Toh & Yuan 2021 (JMLR 22(9)).
"""

from typing import TYPE_CHECKING, Any

from advlearn.learners.convex.flow import FlowCertificate, certify_partition
from advlearn.learners.convex.graph import (
    Graph,
    VanishingWeightsWarning,
    gaussian_graph,
    knn_graph,
    reweighted,
    unit_graph,
    vanishing,
    vanishing_remedy,
)
from advlearn.learners.convex.solution import Solution
from advlearn.learners.convex.solver import path, solve

if TYPE_CHECKING:
    from advlearn.learners.convex.estimator import ConvexClustering

__all__ = [
    "ConvexClustering",
    "FlowCertificate",
    "Graph",
    "Solution",
    "VanishingWeightsWarning",
    "certify_partition",
    "gaussian_graph",
    "knn_graph",
    "path",
    "reweighted",
    "solve",
    "unit_graph",
    "vanishing",
    "vanishing_remedy",
]


def __getattr__(name: str) -> Any:
    """The estimator, imported when it is asked for: scikit-learn takes a second, and no stage
    needs it.
    """
    if name == "ConvexClustering":
        from advlearn.learners.convex.estimator import ConvexClustering

        return ConvexClustering
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
