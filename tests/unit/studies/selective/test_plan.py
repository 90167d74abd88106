"""What the rules of study 1 are given."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from advlearn.studies.selective.settings.collect import CollectSettings
from advlearn.studies.selective.settings.jobs import CraftJob, PretrainJob
from advlearn.support.errors import UserError
from tests.helpers.configuration import ROOT, smoke_plan, wildcards

SMOKE = ROOT / "config" / "smoke.yaml"


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


def test_a_run_may_have_no_search() -> None:
    here = selective(selective={"calibrate": None})
    assert here.calibrations() == here.confirmations() == []
    settings = CollectSettings.from_json(here.job("collect")(wildcards()))
    assert settings.blocks == settings.parts == ()
    assert settings.left_out == ("calibrate", "finalists", "confirm")
    assert set(selective().drawn("tables")) - set(here.drawn("tables")) == {
        "selective_universes",
        "selective_open_choices",
    }
    assert set(selective().drawn("figures")) - set(here.drawn("figures")) == {
        "selective_universes",
        "selective_choices",
    }
    # A file of the search that is asked for by its name.
    for stage, name in (("calibrate", {"block": "0"}), ("confirm", {"part": "0"})):
        with pytest.raises(UserError, match="no search"):
            here.job(stage)(wildcards(**name))


def test_a_block_may_have_the_first_seeds_alone() -> None:
    grid = [dict(block) for block in yaml.safe_load(SMOKE.read_text())["selective"]["grid"]]
    grid[1]["first_seeds"] = 2
    strong = {"evaluate": {"strong": {"first_seeds": 1}}}
    here = selective(seeds=[5, 3, 4], selective={"grid": grid, **strong})
    settings = CollectSettings.from_json(here.job("collect")(wildcards()))
    found = {(job.attack, job.reduction): job.seeds for job in settings.jobs}
    assert found == {
        ("fgsm", "pca"): (5, 3, 4),
        ("pgd", "pca"): (5, 3),
        ("fgsm", "tsne"): (5, 3, 4),
    }
    rows = {(row["attack"], row["reduction"], row["seed"]) for row in here.lines()}
    assert rows == {(job.attack, job.reduction, seed) for job, seed in settings.lines()}
    assert [(row["attack"], row["seed"]) for row in here.strengthened()] == [
        ("fgsm", 5),
        ("pgd", 5),
    ]
    # A run with fewer seeds than that has all of them.
    assert [row["seed"] for row in selective(selective={"grid": grid}).lines()] == [0, 0, 0]


def test_a_block_and_the_strong_attacks_may_have_no_seed() -> None:
    grid = [dict(block) for block in yaml.safe_load(SMOKE.read_text())["selective"]["grid"]]
    grid[1]["first_seeds"] = 0
    strong = {"evaluate": {"strong": {"first_seeds": 0}}}
    here = selective(seeds=[5, 3], selective={"grid": grid, **strong})
    settings = CollectSettings.from_json(here.job("collect")(wildcards()))
    assert {job.attack for job in settings.jobs} == {"fgsm"} == {r["attack"] for r in here.lines()}
    assert here.strengthened() == []


def test_a_run_knows_the_universes_of_its_grid() -> None:
    settings = CollectSettings.from_json(selective().job("collect")(wildcards()))
    assert list(settings.universes) == ["small"]


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


def reductions_without_clustering(here: Any) -> dict[tuple[Any, ...], list[str]]:
    """By universe, attack and seed: the lines that have the cells without clustering."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for line in here.lines():
        key = (line["universe"], line["attack"], line["seed"])
        there = here.no_clustering(wildcards(**line))
        found.setdefault(key, []).extend([line["reduction"]] if there else [])
    return found


def test_cells_without_clustering_are_in_one_line_of_each_attack_and_seed() -> None:
    assert reductions_without_clustering(selective(seeds=[5, 3])) == {
        ("small", attack, seed): ["pca"] for attack in ("fgsm", "pgd") for seed in (5, 3)
    }
    grid = [dict(block) for block in yaml.safe_load(SMOKE.read_text())["selective"]["grid"]]
    grid[0]["first_seeds"] = 1
    assert reductions_without_clustering(selective(seeds=[5, 3], selective={"grid": grid})) == {
        ("small", "fgsm", 5): ["pca"],
        ("small", "fgsm", 3): ["tsne"],
        ("small", "pgd", 5): ["pca"],
        ("small", "pgd", 3): ["pca"],
    }


def test_the_lines_whose_models_strong_attacks_judge() -> None:
    here = selective(seeds=[3, 4])
    rows = here.strengthened()
    assert {(row["attack"], row["reduction"], row["seed"]) for row in rows} == {
        (attack, "pca", seed) for attack in ("fgsm", "pgd") for seed in (3, 4)
    }
    settings = CollectSettings.from_json(here.job("collect")(wildcards()))
    assert settings.strong == here.settings.evaluate.strong
    here = selective(selective={"evaluate": {"strong": None}})
    assert here.strengthened() == []
    assert CollectSettings.from_json(here.job("collect")(wildcards())).strong is None


def test_no_evaluation_depends_on_the_strong_attacks() -> None:
    given = wildcards(universe="small", attack="fgsm", reduction="pca", seed="0")
    jobs = {
        selective(selective={"evaluate": {"strong": strong}}).job("evaluate")(given)
        for strong in (None, {"images": 7}, {"images": 8})
    }
    assert len(jobs) == 1
    assert "strong" not in jobs.pop()


def test_work_of_strong_attacks_follows_their_numbers() -> None:
    given = wildcards(universe="small", attack="fgsm", reduction="pca", seed="0")

    def work(**strong: Any) -> float:
        here = selective(selective={"evaluate": {"strong": strong}})
        return float(here.work("strengthen", given))

    # Cells of n_clusters=3 of two clusterers and one of DBSCAN, each with its control.
    assert work(n_clusters=[1]) == work()
    assert work(n_clusters=[2, 3]) == pytest.approx(work() * 13 / 9)
    assert work(clusterers=["kmeans"]) == pytest.approx(work() * 5 / 9)
    assert work(images=60) == pytest.approx(2 * work())
    assert work(targets=None) > work()
