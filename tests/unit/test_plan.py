"""What the rules of all studies are given."""

from __future__ import annotations

import json

import pytest
import yaml

from advlearn import plan
from advlearn.plan import Plan
from advlearn.studies import studies
from tests.helpers.configuration import ROOT, merged, smoke_plan


@pytest.mark.parametrize(
    "changes",
    [
        {"topk": {"models": {"vit": None}, "label_sets": {"loops": None}}},
        {"bilevel": {"datasets": {"moons": {"name": "moons"}}}},
    ],
)
def test_the_resolved_configuration_still_takes_away_what_was_taken_away(
    changes: dict[str, object],
) -> None:
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    here = smoke_plan(**changes)
    again = Plan(merged(base, json.loads(here.resolved())), [], ROOT / "requirements.txt")
    assert again.config == here.config
    assert list(again.config.topk.models) == list(here.config.topk.models)
    assert set(again.config.bilevel.datasets) == set(here.config.bilevel.datasets)


def test_every_rule_has_a_digest_of_its_own_modules() -> None:
    digests = json.loads(smoke_plan().digests(studies()))
    assert set(digests) == set(plan.rules())
    for study in studies():
        parts = {f"{study.name}_{part}" for part in ("tables", "figures", "report")}
        assert {*study.stages, *parts} <= set(digests)
        alone = json.loads(smoke_plan().digests([study]))
        assert set(alone) == {*plan.SHARED, *study.stages, *parts}
        assert alone.items() <= digests.items()
    assert digests["topk_tables"] != digests["bilevel_tables"]
    without = json.loads(smoke_plan(selective={"calibrate": None}).digests(studies()))
    assert set(digests) - set(without) == {"calibrate", "finalists", "confirm"}


def test_the_tables_of_a_study_know_no_other_study() -> None:
    for study in studies():
        for part in ("tables", "figures"):
            names = plan.modules_of(f"{study.name}_{part}")
            others = [name for name in names if ".studies." in name]
            assert others
            assert all(name.startswith(f"advlearn.studies.{study.name}.") for name in others)


def test_seeds_of_every_study_are_noted() -> None:
    seeds = json.loads(smoke_plan(seeds=[5, 6], topk={"seeds": None}).study_seeds())
    assert set(seeds) == {*(study.name for study in studies()), "calibrate"}
    assert seeds["topk"] == seeds["selective"] == [5, 6]


def test_published_numbers_are_those_of_one_study() -> None:
    files = smoke_plan().published("topk")
    assert files
    assert all("/published/topk/" in file for file in files)
