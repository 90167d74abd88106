from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from advlearn.settings.multilabel import MultiLabelTraining, PhotosSettings, ScenesSettings
from advlearn.settings.topk import METHODS, PRESETS, Method, TopkAttackSettings, authors, sound
from advlearn.studies.topk.settings.jobs import (
    TopkAttackJob,
    TopkCell,
    TopkDataJob,
    TopkDataSettings,
    TopkModelSettings,
)
from advlearn.support.errors import UserError


@pytest.mark.parametrize("method", METHODS)
def test_both_presets_know_every_method(method: Method) -> None:
    for preset in PRESETS.values():
        assert preset(method).method == method


def test_the_authors_preset_is_the_published_algorithm() -> None:
    published = authors("tkmia")
    assert published.clean_map == "tanh_raw"
    assert published.keep == "first"
    assert published.success == "removed"
    assert (published.learning_rate, published.momentum) == (5e-4, 0.9)
    assert (published.alpha, published.iterations) == (1e-4, 300)
    assert published.surrogate == "average"


def test_the_sound_preset_starts_at_the_image_and_keeps_the_nearest_success() -> None:
    assert (sound("kfool").clean_map, sound("kfool").keep) == ("arctanh", "min_norm")


@pytest.mark.parametrize("name", PRESETS)
def test_changes_are_laid_over_a_preset(name: str) -> None:
    changed = PRESETS[name]("tkmia", iterations=7, keep="first")
    assert (changed.iterations, changed.keep) == (7, "first")
    same = PRESETS[name]("tkmia").model_dump(exclude={"iterations", "keep"})
    assert changed.model_dump(exclude={"iterations", "keep"}) == same


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rat": 0.1},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"momentum": 1},
        {"alpha": -1e-4},
        {"iterations": 0},
        {"method": "tkmai"},
        {"surrogate": "mean"},
        {"radii": ()},
        {"radii": (0.5, 0.25)},
        {"radii": (0.5, 0.5)},
        {"radii": (0.0, 0.5)},
    ],
)
def test_wrong_attacks_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TopkAttackSettings.model_validate(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": (0, 3)},
        {"labels": (5, 4)},
        {"side": (1, 8)},
        {"side": (24, 16)},
        {"side": (16, 65)},
        {"canvas": 7},
        {"test_images": 0},
        {"colour": "red"},
    ],
)
def test_wrong_scenes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScenesSettings.model_validate(changes)


def test_the_name_says_which_data_set() -> None:
    data: TypeAdapter[Any] = TypeAdapter(TopkDataSettings)
    assert isinstance(data.validate_python({"name": "scenes"}), ScenesSettings)
    assert isinstance(data.validate_python({"name": "coco2014"}), PhotosSettings)
    for wrong in ({"name": "coco"}, {"name": "voc2012", "canvas": 64}, {"canvas": 64}):
        with pytest.raises(ValidationError):
            data.validate_python(wrong)


def test_augmentation_needs_all_weights_to_learn() -> None:
    assert MultiLabelTraining(augment=True).trainable == "all"
    with pytest.raises(ValidationError, match="trainable: all"):
        MultiLabelTraining(augment=True, trainable="head")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"network": {"name": "resnet", "hidden": [3]}}',
        '{"network": {"name": "wrong"}}',
        '{"network": {"name": "cnn"}, "training": {"epochs": 0}}',
        "not JSON",
    ],
)
def test_wrong_models_are_errors_for_people(text: str) -> None:
    with pytest.raises(UserError) as error:
        TopkModelSettings.from_json(text)
    assert error.value.where == "option --settings"


def cell(**changes: Any) -> TopkCell:
    values: dict[str, Any] = {
        "experiment": "global",
        "scheme": "global",
        "labels": "one",
        "specified": (1,),
        "n_specified": 1,
        "k": 3,
        "attack": authors("projected", radii=(0.1, 1.0)),
    }
    return TopkCell.model_validate({**values, **changes})


@pytest.mark.parametrize(
    "changes", [{"k": 0}, {"n_specified": 0}, {"hidden": 1.0}, {"knowledge": "all"}, {"seed": 1}]
)
def test_wrong_cells_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        cell(**changes)


@pytest.mark.parametrize(
    "settings",
    [
        TopkAttackJob(cells=(cell(), cell(hidden=0.5)), images=3, keep_images=True, batch_size=2),
        TopkDataJob(data=PhotosSettings(name="voc2012", size=32)),
    ],
)
def test_jobs_survive_the_command_line(settings: TopkAttackJob | TopkDataJob) -> None:
    text = settings.to_json()
    again = type(settings).from_json(text)
    assert again == settings
    assert again.to_json() == text


def test_a_job_needs_cells() -> None:
    with pytest.raises(ValidationError):
        TopkAttackJob(cells=(), images=1, batch_size=1)
