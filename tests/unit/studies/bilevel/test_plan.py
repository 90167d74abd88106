"""What the rules of study 3 are given."""

from __future__ import annotations

from typing import Any

import pytest

from advlearn.studies.bilevel.settings.path import BilevelDataJob, BilevelPathJob
from advlearn.studies.bilevel.settings.study import BilevelCollectJob
from advlearn.support.errors import UserError
from tests.helpers.configuration import merged, smoke_plan, wildcards


def bilevel(**changes: Any) -> Any:
    """The smoke run with two further point sets, one of them the user's."""
    more = {"moons": {"name": "moons"}, "mine": {"name": "csv", "path": "tables/mine.csv"}}
    own = merged({"seeds": [3, 4], "datasets": more}, changes)
    return smoke_plan(bilevel=own).study("bilevel")


def test_the_rows_of_the_rules_are_those_that_collect_reads() -> None:
    here = bilevel(experiments={"certify": ["moons"], "attack": ["blobs", "mine"]})
    settings = BilevelCollectJob.from_json(here.job("bilevel_collect")(wildcards()))
    assert settings.seeds == (3, 4)
    assert settings.study == here.settings
    assert [row["dataset"] for row in here.datasets()] == list(settings.datasets)
    assert set(settings.datasets) == {"blobs", "moons", "mine"}
    for experiment, names in (("certify", ["moons"]), ("attack", ["blobs", "mine"])):
        assert [row["dataset"] for row in here.of(experiment)] == names
        assert list(getattr(settings, experiment)) == names
    assert here.seeded("attack") == [
        {"dataset": name, "seed": seed} for name in ("blobs", "mine") for seed in (3, 4)
    ]
    assert settings.blackbox == ("blobs",)
    assert settings.trajectories == ("blobs",)


def test_a_point_set_is_asked_for_by_its_name() -> None:
    here = bilevel()
    data, given = here.job("bilevel_data"), wildcards(dataset="mine")
    job = BilevelDataJob.from_json(data(given))
    assert job.data == here.settings.datasets["mine"]
    assert job.n_neighbors == here.settings.graph.n_neighbors
    assert here.own(given) == ["tables/mine.csv"]
    assert here.own(wildcards(dataset="blobs")) == []
    for ask in (data, here.own):
        with pytest.raises(UserError, match="no such data set in this run: iris") as error:
            ask(wildcards(dataset="iris"))
        assert "bilevel.datasets" in error.value.remedy


def test_only_drawn_point_sets_keep_their_trajectories() -> None:
    here = bilevel()
    for name in ("blobs", "moons"):
        job = BilevelPathJob.from_json(here.job("bilevel_path")(wildcards(dataset=name)))
        assert job.trajectories == (name == "blobs")
        assert job.graph == here.settings.graph


def test_the_study_has_its_own_seeds_or_those_of_the_run() -> None:
    assert smoke_plan(seeds=[5, 6], bilevel={"seeds": None}).study("bilevel").seeds == (5, 6)
    assert bilevel().seeds == (3, 4)
