from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from advlearn.learners.convex import (
    ConvexClustering,
    VanishingWeightsWarning,
    gaussian_graph,
    knn_graph,
    solve,
    unit_graph,
    vanishing,
)
from advlearn.support.errors import UserError

Check = Callable[[ConvexClustering, Callable[[ConvexClustering], None]], None]
# Every check applies and passes: no list of expected failures.
every_check: Callable[[Check], Check] = parametrize_with_checks([ConvexClustering()])


@every_check
def test_scikit_learns_checks(
    estimator: ConvexClustering, check: Callable[[ConvexClustering], None]
) -> None:
    check(estimator)


def test_fit_gives_what_solve_gives() -> None:
    points, _ = make_blobs(90, random_state=0)
    model = ConvexClustering(2.0, n_neighbors=8, phi=0.3).fit(points)
    found = solve(points, knn_graph(points, 8, 0.3), 2.0)
    np.testing.assert_array_equal(model.labels_, found.labels)
    np.testing.assert_array_equal(model.centroids_, found.centroids)
    assert model.certified_
    assert model.gap_ <= 1e-8
    assert model.n_features_in_ == 2
    np.testing.assert_array_equal(clone(model).fit_predict(points), model.labels_)


def test_three_blobs_are_three_clusters_for_each_kind_of_weights() -> None:
    points, truth = make_blobs(60, centers=[[0, 0], [20, 0], [0, 20]], random_state=0)
    _, first = np.unique(truth, return_index=True)
    truth = np.argsort(np.argsort(first))[truth]
    for weights, gamma in (("knn", 5.0), ("gaussian", 5.0), ("unit", 0.2)):
        labels = ConvexClustering(gamma, weights=weights, phi=0.05).fit_predict(points)
        np.testing.assert_array_equal(labels, truth, err_msg=weights)


def test_bad_parameters_are_refused() -> None:
    points, _ = make_blobs(20, random_state=0)
    with pytest.raises(UserError, match="gamma"):
        ConvexClustering(0.0).fit(points)
    with pytest.raises(UserError, match="weights"):
        ConvexClustering(weights="cosine").fit(points)


@pytest.mark.parametrize("weights", ["knn", "gaussian"])
def test_features_too_large_for_the_weights_are_told(weights: str) -> None:
    wine = load_wine().data
    with pytest.warns(VanishingWeightsWarning, match="of 178 points") as told:
        model = ConvexClustering(10.0, weights=weights).fit(wine)
    assert len(set(model.labels_)) > 170
    # What the warning advises helps: both of its remedies.
    phi = float(re.search(r"for example (\S+),", str(told[0].message))[1])  # type: ignore[index]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConvexClustering(10.0, weights=weights, phi=phi).fit(wine)
        ConvexClustering(10.0, weights=weights).fit(StandardScaler().fit_transform(wine))
        ConvexClustering(10.0, weights=weights).fit(load_iris().data)
        ConvexClustering(10.0, weights="unit").fit(wine[:20])


def test_share_of_points_without_a_weight() -> None:
    points = np.array([[0.0], [1.0], [100.0], [1000.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vanishing(gaussian_graph(points, 0.5)) == 0.5
        assert vanishing(unit_graph(4)) == vanishing(unit_graph(1)) == 0
        assert vanishing(knn_graph(points, 1, 0.0)) == 0


def test_points_whose_squares_overflow_are_refused() -> None:
    with pytest.raises(UserError, match="too large"):
        ConvexClustering().fit(np.array([[0.0], [1e200], [1.0]]))
