from __future__ import annotations

from pathlib import Path

import pandas as pd

from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.studies.bilevel.settings.attack import BilevelBlackboxJob, BlackboxSettings
from advlearn.studies.bilevel.settings.path import GraphSettings
from advlearn.studies.bilevel.stages.blackbox import bilevel_blackbox
from advlearn.support.io import read_csv

BOX = BilevelBlackboxJob(
    graph=GraphSettings(n_neighbors=14),
    blackbox=BlackboxSettings(
        victims=("convex", "ward", "dbscan"), surrogates=("merge",), tau=1.2, generations=3
    ),
)


def box(clustered: Path, out: Path, job: BilevelBlackboxJob = BOX) -> pd.DataFrame:
    bilevel_blackbox(
        data=clustered / "blobs.npz",
        path=clustered / "path.npz",
        name="blobs",
        settings=job,
        seed=1,
        out=out,
    )
    return read_csv(out)


def test_every_perturbation_is_given_to_every_clusterer(
    clustered: Path, setting: AttackedClustering, tmp_path: Path
) -> None:
    frame = box(clustered, tmp_path / "box.csv")
    assert list(frame.columns) == list(SCHEMA.tables["bilevel_blackbox"].columns)
    SCHEMA.tables["bilevel_blackbox"].checked(frame, Path("blackbox"), "")
    made = set(zip(frame["source"], frame["method"], strict=True))
    victims = ["convex", "ward", "dbscan"]
    blind = {(victim, name) for victim in victims for name in ("genetic", "cma_es")}
    assert made == {("convex", "merge"), ("none", "noise"), *blind}
    assert (frame.groupby(["source", "method"])["target"].nunique() == 3).all()
    assert (frame["epsilon"] <= 1.2 * setting.unit * (1 + 1e-9)).all()
    own = frame[(frame["source"] == frame["target"]) & frame["method"].isin(["genetic", "cma_es"])]
    # As many perturbations for each of the two, and the best of them judged again.
    assert own["queries"].between(4, 5).all()
    assert (frame[frame["source"] != frame["target"]]["queries"] == 1).all()
    assert (frame["reached"].astype(int) == (frame["delta"] > 0)).all()
    merged = frame[(frame["method"] == "merge") & (frame["target"] == "convex")]
    assert (merged["matching_error"] > 0.3).all()
    again = box(clustered, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(frame, again)


def test_the_resistant_clustering_is_a_victim(clustered: Path, tmp_path: Path) -> None:
    settings = BlackboxSettings(
        victims=("convex", "resistant"), surrogates=("merge",), methods=("genetic",), generations=2
    )
    job = BilevelBlackboxJob(graph=BOX.graph, blackbox=settings)
    frame = box(clustered, tmp_path / "box.csv", job)
    assert set(frame["target"]) == {"convex", "resistant"}
    assert set(frame["method"]) == {"merge", "genetic", "noise"}
    SCHEMA.tables["bilevel_blackbox"].checked(frame, Path("blackbox"), "")


def test_the_surrogate_need_not_be_a_victim(clustered: Path, tmp_path: Path) -> None:
    settings = BlackboxSettings(victims=("ward",), surrogates=("cut",), generations=1)
    job = BilevelBlackboxJob(graph=BOX.graph, blackbox=settings)
    frame = box(clustered, tmp_path / "box.csv", job)
    assert set(frame["target"]) == {"ward"}
    assert set(frame["source"]) == {"convex", "ward", "none"}
