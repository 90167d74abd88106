"""What the rules of study 2 are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advlearn.studies.topk.settings.jobs import (
    TopkAttackJob,
    TopkCollectSettings,
    TopkDataJob,
    TopkTransferJob,
)
from advlearn.support.errors import UserError
from tests.helpers.configuration import merged, smoke_plan, wildcards


def topk(**changes: Any) -> Any:
    return smoke_plan(**changes).study("topk")


def test_only_the_transfer_is_attacked_on_every_model_and_keeps_images() -> None:
    here = topk()
    attack = here.job("topk_attack")
    for job in ("global", "random", "sweeps", "transfer"):
        for model in ("cnn", "resnet"):
            given = wildcards(job=job, model=model)
            if job != "transfer" and model != here.settings.primary:
                with pytest.raises(UserError, match="no such job and model") as error:
                    attack(given)
                assert "topk.models" in error.value.remedy
                continue
            settings = TopkAttackJob.from_json(attack(given))
            assert settings.cells == here.settings.cells(job)
            assert settings.keep_images == (job == "transfer")
            assert settings.images == here.settings.images


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UserError, match="no such model in this run: vgg"):
        topk().job("topk_pretrain")(wildcards(model="vgg", seed="0"))


def test_the_study_has_its_own_seeds_or_those_of_the_run() -> None:
    assert topk(seeds=[5, 6]).seeds == (0,)
    assert topk(seeds=[5, 6], topk={"seeds": None}).seeds == (5, 6)


def test_the_rows_of_the_rules_are_those_that_collect_reads() -> None:
    here = topk(topk={"seeds": [3, 4], "models": {"vit": None}})
    settings = TopkCollectSettings.from_json(here.job("topk_collect")(wildcards()))
    assert settings.seeds == (3, 4)
    rows = here.attacks()
    assert len(rows) == len({tuple(row.values()) for row in rows})
    assert {(row["model"], row["job"], row["seed"]) for row in rows} == {
        (each.model, each.job, seed) for each in settings.attacks for seed in settings.seeds
    }
    assert {(row["model"], row["seed"]) for row in here.models()} == {
        (model, seed) for model in settings.models for seed in settings.seeds
    }
    assert [row["seed"] for row in here.transfers()] == [3, 4]
    assert here.shown() in rows
    for each in settings.attacks:
        assert each.cells == here.settings.cells(each.job)


def test_the_transfer_is_about_one_choice_of_labels() -> None:
    here = topk()
    settings = TopkTransferJob.from_json(here.job("topk_transfer")(wildcards(seed="7")))
    cells = here.settings.cells("transfer")
    assert settings.models == tuple(here.settings.models)
    assert settings.methods == tuple(cell.attack.method for cell in cells)
    assert {(cell.k, cell.n_specified) for cell in cells} == {(settings.k, settings.n_specified)}
    assert {cell.attack.clean_map for cell in cells} == {settings.clean_map}


def test_memory_follows_the_photos_and_the_batch() -> None:
    resnet = wildcards(model="resnet")
    assert topk().mem_mb(resnet) == 4000
    photos = {"dataset": "voc2012", "photos": {"size": 100}, "label_sets": {"person": [14]}}
    training = {"models": {"resnet": {"training": {"batch_size": 8}}}}
    small, large = (
        topk(topk={**photos, **training, "batch_size": batch}).mem_mb(resnet) for batch in (4, 40)
    )
    # The larger of the two batches counts.
    assert large - 2000 == 5 * (small - 2000)


def test_photos_need_none_of_the_runs_images() -> None:
    assert topk().downloads
    assert not topk(topk={"dataset": "voc2012"}).downloads


def test_sources_matter_only_to_jobs_that_fetch() -> None:
    """Another mirror must not retrain a network that was never downloaded."""
    mirror = {"sources": {"mirror": "elsewhere"}}
    given = wildcards(model="cnn")

    def data(**changes: Any) -> str:
        text: str = topk(**changes).job("topk_data")(wildcards())
        return text

    assert data() == data(**mirror)
    assert topk().sources(given) == topk(**mirror).sources(given)
    models = {
        **dict.fromkeys(("cnn", "resnet", "vit")),
        "big": {"network": {"name": "resnet50"}},
    }
    photos = {"topk": {"dataset": "voc2012", "models": models, "primary": "big"}}
    fetched = merged(mirror, photos)
    assert TopkDataJob.from_json(data(**fetched)).sources.mirror == Path("elsewhere")
    sources = topk(**fetched).sources(wildcards(model="big"))
    assert json.loads(sources)["mirror"] == "elsewhere"
