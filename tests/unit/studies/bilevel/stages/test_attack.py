from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.attacks.clustering.attacked_clustering import AttackedClustering, build_budget
from advlearn.budgets.points import FewPoints, Frobenius, LInf, PerPoint
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.studies.bilevel.settings.attack import DIRECTIONS, BilevelAttackJob
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npz, write_npz
from tests.helpers.bilevel_stages import ATTACK, ATTACK_JOB

pytestmark = pytest.mark.slow


def attack(
    clustered: Path, out: Path, seed: int = 3, job: BilevelAttackJob = ATTACK_JOB
) -> tuple[pd.DataFrame, pd.DataFrame]:
    bilevel_attack(
        data=clustered / "blobs.npz",
        path=clustered / "path.npz",
        name="blobs",
        settings=job,
        seed=seed,
        out=out,
    )
    return read_csv(out), read_csv(out.with_suffix(".staircase.csv"))


@pytest.fixture(scope="module")
def tables(clustered: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return attack(clustered, clustered / "seed3.csv")


def test_every_attack_has_its_rows(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    frame, _ = tables
    assert list(frame.columns) == list(SCHEMA.tables["bilevel_attacks"].columns)
    SCHEMA.tables["bilevel_attacks"].checked(frame, Path("attacks"), "")
    assert len(frame) == 2 * 3 * (2 + 2 * 2)
    assert set(frame["target"][frame["form"] == "min_effort"]) == {"first change", "0.3"}
    assert frame.loc[frame["form"] == "max_effect", "reached"].isna().all()
    assert (frame["queries"] > 0).all()


def test_min_effort_reaches_its_target_and_sizes_grow_with_it(
    tables: tuple[pd.DataFrame, pd.DataFrame], setting: AttackedClustering
) -> None:
    frame = tables[0][tables[0]["form"] == "min_effort"]
    hits = frame[frame["reached"].astype(int) == 1]
    assert set(hits["method"]) == {"noise", "merge", "cut"}
    assert (hits["epsilon"] <= ATTACK.largest * setting.unit * (1 + 1e-9)).all()
    wanted = hits["target"].map({"first change": 1 / 20, "0.3": 0.3})
    assert (hits["matching_error"] >= wanted - 1e-6).all()
    assert frame[frame["reached"].astype(int) == 0]["epsilon"].isna().all()
    sizes = hits.pivot_table(index=["weights", "method"], columns="target", values="epsilon")
    both = sizes.dropna()
    assert len(both)
    assert (both["0.3"] >= both["first change"] * (1 - 1e-3)).all()


def test_merge_with_fixed_weights_has_the_size_of_the_closed_form(
    tables: tuple[pd.DataFrame, pd.DataFrame], setting: AttackedClustering
) -> None:
    labels = setting.learner("fixed")(setting.points)
    ends = labels[setting.graph.edges]
    across = setting.graph.weights[ends[:, 0] != ends[:, 1]].sum()
    pulled = setting.gamma * across * (1 / np.bincount(labels)).sum()
    frame = tables[0]
    row = frame[
        (frame["weights"] == "fixed")
        & (frame["method"] == "merge")
        & (frame["target"] == "first change")
    ].iloc[0]
    assert row["epsilon"] == pytest.approx(setting.unit - pulled / 2, rel=ATTACK.tolerance)


def test_staircase_has_every_curve_and_value_function_never_falls(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    _, frame = tables
    assert list(frame.columns) == list(SCHEMA.tables["bilevel_staircase"].columns)
    SCHEMA.tables["bilevel_staircase"].checked(frame, Path("staircase"), "")
    assert set(frame["direction"]) == {*DIRECTIONS, "value"}
    assert set(frame["deviation"]) == set(DEVIATIONS)
    assert len(frame) == 5 * len(DEVIATIONS) * ATTACK.staircase
    assert (frame[frame["tau"] == 0]["value"] == 0).all()
    keys = ["deviation", "tau"]
    best = frame[frame["curve"] == "value"].set_index(keys)["value"].sort_index()
    for deviation, values in best.groupby("deviation"):
        assert (values.diff().dropna() >= 0).all(), deviation
    assert best["matching_error"].max() > 0
    fixed = frame[frame["curve"] == "fixed"].groupby(keys)["value"].max().sort_index()
    assert (best >= fixed - 1e-12).all()


def test_same_seed_same_tables(clustered: Path, tmp_path: Path) -> None:
    few = {"weights": ("recomputed",), "methods": ("noise", "genetic"), "radii": 2, "staircase": 3}
    job = BilevelAttackJob(graph=ATTACK_JOB.graph, attack=ATTACK.model_copy(update=few))
    first, again, other = (
        attack(clustered, tmp_path / f"{number}.csv", seed, job)
        for number, seed in enumerate((3, 3, 4))
    )
    left, right = (one[0].drop(columns="seconds") for one in (first, again))
    pd.testing.assert_frame_equal(left, right)
    pd.testing.assert_frame_equal(first[1], again[1])
    assert not first[0]["epsilon"].equals(other[0]["epsilon"])


def test_the_path_must_be_of_the_same_points(clustered: Path, tmp_path: Path) -> None:
    arrays = read_npz(clustered / "path.npz")
    write_npz(tmp_path / "short.npz", {**arrays, "labels": arrays["labels"][:, :-1]})
    write_npz(tmp_path / "other.npz", {"edges": arrays["edges"]})
    for name, message in (("short", "not of these 20 points"), ("other", "no clusterpath")):
        with pytest.raises(UserError, match=message):
            bilevel_attack(
                data=clustered / "blobs.npz",
                path=tmp_path / f"{name}.npz",
                name="blobs",
                settings=ATTACK_JOB,
                seed=0,
                out=tmp_path / "out.csv",
            )
    assert not (tmp_path / "out.csv").exists()


def test_one_cluster_has_no_unit(setting: AttackedClustering) -> None:
    one = AttackedClustering(setting.points, setting.graph, 1e4, 0.5)
    with pytest.raises(UserError, match="one cluster"):
        _ = one.unit


def test_budgets_of_the_same_reach() -> None:
    assert build_budget("per_point", 2.0, (9, 4)) == PerPoint(2.0)
    assert build_budget("frobenius", 2.0, (9, 4)) == Frobenius(6.0)
    assert build_budget("linf", 2.0, (9, 4)) == LInf(1.0)
    assert build_budget("few_points_5", 2.0, (9, 4)) == FewPoints(2.0, 5)
    with pytest.raises(UserError, match="unknown budget"):
        build_budget("few_points_x", 2.0, (9, 4))
