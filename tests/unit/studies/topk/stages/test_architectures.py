"""Networks of torchvision through study 2: trained, attacked, and transfer between all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.metrics.ranking import MEASURES
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.support.io import read_csv, read_parquet
from tests.helpers.configuration import smoke_plan, wildcards
from tests.helpers.tiny_topk import TinyTopk

MOBILE = {"name": "mobilenet_v3_small", "input_size": 32}


@pytest.fixture
def run(topk: TinyTopk, tmp_path: Path) -> TinyTopk:
    """A run of a MobileNet and a ConvNeXt-free rest: the tiny cnn is trained already."""
    values = topk.study.model_dump()
    training = {"epochs": 1, "batch_size": 64, "learning_rate": 0.003}
    models = {"cnn": values["models"]["cnn"], "mobile": {"network": MOBILE, "training": training}}
    study = TopkSettings.model_validate({**values, "models": models})
    (tmp_path / "topk").mkdir()
    (tmp_path / "topk" / "data").symlink_to(topk.data.parent)
    made = TinyTopk(tmp_path, study, (0,))
    made.weights("cnn").parent.mkdir(parents=True)
    made.weights("cnn").write_bytes(topk.weights("cnn").read_bytes())
    return made


@pytest.mark.slow
def test_every_pair_of_models_has_its_rows(run: TinyTopk) -> None:
    topk_pretrain(
        data=run.data,
        settings=run.study.models["mobile"],
        model="mobile",
        seed=0,
        out=run.weights("mobile"),
        device="cpu",
    )
    measured = read_csv(run.weights("mobile").with_suffix(".metrics.csv"))
    assert set(measured["model"]) == {"mobile"}
    for model in run.study.models:
        run.attack(run.outcomes(model, "transfer"), run.job("transfer"), model)
    outcomes = read_parquet(run.outcomes("mobile", "transfer"))
    assert len(outcomes)
    assert np.isfinite(outcomes["l2"]).all()
    run.transfer(run.folder / "transfer.csv")
    table = read_csv(run.folder / "transfer.csv")
    assert {*zip(table["source"], table["target"], strict=True)} == {
        (source, target) for source in ("cnn", "mobile") for target in ("cnn", "mobile")
    }
    methods = len(run.study.methods_of("transfer")) + 1
    assert len(table) == 4 * methods * (1 + len(MEASURES))


def test_a_large_network_on_scenes_is_work_for_a_gpu_and_asks_for_its_memory() -> None:
    plain = smoke_plan().study("topk")
    network = {"models": {"mobile": {"network": MOBILE}}}
    plan = smoke_plan(topk=network).study("topk")
    mine, other = wildcards(model="mobile", job="transfer"), wildcards(model="resnet", job="random")
    for stage in ("topk_pretrain", "topk_attack", "topk_search"):
        assert plan.work(stage, mine) == np.inf
        assert plan.work(stage, other) == plain.work(stage, other) < np.inf
    assert plan.work("topk_transfer", wildcards(seed="0")) == np.inf
    assert plain.work("topk_transfer", wildcards(seed="0")) < np.inf
    assert plan.mem_mb(other) == plain.mem_mb(other) == 4000
    network["models"]["mobile"]["network"] = {"name": "vit_b_16"}
    large = smoke_plan(topk=network).study("topk")
    assert large.mem_mb(mine) > 10_000 > 4000 > plan.mem_mb(mine) > 2000
