from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.selection import rules
from advlearn.settings.cluster import SettingName, setting_name
from advlearn.studies.selective.cell import read_cells
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.selective.stages.select import select
from advlearn.support.errors import UserError
from advlearn.support.io import read_npz
from tests.helpers.clusters import write_clusters

N = 60
SETTINGS = SelectSettings(rule_n_clusters=[2], every_n_clusters=[3])


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    train = pd.DataFrame(
        {
            "split": "train",
            "position": np.arange(N),
            "label": np.arange(N) % 3,
            "loss": rng.random(N),
            "margin": rng.normal(size=N),
        }
    )
    validation = train.head(5).assign(split="validation", loss=np.nan)
    path = tmp_path / "outcomes.parquet"
    # Out of order, and with rows of another split that select must not read.
    pd.concat([validation, train.sample(frac=1, random_state=0)]).to_parquet(path, index=False)
    return path


def _write(path: Path, labels: Mapping[SettingName, np.ndarray]) -> Path:
    return write_clusters(path, {name: each.astype(np.int32) for name, each in labels.items()})


@pytest.fixture
def clusters(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    kmeans = {
        setting_name(n_clusters=k): np.concatenate([np.arange(k), rng.integers(0, k, N - k)])
        for k in (1, 2, 3)
    }
    noisy = np.concatenate([np.arange(-1, 3), rng.integers(-1, 3, N - 4)])
    dbscan = {setting_name(eps=1, min_samples=4): noisy}
    return [
        _write(tmp_path / f"{name}.parquet", labels)
        for name, labels in (("kmeans", kmeans), ("dbscan", dbscan))
    ]


def run(
    outcomes: Path,
    clusters: list[Path] | None,
    out: Path,
    settings: SelectSettings = SETTINGS,
    seed: int = 0,
    include_single: bool = True,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    select(
        outcomes=outcomes,
        clusters=clusters,
        settings=settings,
        seed=seed,
        out=out,
        include_single=include_single,
    )
    return read_cells(out), read_npz(out.with_suffix(".npz"))


def rules_of(cells: pd.DataFrame, clusterer: str, setting: str) -> list[str]:
    rows = cells[(cells["clusterer"] == clusterer) & (cells["setting"] == setting)]
    return list(rows["rule"])


def test_columns_and_consistency(outcomes: Path, clusters: list[Path], tmp_path: Path) -> None:
    cells, sets = run(outcomes, clusters, tmp_path / "cells.csv")
    assert list(cells) == [
        "clusterer",
        "setting",
        "n_clusters",
        "rule",
        "cluster",
        "n_selected",
        "n_missing_classes",
        "digest",
        "control_of",
    ]
    labels = np.arange(N) % 3
    for cell in records(cells):
        if cell["rule"] == "classic":
            continue
        positions = sets[cell["digest"]]
        assert positions.dtype == np.int32
        assert rules.index_set_digest(positions) == cell["digest"]
        assert len(positions) == cell["n_selected"]
        assert 3 - len(set(labels[positions])) == cell["n_missing_classes"]
    assert set(sets) == set(cells["digest"]) - {"classic"}


def test_the_number_of_clusters_stands_beside_the_setting(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv")
    numbers = {
        str(setting): set(part["n_clusters"].dropna()) for setting, part in cells.groupby("setting")
    }
    asked = {f"n_clusters={k}": {k} for k in (1, 2, 3)}
    assert numbers == {**asked, "eps=1,min_samples=4": set()}


@pytest.mark.parametrize("content", [None, "setting,cluster\nn_clusters=1,0\n"])
def test_clusters_without_their_sizes(
    outcomes: Path, clusters: list[Path], tmp_path: Path, content: str | None
) -> None:
    clusters[0].with_suffix(".csv").unlink()
    if content:
        clusters[0].with_suffix(".csv").write_text(content)
    with pytest.raises(UserError, match="sizes of the clusters are missing") as error:
        run(outcomes, clusters, tmp_path / "cells.csv")
    assert error.value.where == str(clusters[0].with_suffix(".csv"))


def test_which_rules_run_where(outcomes: Path, clusters: list[Path], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"subset_control": False})
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv", settings)
    assert rules_of(cells, "kmeans", "n_clusters=1") == ["random"]
    assert rules_of(cells, "kmeans", "n_clusters=2") == [
        "random",
        "largest",
        "smallest",
        "highest_loss",
        "lowest_margin",
    ]
    assert rules_of(cells, "kmeans", "n_clusters=3") == ["random", *["every"] * 3]
    assert rules_of(cells, "dbscan", "eps=1,min_samples=4") == ["random", *["every"] * 3]
    found, _ = run(
        outcomes,
        clusters,
        tmp_path / "found.csv",
        settings.model_copy(update={"rule_found": True}),
    )
    assert "largest" in rules_of(found, "dbscan", "eps=1,min_samples=4")


def test_chosen_images_are_those_of_the_cluster(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, sets = run(outcomes, clusters, tmp_path / "cells.csv")
    labels = {path.stem: pd.read_parquet(path) for path in clusters}
    chosen = cells[~cells["rule"].isin(["subset", "all", "none", "classic"])]
    for cell in records(chosen):
        column = labels[cell["clusterer"]][cell["setting"]].to_numpy()
        members = np.flatnonzero(column == cell["cluster"])
        np.testing.assert_array_equal(sets[cell["digest"]], members)
        assert cell["cluster"] >= 0


def test_highest_loss_reads_losses_by_position(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv")
    frame = pd.read_parquet(outcomes)
    loss = frame[frame["split"] == "train"].set_index("position")["loss"].sort_index()
    means = loss.groupby(pd.read_parquet(clusters[0])["n_clusters=2"].to_numpy()).mean()
    (cell,) = cells[(cells["rule"] == "highest_loss")].itertuples()
    assert cell.cluster == means.idxmax()


def test_one_control_of_equal_size_for_each_image_set(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv")
    for _, group in cells[cells["clusterer"] != "single"].groupby(["clusterer", "setting"]):
        controls = group[group["rule"] == "subset"]
        others = group[group["rule"] != "subset"]
        assert sorted(controls["control_of"]) == sorted(others["digest"].unique())
        size = others.drop_duplicates("digest").set_index("digest")["n_selected"]
        assert (size[controls["control_of"]].to_numpy() == controls["n_selected"]).all()
    proper = cells[(cells["rule"] == "subset") & (cells["n_selected"] < N)]
    assert (proper["digest"] != proper["control_of"]).all()


def test_one_cluster_is_all_and_its_control_too(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv")
    one = cells[(cells["clusterer"] == "kmeans") & (cells["setting"] == "n_clusters=1")]
    everything = cells.loc[cells["rule"] == "all", "digest"].item()
    assert list(one["rule"]) == ["random", "subset"]
    assert set(one["digest"]) == {everything} == {rules.index_set_digest(np.arange(N))}


def test_single_cells(outcomes: Path, tmp_path: Path) -> None:
    cells, sets = run(outcomes, [], tmp_path / "cells.csv")
    assert cells["rule"].tolist() == ["all", "none", "classic"]
    assert set(cells["clusterer"]) == {"single"}
    assert set(cells["setting"]) == {"n_clusters=1"}
    assert cells["n_selected"].tolist() == [N, 0, 0]
    assert cells["n_missing_classes"].tolist() == [0, 3, 3]
    empty = rules.index_set_digest(np.empty(0, np.int32))
    assert cells["digest"].tolist() == [rules.index_set_digest(np.arange(N)), empty, "classic"]
    assert len(sets[empty]) == 0


def test_single_cells_only_where_asked_for(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    cells, _ = run(outcomes, clusters, tmp_path / "cells.csv", include_single=False)
    assert "single" not in set(cells["clusterer"])


def test_the_same_bytes_again(outcomes: Path, clusters: list[Path], tmp_path: Path) -> None:
    outs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for out in outs:
        run(outcomes, clusters, out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].with_suffix(".npz").read_bytes() == outs[1].with_suffix(".npz").read_bytes()


def test_cells_do_not_depend_on_order_or_company(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    together, _ = run(outcomes, clusters, tmp_path / "a.csv")
    turned, _ = run(outcomes, clusters[::-1], tmp_path / "b.csv")
    alone, _ = run(outcomes, clusters[1:], tmp_path / "c.csv")
    columns = [str(name) for name in together.columns]
    pd.testing.assert_frame_equal(
        together.sort_values(columns, ignore_index=True),
        turned.sort_values(columns, ignore_index=True),
    )
    pd.testing.assert_frame_equal(
        together[together["clusterer"] == "dbscan"].reset_index(drop=True),
        alone[alone["clusterer"] == "dbscan"].reset_index(drop=True),
    )


def test_seed_changes_random_and_subset_only(
    outcomes: Path, clusters: list[Path], tmp_path: Path
) -> None:
    first, _ = run(outcomes, clusters, tmp_path / "a.csv", seed=0)
    others = [run(outcomes, clusters, tmp_path / f"{s}.csv", seed=s)[0] for s in range(1, 6)]
    fixed = ~first["rule"].isin(["random", "subset"])
    for other in others:
        kept = ~other["rule"].isin(["random", "subset"])
        pd.testing.assert_frame_equal(
            first[fixed].reset_index(drop=True), other[kept].reset_index(drop=True)
        )
    drawn = {tuple(frame.loc[frame["rule"] == "random", "cluster"]) for frame in [first, *others]}
    assert len(drawn) > 1
    controls = {
        tuple(frame.loc[(frame["rule"] == "subset") & (frame["n_selected"] < N), "digest"])
        for frame in [first, *others]
    }
    assert len(controls) == 6


def test_controls_of_the_same_size_are_drawn_apart(outcomes: Path, tmp_path: Path) -> None:
    labels = np.arange(N, dtype=np.int32) % 3
    path = _write(tmp_path / "kmeans.parquet", {setting_name(n_clusters=3): labels})
    cells, _ = run(outcomes, [path], tmp_path / "cells.csv", include_single=False)
    controls = cells[cells["rule"] == "subset"]
    assert len(controls) == 3
    assert (controls["n_selected"] == N // 3).all()
    assert controls["digest"].is_unique


def test_a_cluster_of_zero_images(outcomes: Path, tmp_path: Path) -> None:
    labels = np.zeros(N, np.int32)
    labels[:9] = 2
    path = _write(tmp_path / "mine.parquet", {SettingName("found"): labels})
    with pytest.raises(UserError, match="mine, setting found: cluster 1 has zero images"):
        run(outcomes, [path], tmp_path / "cells.csv")
    assert not (tmp_path / "cells.csv").exists()


def test_fewer_clusters_than_the_setting_promises(outcomes: Path, tmp_path: Path) -> None:
    path = _write(tmp_path / "kmeans.parquet", {setting_name(n_clusters=2): np.zeros(N, np.int32)})
    with pytest.raises(UserError, match="kmeans, setting n_clusters=2: cluster 1 has zero images"):
        run(outcomes, [path], tmp_path / "cells.csv")


def test_a_missing_class_is_recorded_or_an_error(outcomes: Path, tmp_path: Path) -> None:
    labels = (np.arange(N) % 3 == 0).astype(np.int32)
    path = _write(tmp_path / "kmeans.parquet", {setting_name(n_clusters=2): labels})
    cells, _ = run(outcomes, [path], tmp_path / "cells.csv")
    chosen = cells[(cells["clusterer"] == "kmeans") & (cells["rule"] != "subset")]
    assert dict(zip(chosen["cluster"], chosen["n_missing_classes"], strict=True)) == {0: 1, 1: 2}
    strict = SETTINGS.model_copy(update={"missing_class": "error"})
    with pytest.raises(UserError, match=r"kmeans, setting n_clusters=2: cluster \d") as error:
        run(outcomes, [path], tmp_path / "strict.csv", strict)
    assert "select.missing_class" in error.value.where
    assert not (tmp_path / "strict.csv").exists()


def test_clusters_of_other_images(outcomes: Path, tmp_path: Path) -> None:
    path = _write(
        tmp_path / "kmeans.parquet", {setting_name(n_clusters=1): np.zeros(N - 1, np.int32)}
    )
    with pytest.raises(UserError, match="59 images are clustered, but 60") as error:
        run(outcomes, [path], tmp_path / "cells.csv")
    assert error.value.where == str(path)


def test_labels_that_are_no_whole_numbers(outcomes: Path, tmp_path: Path) -> None:
    path = write_clusters(tmp_path / "kmeans.parquet", {setting_name(n_clusters=1): np.zeros(N)})
    with pytest.raises(UserError, match="float64"):
        run(outcomes, [path], tmp_path / "cells.csv")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda frame: frame.drop(columns="loss"), "no column loss"),
        (lambda frame: frame[frame["position"] != 4], "each training image once"),
        (lambda frame: frame[frame["split"] != "train"], "each training image once"),
        (lambda frame: frame.assign(loss=np.nan), "NaN"),
    ],
)
def test_outcomes_that_are_not_whole(
    outcomes: Path,
    clusters: list[Path],
    tmp_path: Path,
    damage: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    damage(pd.read_parquet(outcomes)).to_parquet(outcomes, index=False)
    with pytest.raises(UserError, match=message) as error:
        run(outcomes, clusters, tmp_path / "cells.csv")
    assert str(outcomes) in error.value.where


def test_outcomes_that_cannot_be_read(clusters: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "outcomes.parquet"
    broken.write_bytes(b"no parquet")
    for path in (broken, tmp_path / "absent.parquet"):
        with pytest.raises(UserError, match="cannot be read") as error:
            run(path, clusters, tmp_path / "cells.csv")
        assert error.value.where == str(path)


def test_nothing_to_select_from(outcomes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing is selected"):
        run(outcomes, None, tmp_path / "cells.csv", include_single=False)
