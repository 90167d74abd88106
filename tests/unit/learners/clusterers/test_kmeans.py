from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from advlearn.learners.clusterers import kmeans
from advlearn.learners.clusterers.kmeans import fit
from advlearn.settings.cluster import KMeansSettings, SettingName


@pytest.fixture
def blobs() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.repeat([[0, 0], [9, 0], [0, 9]], [20, 30, 40], axis=0) + rng.normal(size=(90, 2))


def test_blobs_are_found(blobs: np.ndarray) -> None:
    labels = fit(blobs, KMeansSettings(n_clusters=[3, 1]), 0)
    assert list(labels) == ["n_clusters=3", "n_clusters=1"]
    truth = np.repeat([0, 1, 2], [20, 30, 40])
    assert adjusted_rand_score(truth, labels[SettingName("n_clusters=3")]) == 1
    assert set(labels[SettingName("n_clusters=1")]) == {0}


def test_a_number_does_not_depend_on_the_others() -> None:
    points = np.random.default_rng(1).normal(size=(300, 2))
    together = fit(points, KMeansSettings(n_clusters=[2, 5, 7], n_init=1), 4)
    alone = fit(points, KMeansSettings(n_clusters=[7], n_init=1), 4)
    np.testing.assert_array_equal(
        alone[SettingName("n_clusters=7")], together[SettingName("n_clusters=7")]
    )


def test_seed_matters_where_starts_are_few() -> None:
    points = np.random.default_rng(1).normal(size=(300, 2))
    settings = KMeansSettings(n_clusters=[9], n_init=1)
    results = {
        fit(points, settings, seed)[SettingName("n_clusters=9")].tobytes() for seed in range(4)
    }
    assert len(results) > 1


@pytest.mark.parametrize("dimensions", [2, 50, kmeans.ELKAN_FROM, 784])
def test_the_labels_of_lloyd_whatever_the_number_of_dimensions(
    dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(dimensions)
    mixed = rng.normal(size=(600, 8)) @ rng.normal(size=(8, dimensions))
    # As in images, many numbers are at an end of their range.
    points = np.clip(mixed / 2 + 0.1, 0, 1).astype(np.float32)
    used: list[str] = []

    def counted(*args: Any, **settings: Any) -> KMeans:
        used.append(settings["algorithm"])
        return KMeans(*args, **settings)

    monkeypatch.setattr(kmeans, "KMeans", counted)
    settings = KMeansSettings(n_clusters=[1, 2, 4, 10], n_init=3)
    found = fit(points, settings, seed=3)
    fast = "elkan" if dimensions >= kmeans.ELKAN_FROM else "lloyd"
    assert used == ["lloyd", fast, fast, fast]
    monkeypatch.setattr(kmeans, "ELKAN_FROM", dimensions + 1)
    expected = fit(points, settings, seed=3)
    assert used[4:] == ["lloyd"] * 4
    for setting, labels in expected.items():
        np.testing.assert_array_equal(found[setting], labels)
