from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from advlearn.settings.multilabel import PhotosSettings, ScenesSettings
from advlearn.studies.topk.settings.cells import JOBS
from advlearn.studies.topk.settings.study import TopkSettings

ROOT = Path(__file__).parents[5]
SMALL: dict[str, Any] = {
    "models": {"a": {"network": {"name": "cnn"}}, "b": {"network": {"name": "resnet"}}},
    "primary": "a",
    "methods": ["tkmia", "kfool"],
    "k": [2, 3],
    "n_specified": [1, 2, 3],
    "label_sets": {"even": [0, 2], "one": [1]},
    "focus": {"k": 3, "n_specified": 2},
    "alphas": [0.0, 0.1],
    "hidden": [0.0, 0.5],
}


def study(**changes: Any) -> TopkSettings:
    return TopkSettings.model_validate({**SMALL, **changes})


def test_the_shipped_study_is_valid_and_names_every_key() -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["topk"]
    shipped = TopkSettings.model_validate(values)
    assert shipped.primary in shipped.models
    # The page of keys says that nearly every key is named in config.yaml.
    assert set(TopkSettings.model_fields) - set(values) <= {"photos", "by_method", "own"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"attack": {"learning_rat": 0.1}},
            "attack.learning_rat: unknown key",
        ),
        ({"attack": {"iterations": 0}}, "attack.iterations: "),
        ({"attack": {"method": "kfool"}}, "attack.method: methods are named in topk.methods"),
        ({"by_method": {"kfool": {"method": "tkmia"}}}, "by_method.kfool.method: "),
        ({"by_method": {"kfool": {"momentun": 0.5}}}, "by_method.kfool.momentun: unknown key"),
        (
            {"by_method": {"kfool": {"clean_map": "tanh_raw"}}},
            "kfool.clean_map: is the same",
        ),
        ({"by_method": {"kfol": {"iterations": 3}}}, "by_method"),
        ({"methods": ["kfool"], "by_method": {"tkmia": {"alpha": -1}}}, "by_method.tkmia.alpha: "),
        ({"methods": ["tkmia", "tkmia"]}, "'tkmia' is given twice"),
        ({"methods": []}, "at least 1"),
        ({"k": [2, 2]}, "2 is given twice"),
        ({"k": [0]}, "greater than or equal to 1"),
        ({"n_specified": [1, 1]}, "1 is given twice"),
        ({"alphas": [0.1, 0.1]}, "0.1 is given twice"),
        ({"hidden": [1.0]}, "less than 1"),
        ({"seeds": [0, 0]}, "0 is given twice"),
        ({"seeds": [-1]}, "greater than or equal to 0"),
        ({"label_sets": {"even": [0, 0]}}, "0 is given twice"),
        ({"label_sets": {"even": []}}, "label_sets.even: name at least one label"),
        ({"label_sets": {"even": None}}, "at least 1"),
        ({"label_sets": {"random": [1]}}, "taken by the random scheme"),
        ({"label_sets": {"a b": [1]}}, "letters, digits and underscores"),
        ({"models": {"a/b": {"network": {}}}, "primary": "a/b"}, "letters, digits"),
        ({"primary": "c"}, "unknown model 'c'; known: a, b"),
        ({"models": {**SMALL["models"], "a": None}}, "unknown model 'a'; known: b"),
        ({"models": None}, "models"),
        ({"preset": "mine"}, "preset"),
        ({"dataset": "voc"}, "dataset"),
        ({"focus": {"k": 3, "n": 2}}, "focus"),
        ({"image": 5}, "image"),
        ({"examples": 9}, "examples"),
        ({"focus": {"k": 2, "n_specified": 3}}, "at most k of them"),
        ({"k": [2], "n_specified": [3]}, "at most k of them"),
        ({"k": [1], "n_specified": [1]}, "at least topk.focus.n_specified"),
        ({"densities": [[3, 2]]}, "densities: fewest and most of each range"),
        ({"densities": [[2, 4], [4, 5]]}, "none overlap"),
        ({"densities": [[0, 4]]}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        study(**changes)
    assert said in str(error.value)


def test_null_leaves_a_model_and_a_label_set_out() -> None:
    """A configuration is merged over another one key by key."""
    without = study(
        models={**SMALL["models"], "b": None}, label_sets={**SMALL["label_sets"], "even": None}
    )
    assert list(without.models) == ["a"]
    assert without.label_sets == {"one": (1,)}
    assert {cell.labels for cell in without.cells("global")} == {"one"}


def test_the_data_set_that_is_used() -> None:
    assert isinstance(study().data, ScenesSettings)
    photos = study(dataset="voc2012", photos={"size": 64, "validation_images": 3}).data
    assert photos == PhotosSettings(name="voc2012", size=64, validation_images=3)


def test_values_are_laid_over_the_preset_and_over_each_other() -> None:
    changed = study(
        preset="authors",
        attack={"iterations": 40, "momentum": 0.5},
        by_method={"kfool": {"iterations": 10}},
    )
    kfool, tkmia = changed.attack_of("kfool"), changed.attack_of("tkmia")
    assert (kfool.iterations, tkmia.iterations) == (10, 40)
    assert kfool.momentum == tkmia.momentum == 0.5
    assert kfool.clean_map == tkmia.clean_map == "tanh_raw"
    assert changed.attack_of("tkmia", iterations=3).iterations == 3


def test_every_experiment_has_its_cells() -> None:
    cells = {job: study(densities=[[2, 4]]).cells(job) for job in JOBS}
    assert {cell.experiment for each in cells.values() for cell in each} == {
        name for names in JOBS.values() for name in names
    }
    assert len(cells["global"]) == 2 * 2 * 2
    assert len(cells["random"]) == 2 * (2 + 3)
    # Surrogates on every k; weights; two kinds of knowledge on every share.
    assert len(cells["sweeps"]) == 4 * 2 + 2 + 2 * 2
    assert len(cells["transfer"]) == 2
    for each in cells.values():
        assert len(set(map(repr, each))) == len(each)


def test_cells_of_the_schemes() -> None:
    for cell in study().cells("global"):
        assert cell.specified == {"even": (0, 2), "one": (1,)}[cell.labels]
        assert cell.n_specified == len(cell.specified)
    found = {(cell.attack.method, cell.k, cell.n_specified) for cell in study().cells("random")}
    counts = ((2, 1), (2, 2), (3, 1), (3, 2), (3, 3))
    assert found == {(method, *each) for method in ("tkmia", "kfool") for each in counts}
    for cell in (*study().cells("random"), *study().cells("sweeps"), *study().cells("transfer")):
        assert (cell.scheme, cell.labels, cell.specified) == ("random", "random", ())


def test_sweeps_change_one_thing_of_tkmia_at_the_focus() -> None:
    base = study().attack_of("tkmia")
    cells = study().cells("sweeps")
    assert all(cell.n_specified == 2 for cell in cells)
    for cell in cells:
        swept = {"relaxation": "surrogate", "alpha": "alpha"}.get(cell.experiment)
        other = {swept} if swept else set()
        assert cell.attack.model_dump(exclude=other) == base.model_dump(exclude=other)
        assert cell.k == 3 or cell.experiment == "relaxation"
    assert {c.attack.alpha for c in cells if c.experiment == "alpha"} == {0.0, 0.1}
    assert {c.attack.surrogate for c in cells if c.experiment == "relaxation"} == {
        "average",
        "exact",
        "hinge",
        "removal",
    }
    known = {(c.knowledge, c.hidden) for c in cells if c.experiment == "unknown"}
    assert known == {(k, h) for k in ("truth", "inferred") for h in (0.0, 0.5)}


def test_no_cell_draws_more_labels_than_the_top_has() -> None:
    wide = study(k=[1, 2, 5], n_specified=[1, 4])
    for job in ("random", "sweeps", "transfer"):
        assert all(cell.n_specified <= cell.k for cell in wide.cells(job))
    assert {cell.k for cell in wide.cells("sweeps") if cell.experiment == "relaxation"} == {2, 5}


def test_only_the_transfer_is_run_on_every_model() -> None:
    assert study().models_of("transfer") == ("a", "b")
    asked = study(densities=[[2, 4]])
    assert {asked.models_of(job) for job in JOBS if job != "transfer"} == {("a",)}
    assert study().models_of("density") == ()


def test_densities_add_a_job_for_the_primary_model() -> None:
    plain, asked = study(), study(densities=[[2, 4], [5, 5]])
    assert not plain.cells("density")
    jobs = set(asked.attack_jobs()) - set(plain.attack_jobs())
    assert jobs == {("density", asked.primary)}
    cells = asked.cells("density")
    ks = [k for k in asked.k if k >= asked.focus.n_specified]
    assert len(cells) == 2 * len(ks) * len(asked.methods)
    assert {(cell.labels, cell.relevant) for cell in cells} == {
        ("random, 2 to 4 labels", (2, 4)),
        ("random, 5 labels", (5, 5)),
    }
    assert {cell.scheme for cell in cells} == {"random"}
