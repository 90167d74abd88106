"""What ``benchmarks.scaling`` runs along the other axis: few points, more and more features.

    python -m benchmarks.scaling_wide pca --features D

The points are ten clouds, made in the process that is measured, in single precision as images are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

POINTS = 1_000
FEW = 200
#: 8 x 8, 28 x 28, and 32, 64, 128 and 224 pixels a side in three colours.
FEATURES = (64, 784, 3_072, 12_288, 49_152, 150_528)
CONFIG = Path("config/config.yaml")
_CLOUDS, _GAMMA, _STEPS = 10, 5.0, 5


def clouds(features: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, features) float32 and the numbers (count,) of their clouds."""
    rng = np.random.default_rng(features)
    own = rng.integers(_CLOUDS, size=count)
    points = rng.standard_normal((count, features), dtype=np.float32)
    points += rng.standard_normal((_CLOUDS, features), dtype=np.float32)[own]
    return points, own


def embed(reduction: str, features: int) -> None:
    """A reduction of the embed stage with the settings of the full run, on one thread."""
    from advlearn import embeddings
    from advlearn.config import load_file

    settings = load_file(CONFIG).selective.embed
    tsne = settings.tsne.model_copy(update={"threads": 1})
    embeddings.embed(
        clouds(features, POINTS)[0], reduction, settings.model_copy(update={"tsne": tsne}), seed=0
    )


def cluster(name: str, features: int) -> None:
    """A clusterer of the cluster stage on unreduced points."""
    from advlearn.config import load_file
    from advlearn.learners.clusterers import agglomerative, kmeans

    settings = load_file(CONFIG).selective.cluster
    points = clouds(features, POINTS)[0]
    if name == "kmeans":
        kmeans.fit(points, settings.kmeans, seed=0)
    else:
        agglomerative.fit(points, settings.agglomerative, seed=0)


def convex(features: int) -> None:
    """Convex clustering at one gamma, on the graph of ten neighbours."""
    from advlearn.learners.convex import knn_graph, solve
    from benchmarks.convex import GAP, in_units

    points = in_units(clouds(features, FEW)[0].astype(np.float64))
    solve(points, knn_graph(points), _GAMMA, tol=GAP)


def poisoning(features: int) -> None:
    """The poisoning attack on a logistic regression of two halves of the clouds."""
    from advlearn.attacks.poisoning import HypergradientAscent, LinearTask
    from advlearn.budgets.points import PerPoint

    points, own = clouds(features, 2 * FEW)
    points, targets = points.astype(np.float64), (own < _CLOUDS / 2).astype(np.float64)
    task = LinearTask(points[:FEW], targets[:FEW], points[FEW:], targets[FEW:])
    task.problem(PerPoint(0.3)).max_effect(HypergradientAscent(task, steps=_STEPS))


CASES: dict[str, tuple[str, Callable[[int], None]]] = {
    "pca": ("1,000 images to 2 components", lambda features: embed("pca", features)),
    "t-SNE": (
        "1,000 images, 50 components, 650 iterations",
        lambda features: embed("tsne", features),
    ),
    "k-means": (
        "1,000 images, clusters 1 to 10, ten starts",
        lambda features: cluster("kmeans", features),
    ),
    "Ward": ("1,000 images, one linkage", lambda features: cluster("agglomerative", features)),
    "convex clustering": ("200 points, one gamma, 10 neighbours", convex),
    "poisoning": (f"200 points, logistic regression, {_STEPS} steps", poisoning),
}
"""Name -> what one run does, and how."""


def command(case: str, features: int) -> list[str]:
    """What measures a case at a number of features."""
    return [sys.executable, "-m", "benchmarks.scaling_wide", case, "--features", str(features)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("--features", type=int, required=True)
    options = parser.parse_args()
    CASES[options.case][1](options.features)


if __name__ == "__main__":
    main()
