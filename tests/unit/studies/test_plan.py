"""What the plans of all studies share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from advlearn.settings.points import BUNDLED, DIGITS
from advlearn.studies import studies
from advlearn.studies.plan import failures
from advlearn.support.errors import UserError
from tests.helpers.configuration import smoke_plan

LOG = """
Error in rule topk_attack:
    jobid: 7
Error in rule topk_attack:
    jobid: 8
Error in rule bilevel_tables:
rule retrain:
    message: Error in rule craft
Error in rule prepare:
"""


def test_a_failed_run_names_the_studies_that_are_not_finished() -> None:
    assert failures(LOG, studies()) == [
        "study topk is not finished: topk_attack failed",
        "study bilevel is not finished: bilevel_tables failed",
        "what all studies share is not finished: prepare failed",
    ]
    assert failures("Finished jobid: 1 (Rule: topk_attack)", studies()) == []


def three_classes(folder: Path) -> dict[str, Any]:
    """A configuration with 4 x 4 images of three classes."""
    path = folder / "mine.npz"
    np.savez(
        path,
        train_images=np.zeros((300, 4, 4), np.uint8),
        train_labels=np.arange(300) % 3,
        test_images=np.zeros((90, 4, 4), np.uint8),
        test_labels=np.arange(90) % 3,
    )
    data = {"dataset": "arrays", "train_images": 150, "test_images": 90, "validation_images": 150}
    return {"data": data, "sources": {"root": str(path)}}


FITS: dict[str, Any] = {
    "label_sets": {"loops": None, "strokes": None, "mine": [0, 2]},
    "k": [1, 2],
    "n_specified": [1],
    "focus": {"k": 1, "n_specified": 1},
}

UNFIT: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "labels": (
        "topk",
        {"topk": {**FITS, "label_sets": {**FITS["label_sets"], "mine": [3]}}},
        "label 3",
        "topk.label_sets.mine",
    ),
    "k": ("topk", {"topk": {**FITS, "k": [1, 3]}}, "k must be below", "topk.k"),
    "k in focus": (
        "topk",
        {"topk": {**FITS, "focus": {"k": 5, "n_specified": 1}}},
        "k must be below",
        "topk.focus.k",
    ),
    "classes of a scene": (
        "topk",
        {"topk": {**FITS, "scenes": {"labels": [4, 9]}}},
        "at least 4 labels, and the images give 3",
        "topk.scenes.labels",
    ),
    "images of a split": (
        "topk",
        {"topk": FITS, "data": {"test_images": 2}},
        "the test split has 2 images of 3 classes",
        "data.test_images",
    ),
    "clusters": (
        "selective",
        {
            "data": {"train_images": None},
            "selective": {"cluster": {"kmeans": {"n_clusters": [151]}}},
        },
        "151 clusters, there are 150 images",
        "selective.cluster.kmeans.n_clusters",
    ),
    "colours": (
        "topk",
        {
            "topk": {
                **FITS,
                "models": {"mine": {"network": {"name": "resnet50", "weights": "no.pth"}}},
            },
        },
        "takes colour images",
        "topk.models.mine.network.name",
    ),
    "perplexity": (
        "selective",
        {"data": {"train_images": None}, "selective": {"embed": {"tsne": {"perplexity": 60}}}},
        "needs at least 181 images, there are 150",
        "selective.embed.tsne.perplexity",
    ),
}


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two configurations, a section of both laid together."""
    keys = {*one, *other}
    return {key: {**one.get(key, {}), **other.get(key, {})} for key in keys}


@pytest.mark.parametrize("case", UNFIT)
def test_own_images_that_a_study_cannot_use_stop_that_study_alone(
    tmp_path: Path, case: str
) -> None:
    name, changes, said, key = UNFIT[case]
    plan = smoke_plan(**both(three_classes(tmp_path), changes))
    with pytest.raises(UserError) as caught:
        plan.study(name).check_own_data()
    assert said in str(caught.value)
    assert f"'{key}" in caught.value.where or f" '{key}'" in caught.value.where
    plan.study("bilevel").check_own_data()


def test_own_images_that_fit_pass(tmp_path: Path) -> None:
    plan = smoke_plan(**both(three_classes(tmp_path), {"topk": FITS}))
    for study in studies():
        plan.study(study.name).check_own_data()


def test_one_pixel_has_no_two_components(tmp_path: Path) -> None:
    changes = three_classes(tmp_path)
    with np.load(changes["sources"]["root"]) as archive:
        arrays = dict(archive)
    for part in ("train", "test"):
        arrays[f"{part}_images"] = arrays[f"{part}_images"][:, :1, :1]
    np.savez(changes["sources"]["root"], **arrays)
    with pytest.raises(UserError, match="2 components are asked for, there are 1 pixels") as caught:
        smoke_plan(**changes).study("selective").check_own_data()
    assert "selective.embed.n_components" in caught.value.where


def test_a_folder_of_photos_says_how_many_labels_there_are(tmp_path: Path) -> None:
    for part in ("trainval", "test"):
        path = tmp_path / "classification_labels" / f"classification_{part}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("name,sky,sea,sun\n")
    for name in ("Train", "Test"):
        path = tmp_path / "ImageList" / f"{name}Imagelist.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("a\\1_2.jpg\n")
    photos = {"dataset": "nuswide", "photos": {"root": str(tmp_path)}}
    with pytest.raises(UserError, match="nuswide has 3"):
        smoke_plan(topk=photos).study("topk").check_own_data()
    smoke_plan(topk={**photos, **FITS}).study("topk").check_own_data()


def test_scikit_learns_own_sets_are_as_large_as_the_settings_say() -> None:
    for name, count in BUNDLED.items():
        assert len(getattr(sklearn.datasets, f"load_{name}")().data) == count
    assert tuple(np.bincount(sklearn.datasets.load_digits().target)) == DIGITS
    for points in (
        {"name": "iris", "points": 151},
        {"name": "digits", "classes": [8], "points": 175},
    ):
        with pytest.raises(UserError, match=r"points: 1\d\d of 1\d\d: at most"):
            smoke_plan(bilevel={"datasets": {"mine": points}})


def test_the_ratio_of_logits_needs_three_classes(tmp_path: Path) -> None:
    changes = three_classes(tmp_path)
    with np.load(changes["sources"]["root"]) as archive:
        arrays = dict(archive)
    for part in ("train", "test"):
        arrays[f"{part}_labels"] = arrays[f"{part}_labels"] % 2
    np.savez(changes["sources"]["root"], **arrays)
    attacks = {"pgd": {"deviation": "dlr"}}
    changes["selective"] = {"universes": {"small": {"attacks": attacks}}}
    with pytest.raises(UserError, match="at least 3 classes, the images have 2") as caught:
        smoke_plan(**changes).study("selective").check_own_data()
    assert "selective.universes.small.attacks.pgd.deviation" in caught.value.where


def test_weights_that_are_nowhere(tmp_path: Path) -> None:
    model = {"name": "resnet50", "weights": str(tmp_path / "no.pth")}
    data = {"dataset": "cifar10", "validation_images": 5000}
    plan = smoke_plan(data=data, topk={"models": {"mine": {"network": model}}})
    with pytest.raises(UserError, match="does not exist") as caught:
        plan.study("topk").check_own_data()
    assert "topk.models.mine.network.weights" in caught.value.where
