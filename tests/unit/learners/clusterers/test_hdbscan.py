import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from advlearn.learners.clusterers.hdbscan import fit
from advlearn.settings.cluster import HdbscanSettings, SettingName


@pytest.fixture
def blobs() -> np.ndarray:
    rng = np.random.default_rng(0)
    near = np.repeat([[0, 0], [20, 0]], 50, axis=0) + rng.normal(size=(100, 2))
    return np.concatenate([near, [[90.0, 90.0]]])


def test_blobs_and_noise(blobs: np.ndarray) -> None:
    settings = HdbscanSettings(min_cluster_size=[20, 0.3], min_samples=5)
    labels = fit(blobs, settings, 0)
    assert list(labels) == [
        "min_cluster_size=20,min_samples=5",
        "min_cluster_size=0.3,min_samples=5",
    ]
    found = labels[SettingName("min_cluster_size=20,min_samples=5")]
    assert found[-1] == -1
    clustered = found[:100] >= 0
    assert clustered.mean() > 0.9
    truth = np.repeat([0, 1], 50)
    assert adjusted_rand_score(truth[clustered], found[:100][clustered]) == 1


def test_a_share_is_that_many_images(blobs: np.ndarray) -> None:
    share = fit(blobs, HdbscanSettings(min_cluster_size=[0.2], min_samples=None), 0)
    count = fit(blobs, HdbscanSettings(min_cluster_size=[20], min_samples=None), 0)
    np.testing.assert_array_equal(
        share[SettingName("min_cluster_size=0.2")], count[SettingName("min_cluster_size=20")]
    )


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_points_are_noise(n: int) -> None:
    labels = fit(np.zeros((n, 2)), HdbscanSettings(min_cluster_size=[2], min_samples=1), 0)
    assert set(labels[SettingName("min_cluster_size=2,min_samples=1")]) == {-1}
