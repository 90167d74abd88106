from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.settings.cluster import ClusterSettings
from advlearn.studies.selective.stages.cluster import cluster
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv

SETTINGS = ClusterSettings.model_validate(
    {
        "kmeans": {"n_clusters": [1, 3]},
        "agglomerative": {"n_clusters": [1, 3]},
        "dbscan": {"eps": [5.0, 1e-6], "min_samples": [4]},
        "hdbscan": {"min_cluster_size": [10], "min_samples": 4},
    }
)


@pytest.fixture
def embedding(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    blobs = np.repeat([[0, 0], [30, 0], [0, 30]], [20, 50, 30], axis=0)
    points = np.concatenate([blobs + rng.normal(size=(100, 2)), [[500.0, 500.0]]])
    path = tmp_path / "points.npy"
    np.save(path, points.astype(np.float32))
    return path


@pytest.mark.parametrize("clusterer", ["kmeans", "agglomerative", "dbscan", "hdbscan"])
def test_files_and_the_same_bytes_again(embedding: Path, tmp_path: Path, clusterer: str) -> None:
    outs = [tmp_path / "a" / "c.parquet", tmp_path / "b" / "c.parquet"]
    for out in outs:
        cluster(embedding=embedding, settings=SETTINGS, clusterer=clusterer, seed=0, out=out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    first, second = (out.with_suffix(".csv").read_bytes() for out in outs)
    assert first == second

    labels = pd.read_parquet(outs[0])
    sizes = read_csv(outs[0].with_suffix(".csv"))
    assert list(sizes) == ["clusterer", "setting", "n_clusters", "cluster", "size", "note"]
    assert set(sizes["clusterer"]) == {clusterer}
    asked = {1, 3} if clusterer in ("kmeans", "agglomerative") else set()
    assert set(sizes["n_clusters"].dropna()) == asked
    assert all(labels[setting].dtype == np.int32 for setting in labels)
    assert (sizes.groupby("setting")["size"].sum() == 101).all()
    for setting in labels:
        rows = sizes[sizes["setting"] == setting].set_index("cluster")["size"]
        assert rows.to_dict() == labels[setting].value_counts().to_dict()


def test_a_setting_of_noise_only_is_dropped_with_a_note(embedding: Path, tmp_path: Path) -> None:
    out = tmp_path / "dbscan.parquet"
    cluster(embedding=embedding, settings=SETTINGS, clusterer="dbscan", seed=0, out=out)
    assert list(pd.read_parquet(out)) == ["eps=5,min_samples=4"]
    sizes = read_csv(out.with_suffix(".csv"))
    dropped = sizes[sizes["setting"] == "eps=1e-06,min_samples=4"]
    assert dropped[["cluster", "size", "note"]].to_numpy().tolist() == [
        [-1, 101, "only noise: setting dropped"]
    ]
    kept = sizes[sizes["setting"] == "eps=5,min_samples=4"]
    assert kept.loc[kept["cluster"] == -1, ["size", "note"]].to_numpy().tolist() == [[1, "noise"]]


def test_only_noise_in_every_setting(embedding: Path, tmp_path: Path) -> None:
    settings = ClusterSettings.model_validate({"dbscan": {"eps": [1e-6], "min_samples": [4, 5]}})
    out = tmp_path / "dbscan.parquet"
    with pytest.raises(UserError, match="only noise in 101 points") as error:
        cluster(embedding=embedding, settings=settings, clusterer="dbscan", seed=0, out=out)
    assert "eps=1e-06,min_samples=5" in error.value.what
    assert "cluster.dbscan" in error.value.where
    assert not out.exists()
    assert not out.with_suffix(".csv").exists()


def test_points_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "points.npy"
    with pytest.raises(UserError, match="cannot be read") as error:
        cluster(
            embedding=path,
            settings=SETTINGS,
            clusterer="kmeans",
            seed=0,
            out=tmp_path / "kmeans.parquet",
        )
    assert error.value.where == str(path)


def test_unknown_clusterer(embedding: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown clusterer 'spectral'"):
        cluster(
            embedding=embedding,
            settings=SETTINGS,
            clusterer="spectral",
            seed=0,
            out=tmp_path / "spectral.parquet",
        )
