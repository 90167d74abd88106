import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from advlearn.learners.clusterers.agglomerative import cut, fit, linkage
from advlearn.settings.cluster import AgglomerativeSettings, SettingName


# Normal draws have no ties, and only then is Ward's tree one tree.
@given(
    n=st.integers(2, 60),
    dimensions=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
@settings(max_examples=40)
def test_partition_of_scikit_learn(n: int, dimensions: int, seed: int, data: st.DataObject) -> None:
    points = np.random.default_rng(seed).normal(size=(n, dimensions))
    number = data.draw(st.integers(1, n))
    ours = fit(points, AgglomerativeSettings(n_clusters=[number]), 0)[
        SettingName(f"n_clusters={number}")
    ]
    theirs = AgglomerativeClustering(number, linkage="ward").fit_predict(points)
    assert adjusted_rand_score(ours, theirs) == 1


def test_one_linkage_serves_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from advlearn.learners.clusterers import agglomerative

    calls = []
    real = agglomerative.linkage

    def counted(points: np.ndarray) -> np.ndarray:
        calls.append(1)
        return real(points)

    monkeypatch.setattr(agglomerative, "linkage", counted)
    points = np.random.default_rng(0).normal(size=(500, 2))
    labels = agglomerative.fit(points, AgglomerativeSettings(), 0)
    assert len(calls) == 1
    for number in range(1, 11):
        theirs = AgglomerativeClustering(number).fit_predict(points)
        assert adjusted_rand_score(labels[SettingName(f"n_clusters={number}")], theirs) == 1


@given(n=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_cuts_are_nested(n: int, seed: int) -> None:
    tree = linkage(np.random.default_rng(seed).normal(size=(n, 2)))
    for number in range(2, n + 1):
        fine, coarse = cut(tree, number), cut(tree, number - 1)
        assert len(np.unique(fine)) == number
        # Each fine cluster lies in one coarse cluster.
        assert len(np.unique(np.stack([fine, coarse]), axis=1).T) == number


def test_float32_and_readonly_points() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    points.flags.writeable = False
    assert len(np.unique(cut(linkage(points), 4))) == 4


@pytest.mark.parametrize("number", [1, 5])
def test_ties_still_give_the_asked_number(number: int) -> None:
    assert len(np.unique(cut(linkage(np.zeros((5, 2))), number))) == number
