"""What the rules of study 1 are given."""

from __future__ import annotations

from typing import Any

import pytest

from advlearn.studies.selective.settings.collect import CollectSettings
from advlearn.studies.selective.settings.jobs import CraftJob, PretrainJob
from advlearn.support.errors import UserError
from tests.helpers.configuration import smoke_plan, wildcards


def selective(**changes: Any) -> Any:
    return smoke_plan(**changes).study("selective")


def test_the_rows_of_the_rules_are_those_that_collect_reads() -> None:
    here = selective(seeds=[3, 4])
    settings = CollectSettings.from_json(here.job("collect")(wildcards()))
    rows = [(row["universe"], row["attack"], row["reduction"], row["seed"]) for row in here.lines()]
    assert len(rows) == len(set(rows))
    assert set(rows) == {
        (line.universe, line.attack, line.reduction, seed)
        for line in settings.jobs
        for seed in (3, 4)
    }
    assert [row["block"] for row in here.calibrations()] == list(settings.blocks) == [0, 1]
    assert [row["part"] for row in here.confirmations()] == list(settings.parts) == [0, 1]


def test_jobs_are_those_of_their_universe() -> None:
    here = selective()
    name = here.settings.primary
    universe = here.settings.universes[name]
    pretrain = PretrainJob.from_json(here.job("pretrain")(wildcards(universe=name, seed="0")))
    assert (pretrain.model, pretrain.training) == (universe.model, universe.training)
    craft = CraftJob.from_json(here.job("craft")(wildcards(universe=name, attack="fgsm")))
    assert craft.attack == universe.attacks["fgsm"]


def test_what_the_run_does_not_have_is_named() -> None:
    here = selective()
    with pytest.raises(UserError, match="no such universe in this run: other") as error:
        here.model(wildcards(universe="other"))
    assert "selective.universes" in error.value.remedy
    with pytest.raises(UserError, match="no such universe, attack and reduction"):
        here.select(wildcards(universe="other", attack="fgsm", reduction="pca"))


def test_cells_without_clustering_are_in_one_reduction_of_each_attack() -> None:
    here = selective()
    chosen: dict[Any, Any] = {}
    for line in here.settings.lines():
        given = wildcards(universe=line.universe, attack=line.attack, reduction=line.reduction)
        if here.no_clustering(given):
            chosen.setdefault((line.universe, line.attack), []).append(line.reduction)
    attacks = {(line.universe, line.attack) for line in here.settings.lines()}
    assert set(chosen) == attacks
    assert all(len(reductions) == 1 for reductions in chosen.values())
