import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from advlearn.learners.clusterers import dbscan
from advlearn.settings.cluster import DbscanSettings, SettingName
from advlearn.support.errors import UserError


@pytest.fixture
def blobs() -> np.ndarray:
    rng = np.random.default_rng(0)
    near = np.repeat([[0, 0], [9, 0]], 40, axis=0) + rng.normal(size=(80, 2)) * 0.5
    return np.concatenate([near, [[50.0, 50.0], [-50.0, 50.0]]])


def test_blobs_and_noise(blobs: np.ndarray) -> None:
    labels = dbscan.fit(blobs, DbscanSettings(eps=[2.0], min_samples=[5]), 0)
    found = labels[SettingName("eps=2,min_samples=5")]
    assert list(found[-2:]) == [-1, -1]
    assert adjusted_rand_score(np.repeat([0, 1], 40), found[:80]) == 1


@pytest.mark.slow
@given(
    n=st.integers(5, 60),
    quantile=st.floats(0.05, 1.0),
    min_samples=st.integers(2, 5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_derived_radius_makes_that_share_core_points(
    n: int, quantile: float, min_samples: int, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    kth = np.sort(distances, axis=1)[:, min_samples - 1]
    eps = np.sort(kth)[int(np.ceil(quantile * n)) - 1]
    model = DBSCAN(eps=eps * (1 + 1e-9), min_samples=min_samples).fit(points)
    assert len(model.core_sample_indices_) >= quantile * n - 1e-9
    ours = dbscan.fit(points, DbscanSettings(eps_quantile=[quantile], min_samples=[min_samples]), 0)
    assert len(ours) == 1
    (labels,) = ours.values()
    np.testing.assert_array_equal(labels, model.labels_)


def test_grid(blobs: np.ndarray) -> None:
    settings = DbscanSettings(eps_quantile=[0.5, 0.9], min_samples=[3, 6])
    assert list(dbscan.fit(blobs, settings, 0)) == [
        "eps_quantile=0.5,min_samples=3",
        "eps_quantile=0.9,min_samples=3",
        "eps_quantile=0.5,min_samples=6",
        "eps_quantile=0.9,min_samples=6",
    ]


def test_points_that_are_the_same() -> None:
    points = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    with pytest.raises(UserError, match="derived eps is 0") as error:
        dbscan.fit(points, DbscanSettings(eps_quantile=[0.5], min_samples=[5]), 0)
    assert "cluster.dbscan.eps_quantile" in error.value.where


def test_a_radius_that_would_fill_the_memory(
    blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DbscanSettings(eps=[100.0], min_samples=[5])
    dbscan.fit(blobs, settings, 0)
    monkeypatch.setattr(dbscan, "MOST_NEIGHBOURS", 500)
    with pytest.raises(UserError, match="too many to keep"):
        dbscan.fit(blobs, settings, 0)
