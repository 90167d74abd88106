from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.data import clusterpath
from advlearn.data.clusterpath import Clusterpath
from advlearn.data.point_sets import make_points, save_points
from advlearn.learners.convex import knn_graph, solve
from advlearn.settings.points import BlobsSettings
from tests.helpers.bilevel_stages import follow_path, path_job


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blobs of 10 points whose graph connects them, and a path of nine gammas."""
    folder = tmp_path_factory.mktemp("certify")
    data = make_points(BlobsSettings(points=20, clusters=2, separation=4.0), 12)
    save_points(folder / "blobs.npz", data)
    graph = knn_graph(data.points, 12, 0.5)
    gammas = np.geomspace(0.05, 30, 9)
    labels = np.stack([solve(data.points, graph, gamma).labels for gamma in gammas])
    two = np.flatnonzero(labels.max(axis=1) == 1)
    assert len(two), "the fixture needs a gamma with two clusters"
    walked = Clusterpath(graph.edges, graph.weights, gammas, labels, int(two[len(two) // 2]))
    clusterpath.save_clusterpath(folder / "path.npz", walked)
    return folder


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of the clusterpath of three blobs, its other files beside it."""
    folder = tmp_path_factory.mktemp("blobs")
    data = BlobsSettings(points=36, separation=5.0)
    return follow_path(folder, data, path_job(trajectories=True))
