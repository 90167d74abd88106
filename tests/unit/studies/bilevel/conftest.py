from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.data import clusterpath
from advlearn.data.clusterpath import Clusterpath
from advlearn.data.point_sets import make_points, save_points
from advlearn.learners.convex import knn_graph, solve
from advlearn.settings.points import BlobsSettings
from advlearn.studies.bilevel.stages.attack import load_attacked


@pytest.fixture(scope="session")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blobs whose graph connects them, and a clusterpath whose gamma keeps them apart."""
    folder = tmp_path_factory.mktemp("attack")
    data = make_points(BlobsSettings(points=20, clusters=2, separation=4.0), 14)
    save_points(folder / "blobs.npz", data)
    graph = knn_graph(data.points, 14, 0.5)
    labels, gamma = next(
        (labels, gamma)
        for gamma in np.geomspace(0.05, 30, 30)
        if (labels := solve(data.points, graph, gamma).labels).max() == 1
        and np.bincount(labels).min() > 5
    )
    walked = Clusterpath(graph.edges, graph.weights, np.array([gamma]), labels[None], 0)
    clusterpath.save_clusterpath(folder / "path.npz", walked)
    return folder


@pytest.fixture(scope="session")
def setting(clustered: Path) -> AttackedClustering:
    return load_attacked(clustered / "blobs.npz", clustered / "path.npz", 0.5)
