"""The rule ``nearest`` in the stage select, and every cluster of a number that was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.selection import rules
from advlearn.settings.cluster import setting_name
from advlearn.studies.selective.cell import read_cells
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.selective.stages.select import select
from advlearn.support.errors import UserError
from advlearn.support.io import read_npz, write_npy
from tests.helpers.clusters import write_clusters

N = 60
SETTINGS = SelectSettings(rules=["random", "nearest"], nearest_n_clusters=[1, 3], nearest_share=0.5)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path | list[Path]]:
    rng = np.random.default_rng(0)
    outcomes = pd.DataFrame(
        {
            "split": "train",
            "position": np.arange(N),
            "label": np.arange(N) % 3,
            "loss": rng.random(N),
            "margin": rng.normal(size=N),
        }
    )
    outcomes.to_parquet(tmp_path / "outcomes.parquet", index=False)
    write_npy(tmp_path / "pca.npy", rng.normal(size=(N, 2)).astype(np.float32))
    kmeans = {
        setting_name(n_clusters=k): np.concatenate([np.arange(k), rng.integers(0, k, N - k)])
        for k in (1, 2, 3)
    }
    noisy = np.concatenate([np.arange(-1, 3), rng.integers(-1, 3, N - 4)])
    clusters = [
        write_clusters(
            tmp_path / f"{name}.parquet", {key: each.astype(np.int32) for key, each in made.items()}
        )
        for name, made in (("kmeans", kmeans), ("dbscan", {setting_name(eps=1): noisy}))
    ]
    return {
        "outcomes": tmp_path / "outcomes.parquet",
        "embedding": tmp_path / "pca.npy",
        "clusters": clusters,
    }


def run(
    inputs: dict[str, Path | list[Path]], out: Path, settings: SelectSettings = SETTINGS
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    select(**inputs, settings=settings, seed=0, out=out)  # type: ignore[arg-type]
    return read_cells(out), read_npz(out.with_suffix(".npz"))


def test_the_nearest_of_every_cluster_with_a_control_of_equal_size(
    inputs: dict[str, Path | list[Path]], tmp_path: Path
) -> None:
    cells, sets = run(inputs, tmp_path / "cells.csv")
    nearest = cells[cells["rule"] == "nearest"]
    assert list(nearest["setting"]) == ["n_clusters=1", "n_clusters=3"]
    assert nearest["cluster"].isna().all()
    points = np.load(tmp_path / "pca.npy")
    labels = pd.read_parquet(tmp_path / "kmeans.parquet")
    for cell in records(nearest):
        expected = rules.nearest_to_centres(points, labels[cell["setting"]].to_numpy(), 0.5)
        np.testing.assert_array_equal(sets[cell["digest"]], expected)
        control = cells[cells["control_of"] == cell["digest"]]
        assert len(control) == 1
        assert control["n_selected"].item() == cell["n_selected"] == len(expected)
        assert control["digest"].item() != cell["digest"]


def test_without_the_rule_no_embedding_is_read(
    inputs: dict[str, Path | list[Path]], tmp_path: Path
) -> None:
    plain = SelectSettings(rules=["random"])
    given, _ = run(inputs, tmp_path / "a.csv", plain)
    inputs.pop("embedding")
    absent, _ = run(inputs, tmp_path / "b.csv", plain)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert "nearest" not in set(given["rule"])
    assert len(absent) == len(given)


@pytest.mark.parametrize("points", [None, np.zeros((N - 1, 2)), np.full((N, 2), np.nan)])
def test_points_that_do_not_belong(
    inputs: dict[str, Path | list[Path]], tmp_path: Path, points: np.ndarray | None
) -> None:
    if points is None:
        inputs.pop("embedding")
    else:
        write_npy(tmp_path / "pca.npy", points)
    with pytest.raises(UserError, match="points"):
        run(inputs, tmp_path / "cells.csv")
    assert not (tmp_path / "cells.csv").exists()


@pytest.mark.parametrize(("most", "runs"), [(0, 0), (2, 0), (3, 3)])
def test_every_cluster_of_a_number_that_was_found(
    inputs: dict[str, Path | list[Path]], tmp_path: Path, most: int, runs: int
) -> None:
    settings = SelectSettings(rules=["random", "every"], every_n_clusters=[7], every_found=most)
    cells, _ = run(inputs, tmp_path / "cells.csv", settings)
    every = cells[cells["rule"] == "every"]
    assert list(every["clusterer"]) == ["dbscan"] * runs
