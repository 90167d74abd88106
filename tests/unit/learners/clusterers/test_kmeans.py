import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

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
