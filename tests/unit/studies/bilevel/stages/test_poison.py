"""Poisoned classifiers: the halves, the rows, and what they say of the attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from advlearn.data.point_sets import Points, make_points, save_points
from advlearn.learners.linear import add_intercept
from advlearn.settings.points import BlobsSettings
from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.studies.bilevel.settings.poison import BilevelPoisonJob, PoisonSettings
from advlearn.studies.bilevel.stages.poison import COLUMNS, Poisoner, bilevel_poison
from advlearn.support.io import read_csv

JOB = BilevelPoisonJob(
    poison=PoisonSettings(taus=(0.5, 2.0), flips=(0.1,), steps=8, restarts=2, shortlist=3)
)


@pytest.fixture(scope="module")
def points() -> Points:
    return make_points(BlobsSettings(points=64, clusters=3, separation=2.5))


def poisoned(points: Points, folder: Path, seed: int = 0) -> Any:
    save_points(folder / "data.npz", points)
    out = folder / f"seed{seed}.csv"
    bilevel_poison(data=folder / "data.npz", name="blobs", settings=JOB, seed=seed, out=out)
    return read_csv(out)


def test_rows_and_what_they_say(points: Points, tmp_path: Path) -> None:
    frame = poisoned(points, tmp_path)
    assert list(frame.columns) == COLUMNS == list(SCHEMA.tables["bilevel_poisoning"].columns)
    SCHEMA.tables["bilevel_poisoning"].checked(frame, Path("poisoning"), "")
    assert len(frame) == JOB.poison.rows == 2 * (2 * 2 + 2)
    assert (frame["d"] == 2).all()
    moves = frame[frame["budget"] == "per_point"]
    assert (moves["size"] <= moves["target"].astype(float) * (1 + 1e-9)).all()
    assert (frame.loc[frame["budget"] == "labels", "size"] <= round(0.1 * frame["n"][0])).all()
    keys = ["learner", "budget", "target"]
    for attack, control in (("hypergradient", "noise"), ("flips", "random_flips")):
        ahead, behind = (
            frame[frame["method"] == name].set_index(keys)["loss_after"].sort_index()
            for name in (attack, control)
        )
        assert (ahead >= behind).all()
    largest = frame[(frame["target"].astype(str) == "2") & (frame["method"] == "hypergradient")]
    assert (largest["loss_after"] > largest["loss_before"] + 0.1).all()
    again = poisoned(points, tmp_path)
    assert frame.drop(columns="seconds").equals(again.drop(columns="seconds"))
    assert not frame["loss_after"].equals(poisoned(points, tmp_path, 1)["loss_after"])


def test_the_two_largest_classes_are_halved(points: Points) -> None:
    truth = points.truth
    assert truth is not None
    few = Points(
        points.points[5:], truth[5:], points.classes, points.features, points.dropped, points.scale
    )
    poisoner = Poisoner("blobs", few, JOB, 0)
    first, second = (poisoner.task(learner) for learner in ("logistic", "svm"))
    assert (first.points == second.points).all()
    counts = np.bincount(truth[5:])
    kept = sorted(np.argsort(-counts, kind="stable")[:2])
    assert len(first.points) + len(first.validation_points) == counts[kept].sum()
    for targets in (first.targets, first.validation_targets):
        assert abs(targets.mean() - 0.5) < 0.1
    # Trained as scikit-learn trains: the same classifier on the same half.
    peer = LinearSVC(
        C=1 / (0.01 * len(second.points)), fit_intercept=False, dual=False, tol=1e-12
    ).fit(add_intercept(second.points), second.targets)
    np.testing.assert_allclose(second.fitted(second.points), peer.coef_[0], atol=1e-6)


def test_points_without_classes_give_a_header_alone(points: Points, tmp_path: Path) -> None:
    unknown = Points(points.points, None, (), points.features, points.dropped, points.scale)
    frame = poisoned(unknown, tmp_path)
    assert list(frame.columns) == COLUMNS
    assert frame.empty
