from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from advlearn.studies.bilevel.settings.path import BilevelDataJob, BilevelPathJob
from advlearn.studies.bilevel.settings.study import BilevelCollectJob, BilevelSettings
from advlearn.studies.bilevel.study import STUDY

ROOT = Path(__file__).parents[5]
SMALL: dict[str, Any] = {
    "datasets": {
        "iris": {"name": "iris"},
        "pair": {"name": "digits", "classes": [1, 4]},
        "mine": {"name": "csv", "path": "mine.csv", "label": "kind"},
    }
}


def study(**changes: Any) -> BilevelSettings:
    return BilevelSettings.model_validate({**SMALL, **changes})


def test_the_shipped_study_is_valid_and_names_every_group() -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["bilevel"]
    shipped = BilevelSettings.model_validate(values)
    names = "iris wine breast_cancer digits_1_4 digits_8_9 moons blobs circles"
    assert list(shipped.datasets) == names.split()
    assert set(BilevelSettings.model_fields) == set(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"datasets": {}}, "at least 1"),
        ({"datasets": None}, "datasets"),
        ({"datasets": {"a b": {"name": "iris"}}}, "letters, digits and underscores"),
        ({"datasets": {"a": {"name": "irises"}}}, "irises"),
        ({"datasets": {"a": {"name": "iris", "noise": 1}}}, "noise"),
        ({"datasets": {"a": {"name": "iris", "points": 2}}}, "greater than or equal to 3"),
        ({"datasets": {"a": {"name": "digits", "classes": [10]}}}, "less than or equal to 9"),
        ({"datasets": {"a": {"name": "digits", "classes": [1, 1]}}}, "1 is given twice"),
        ({"datasets": {"a": {"name": "digits"}}}, "classes"),
        ({"datasets": {"a": {"name": "csv"}}}, "path"),
        ({"datasets": {"a": {"name": "moons", "noise": -0.1}}}, "greater than or equal to 0"),
        ({"datasets": {"a": {"name": "blobs", "points": 2}}}, "at least one for each"),
        ({"datasets": {"a": {"name": "blobs", "spread": 0}}}, "greater than 0"),
        ({"seeds": [0, 0]}, "0 is given twice"),
        ({"seeds": []}, "at least 1"),
        ({"graph": {"n_neighbors": 0}}, "greater than or equal to 1"),
        ({"graph": {"phi": -1}}, "greater than or equal to 0"),
        ({"graph": {"phi": float("inf")}}, "finite"),
        ({"path": {"gammas": 2}}, "greater than or equal to 3"),
        ({"path": {"range": [0, 1]}}, "greater than 0"),
        ({"path": {"range": [1, 1]}}, "smallest and largest, in this order"),
        ({"path": {"n_clusters": [3, 2]}}, "fewest and most, in this order"),
        ({"path": {"tolerance": 0}}, "greater than 0"),
        ({"experiments": {"certify": ["wine"]}}, "certify: unknown data set 'wine'"),
        ({"experiments": {"attack": []}}, "attack: name at least one data set"),
        ({"experiments": {"blackbox": ["iris", "iris"]}}, "'iris' is given twice"),
        ({"experiments": {"attacks": ["iris"]}}, "attacks"),
        ({"gamma": 1}, "gamma"),
    ],
)
def test_what_is_wrong_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        study(**changes)
    assert said in str(error.value)


def test_null_leaves_a_point_set_out() -> None:
    """A configuration is merged over another one key by key."""
    without = study(datasets={**SMALL["datasets"], "iris": None})
    assert list(without.datasets) == ["pair", "mine"]
    with pytest.raises(ValidationError, match="unknown data set 'iris'"):
        study(datasets={**SMALL["datasets"], "iris": None}, experiments={"trajectories": ["iris"]})


def test_an_experiment_has_all_point_sets_or_those_named_in_the_order_of_the_sets() -> None:
    given = study(experiments={"attack": ["mine", "iris"], "trajectories": []})
    assert given.datasets_of("certify") == ("iris", "pair", "mine")
    assert given.datasets_of("attack") == ("iris", "mine")
    assert given.datasets_of("trajectories") == ()


OWN = {"name": "csv", "path": "flow.csv"}
BOTH = ("bilevel_onepoint", "bilevel_delta")


@pytest.mark.parametrize(
    ("datasets", "asked", "left_out"),
    [
        ({"iris": {"name": "iris"}}, {}, ()),
        ({"iris": {"name": "iris"}, "mine": OWN}, {}, ()),
        ({"mine": OWN}, {}, BOTH),
        ({"iris": None, "mine": OWN}, {}, BOTH),
        ({"mine": OWN}, {"onepoint": True}, ("bilevel_delta",)),
        ({"mine": OWN}, {"onepoint": True, "delta": True}, ()),
        ({"iris": {"name": "iris"}}, {"delta": False}, ("bilevel_delta",)),
    ],
)
def test_tables_of_ones_own_alone_leave_out_what_needs_no_table(
    datasets: dict[str, Any], asked: dict[str, bool], left_out: tuple[str, ...]
) -> None:
    assert study(datasets=datasets, experiments=asked).left_out() == left_out
    assert set(BOTH) == set(STUDY.optional)


def test_jobs_are_read_from_their_own_json() -> None:
    given = study()
    for data in given.datasets.values():
        job = BilevelDataJob(data=data, n_neighbors=7)
        assert BilevelDataJob.from_json(job.to_json()) == job
    path = BilevelPathJob(graph=given.graph, path=given.path, trajectories=True)
    assert BilevelPathJob.from_json(path.to_json()) == path
    collect = BilevelCollectJob(
        run="r",
        seeds=(0,),
        datasets=("iris",),
        trajectories=(),
        certify=("iris",),
        attack=("iris",),
        blackbox=("iris",),
        poison=("iris",),
        study=given,
    )
    assert BilevelCollectJob.from_json(collect.to_json()) == collect
