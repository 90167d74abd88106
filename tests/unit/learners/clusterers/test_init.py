import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from advlearn.learners.clusterers import fit, relabel
from advlearn.settings.cluster import ClusterSettings, SettingName
from advlearn.support.errors import UserError

DOCS = Path(__file__).parents[4] / "docs" / "own-cluster.md"


@pytest.fixture
def blobs() -> np.ndarray:
    rng = np.random.default_rng(0)
    sizes = [20, 50, 30]
    return np.repeat([[0, 0], [30, 0], [0, 30]], sizes, axis=0) + rng.normal(size=(100, 2))


@given(npst.arrays(np.int64, st.integers(1, 30), elements=st.integers(-1, 6)))
def test_relabel_sorts_by_size_then_first_point(labels: np.ndarray) -> None:
    new = relabel(labels)
    assert new.dtype == np.int32
    np.testing.assert_array_equal(new == -1, labels == -1)
    # The same partition: pairs of old and new numbers are one to one.
    assert len({*zip(labels, new, strict=True)}) == len({*labels}) == len({*new})
    keys = [
        (-int((new == number).sum()), int(np.argmax(new == number)))
        for number in range(new.max() + 1)
    ]
    assert keys == sorted(keys)


@pytest.mark.parametrize("clusterer", ["kmeans", "agglomerative", "dbscan", "hdbscan"])
def test_every_clusterer_numbers_by_size(blobs: np.ndarray, clusterer: str) -> None:
    settings = ClusterSettings.model_validate(
        {
            "kmeans": {"n_clusters": [3]},
            "agglomerative": {"n_clusters": [3]},
            "dbscan": {"eps": [5.0], "min_samples": [4]},
            "hdbscan": {"min_cluster_size": [10], "min_samples": 4},
        }
    )
    (labels,) = fit(blobs, clusterer, settings, 0).values()
    assert labels.dtype == np.int32
    truth = np.repeat([2, 0, 1], [20, 50, 30])
    clustered = labels >= 0
    assert clustered.mean() > 0.9
    np.testing.assert_array_equal(labels[clustered], truth[clustered])
    (again,) = fit(blobs, clusterer, settings, 0).values()
    np.testing.assert_array_equal(again, labels)


def test_unknown_clusterer(blobs: np.ndarray) -> None:
    with pytest.raises(UserError, match="unknown clusterer 'spectral'"):
        fit(blobs, "spectral", ClusterSettings(), 0)


def test_more_clusters_than_points(blobs: np.ndarray) -> None:
    with pytest.raises(UserError, match="10 clusters, there are 9 images"):
        fit(blobs[:9], "kmeans", ClusterSettings(), 0)


def test_nan_names_the_point(blobs: np.ndarray) -> None:
    blobs[7, 1] = np.nan
    with pytest.raises(UserError, match="in 1 of 100 points") as error:
        fit(blobs, "kmeans", ClusterSettings(), 0)
    assert error.value.where == "point 7"


@pytest.mark.parametrize("shape", [(0, 2), (5,), (5, 2, 2)])
def test_no_table_of_points(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="table of points"):
        fit(np.zeros(shape), "kmeans", ClusterSettings(), 0)


def test_fewer_different_points_than_clusters() -> None:
    points = np.repeat([[0.0, 0.0], [1.0, 1.0], [2.0, 5.0]], 10, axis=0)
    settings = ClusterSettings.model_validate({"kmeans": {"n_clusters": [2, 5]}})
    with pytest.raises(UserError, match="cluster 3 has zero images") as error:
        fit(points, "kmeans", settings, 0)
    assert "kmeans" in error.value.what
    assert "n_clusters=5" in error.value.what


def _own(function: str, **settings: object) -> ClusterSettings:
    return ClusterSettings.model_validate(
        {"own": {"mine": {"function": function, "settings": settings}}}
    )


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.syspath_prepend(tmp_path)

    def write(body: str) -> str:
        name = f"laboratory_{abs(hash(body))}"
        (tmp_path / f"{name}.py").write_text(body, encoding="utf-8")
        return name

    return write


def test_the_example_of_the_documentation(
    blobs: np.ndarray, laboratory: Callable[[str], str]
) -> None:
    text = DOCS.read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    assert len(example.splitlines()) < 40
    settings = _own(f"{laboratory(example)}:gaussian_mixture", n_components=[2, 3])
    labels = fit(blobs, "mine", settings, 0)
    assert list(labels) == ["n_clusters=2", "n_clusters=3"]
    np.testing.assert_array_equal(
        labels[SettingName("n_clusters=3")], np.repeat([2, 0, 1], [20, 50, 30])
    )


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("[1]", "no mapping"),
        ("{}", "no mapping"),
        ("{1: np.zeros(len(points), int)}", "no text"),
        ("{'n_clusters=1': np.zeros(len(points), int)}", "plain text"),
        ("{'a': np.zeros(3, int)}", "shape"),
        ("{'a': np.zeros(len(points))}", "float64"),
        ("{'a': np.full(len(points), -2)}", "label -2"),
    ],
)
def test_an_own_clusterer_that_returns_no_labels(
    blobs: np.ndarray, laboratory: Callable[[str], str], result: str, problem: str
) -> None:
    name = laboratory(f"import numpy as np\ndef f(points, settings, seed):\n    return {result}\n")
    with pytest.raises(UserError, match=problem) as error:
        fit(blobs, "mine", _own(f"{name}:f"), 0)
    assert "mine" in error.value.where


@pytest.mark.parametrize("function", ["no_such_module:f", "advlearn:no_such_function"])
def test_an_own_clusterer_that_is_not_there(blobs: np.ndarray, function: str) -> None:
    with pytest.raises(UserError, match="cannot load the clusterer") as error:
        fit(blobs, "mine", _own(function), 0)
    assert function in error.value.where


def test_an_algorithm_is_imported_only_when_used() -> None:
    code = (
        "import sys, advlearn.learners.clusterers;"
        "print([m for m in ('sklearn', 'hdbscan', 'fastcluster', 'torch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
