"""Stages bilevel_attack, bilevel_blackbox and bilevel_onepoint on small point sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from advlearn.attacks.clustering.setting import Setting, budget
from advlearn.budgets.points import FewPoints, Frobenius, LInf, PerPoint
from advlearn.data.tabular import load, read, save
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import Graph, knn_graph, solve
from advlearn.paper.tidy_bilevel import SHAPES, checked
from advlearn.settings.bilevel_attack import (
    DIRECTIONS,
    BilevelAttackJob,
    BilevelAttackSettings,
    BilevelBlackboxJob,
    BlackboxSettings,
    OnepointSettings,
)
from advlearn.settings.bilevel_data import BlobsSettings, GraphSettings
from advlearn.stages.bilevel_attack import bilevel_attack
from advlearn.stages.bilevel_blackbox import bilevel_blackbox
from advlearn.stages.bilevel_onepoint import bilevel_onepoint
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npz, write_npz

ATTACK = BilevelAttackSettings(
    methods=("noise", "merge", "cut"),
    weights=("fixed", "recomputed"),
    targets=(0.3,),
    radii=3,
    tolerance=0.05,
    budgets=("per_point", "few_points_1"),
    taus=(0.5, 1.0),
    generations=2,
    staircase=5,
)
JOB = BilevelAttackJob(graph=GraphSettings(n_neighbors=14), attack=ATTACK)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blobs whose graph connects them, and a clusterpath whose gamma keeps them apart."""
    folder = tmp_path_factory.mktemp("attack")
    data = load(BlobsSettings(points=20, clusters=2, separation=4.0), 14)
    save(folder / "blobs.npz", data)
    graph = knn_graph(data.points, 14, 0.5)
    labels, gamma = next(
        (labels, gamma)
        for gamma in np.geomspace(0.05, 30, 30)
        if (labels := solve(data.points, graph, gamma).labels).max() == 1
        and np.bincount(labels).min() > 5
    )
    write_npz(
        folder / "path.npz",
        {
            "edges": graph.edges,
            "weights": graph.weights,
            "chosen_labels": labels,
            "gamma": np.array(gamma),
        },
    )
    return folder


def attack(
    inputs: Path, out: Path, seed: int = 3, job: BilevelAttackJob = JOB
) -> tuple[pd.DataFrame, pd.DataFrame]:
    bilevel_attack(
        data=inputs / "blobs.npz",
        path=inputs / "path.npz",
        name="blobs",
        settings=job,
        seed=seed,
        out=out,
    )
    return read_csv(out), read_csv(out.with_suffix(".staircase.csv"))


@pytest.fixture(scope="module")
def tables(inputs: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return attack(inputs, inputs / "seed3.csv")


@pytest.fixture(scope="module")
def setting(inputs: Path) -> Setting:
    path = read_npz(inputs / "path.npz")
    points = read(inputs / "blobs.npz").points
    graph = Graph(len(points), path["edges"], path["weights"])
    return Setting(points, graph, float(path["gamma"]), 0.5)


def test_every_attack_has_its_rows(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    frame, _ = tables
    assert list(frame.columns) == list(SHAPES["bilevel_attacks"].columns)
    checked(frame, SHAPES["bilevel_attacks"], Path("attacks"))
    assert len(frame) == 2 * 3 * (2 + 2 * 2)
    assert set(frame["target"][frame["form"] == "min_effort"]) == {"first change", "0.3"}
    assert frame.loc[frame["form"] == "max_effect", "reached"].isna().all()
    assert (frame["queries"] > 0).all()


def test_min_effort_reaches_its_target_and_sizes_grow_with_it(
    tables: tuple[pd.DataFrame, pd.DataFrame], setting: Setting
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
    tables: tuple[pd.DataFrame, pd.DataFrame], setting: Setting
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
    assert list(frame.columns) == list(SHAPES["bilevel_staircase"].columns)
    checked(frame, SHAPES["bilevel_staircase"], Path("staircase"))
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


def test_same_seed_same_tables(inputs: Path, tmp_path: Path) -> None:
    few = {"weights": ("recomputed",), "methods": ("noise", "genetic"), "radii": 2, "staircase": 3}
    job = BilevelAttackJob(graph=JOB.graph, attack=ATTACK.model_copy(update=few))
    first, again, other = (
        attack(inputs, tmp_path / f"{number}.csv", seed, job)
        for number, seed in enumerate((3, 3, 4))
    )
    pd.testing.assert_frame_equal(*(one[0].drop(columns="seconds") for one in (first, again)))
    pd.testing.assert_frame_equal(first[1], again[1])
    assert not first[0]["epsilon"].equals(other[0]["epsilon"])


def test_the_path_must_be_of_the_same_points(inputs: Path, tmp_path: Path) -> None:
    arrays = read_npz(inputs / "path.npz")
    write_npz(tmp_path / "short.npz", {**arrays, "chosen_labels": arrays["chosen_labels"][:-1]})
    write_npz(tmp_path / "other.npz", {"edges": arrays["edges"]})
    for name, message in (("short", "other points"), ("other", "no clusterpath")):
        with pytest.raises(UserError, match=message):
            bilevel_attack(
                data=inputs / "blobs.npz",
                path=tmp_path / f"{name}.npz",
                name="blobs",
                settings=JOB,
                seed=0,
                out=tmp_path / "out.csv",
            )
    assert not (tmp_path / "out.csv").exists()


def test_one_cluster_has_no_unit(setting: Setting) -> None:
    one = Setting(setting.points, setting.graph, 1e4, 0.5)
    with pytest.raises(UserError, match="one cluster"):
        _ = one.unit


def test_budgets_of_the_same_reach() -> None:
    assert budget("per_point", 2.0, (9, 4)) == PerPoint(2.0)
    assert budget("frobenius", 2.0, (9, 4)) == Frobenius(6.0)
    assert budget("linf", 2.0, (9, 4)) == LInf(1.0)
    assert budget("few_points_5", 2.0, (9, 4)) == FewPoints(2.0, 5)
    with pytest.raises(UserError, match="unknown budget"):
        budget("few_points_x", 2.0, (9, 4))


# --- black box ------------------------------------------------------------------------------------

BOX = BilevelBlackboxJob(
    graph=GraphSettings(n_neighbors=14),
    blackbox=BlackboxSettings(
        victims=("convex", "ward", "dbscan"), surrogates=("merge",), tau=1.2, generations=3
    ),
)


def box(inputs: Path, out: Path, job: BilevelBlackboxJob = BOX) -> pd.DataFrame:
    bilevel_blackbox(
        data=inputs / "blobs.npz",
        path=inputs / "path.npz",
        name="blobs",
        settings=job,
        seed=1,
        out=out,
    )
    return read_csv(out)


def test_every_perturbation_is_given_to_every_clusterer(
    inputs: Path, setting: Setting, tmp_path: Path
) -> None:
    frame = box(inputs, tmp_path / "box.csv")
    assert list(frame.columns) == list(SHAPES["bilevel_blackbox"].columns)
    checked(frame, SHAPES["bilevel_blackbox"], Path("blackbox"))
    made = set(zip(frame["source"], frame["method"], strict=True))
    victims = ["convex", "ward", "dbscan"]
    assert made == {("convex", "merge"), ("none", "noise"), *((v, "genetic") for v in victims)}
    assert (frame.groupby(["source", "method"])["target"].nunique() == 3).all()
    assert (frame["epsilon"] <= 1.2 * setting.unit * (1 + 1e-9)).all()
    own = frame[(frame["source"] == frame["target"]) & (frame["method"] == "genetic")]
    assert (own["queries"] >= 4).all()
    assert (frame[frame["source"] != frame["target"]]["queries"] == 1).all()
    assert (frame["reached"].astype(int) == (frame["delta"] > 0)).all()
    merged = frame[(frame["method"] == "merge") & (frame["target"] == "convex")]
    assert (merged["matching_error"] > 0.3).all()
    again = box(inputs, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(frame, again)


def test_the_surrogate_need_not_be_a_victim(inputs: Path, tmp_path: Path) -> None:
    settings = BlackboxSettings(victims=("ward",), surrogates=("cut",), generations=1)
    job = BilevelBlackboxJob(graph=BOX.graph, blackbox=settings)
    frame = box(inputs, tmp_path / "box.csv", job)
    assert set(frame["target"]) == {"ward"}
    assert set(frame["source"]) == {"convex", "ward", "none"}


# --- one point ------------------------------------------------------------------------------------


def test_one_changed_digit(tmp_path: Path) -> None:
    settings = OnepointSettings(pairs=((8, 9),), points=12, lengths=(1.0, 0.7), seeds=(0,))
    bilevel_onepoint(settings=settings, out=tmp_path / "one.csv")
    frame = read_csv(tmp_path / "one.csv")
    assert list(frame.columns) == list(SHAPES["bilevel_onepoint"].columns)
    checked(frame, SHAPES["bilevel_onepoint"], Path("onepoint"))
    assert frame["pair"].unique().tolist() == ["digits_8_9"]
    assert frame["method"].tolist() == ["one_point", "noise"]
    assert (frame[["n", "d"]].to_numpy() == [354, 64]).all()
    assert (frame["l2"] <= settings.radius * (1 + 1e-9)).all()
    assert (frame["linf"] <= 16).all()
    # Of two clusters, delta^2 = 2 m (n - m) for m points moved.
    moved = frame["misclustered"]
    assert (frame["delta_squared"] == 2 * moved * (354 - moved)).all()
    assert moved[0] > 10


def test_pairs_are_of_different_digits() -> None:
    with pytest.raises(ValidationError, match="two different digits"):
        OnepointSettings(pairs=((4, 4),))
    with pytest.raises(ValidationError):
        OnepointSettings(pairs=((4, 10),))
