"""Which jobs of a run use a GPU, how many share one, and what they ask of a scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from advlearn.plan import Plan
from advlearn.support import gpu
from advlearn.support.errors import UserError
from tests.helpers.configuration import ROOT, merged, smoke_plan, wildcards

Jobs = dict[tuple[str, ...], Any]


def full_plan(**changes: Any) -> Plan:
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    return Plan(merged(values, changes), [], ROOT / "requirements.txt")


def jobs_with_a_network(plan: Plan) -> Iterator[tuple[Any, str, Any, tuple[str, ...]]]:
    """The plan of the study, stage, wildcards and name of every job that imports torch."""
    selective, topk = plan.study("selective"), plan.study("topk")
    named = [
        (selective, "pretrain", selective.lines(), ("universe",)),
        (selective, "craft", selective.lines(), ("universe", "attack")),
        (selective, "retrain", selective.lines(), ("universe", "attack", "reduction")),
        (selective, "evaluate", selective.lines(), ("universe", "attack", "reduction")),
        (selective, "strengthen", selective.strengthened(), ("universe", "attack", "reduction")),
        (selective, "calibrate", selective.calibrations(), ()),
        (selective, "confirm", selective.confirmations(), ()),
        (topk, "topk_pretrain", topk.models(), ("model",)),
        (topk, "topk_attack", topk.attacks(), ("model", "job")),
        (topk, "topk_transfer", topk.transfers(), ()),
    ]
    for study, stage, rows, names in named:
        for row in rows:
            values = {key: str(value) for key, value in row.items()}
            yield study, stage, wildcards(**values), (stage, *(values[name] for name in names))


def on_gpu(plan: Plan) -> set[tuple[str, ...]]:
    return {
        name
        for study, stage, given, name in jobs_with_a_network(plan)
        if study.device(stage)(given) == "cuda"
    }


def has(monkeypatch: pytest.MonkeyPatch, *memory: int) -> None:
    monkeypatch.setattr(gpu, "memories", lambda: memory)


def test_the_smoke_run_stays_on_the_cpu() -> None:
    plan = smoke_plan(device="cuda")
    assert len({stage for _, stage, _, _ in jobs_with_a_network(plan)}) == 10
    assert on_gpu(plan) == set()


def test_of_the_full_run_what_is_worth_a_start_is_on_the_gpu() -> None:
    pixels = [("fgsm", "none"), ("fgsm", "tsne")]
    grid = {
        "plausible_1": [("fgsm", "pca"), ("pgd", "pca"), *pixels],
        "plausible_2": [("fgsm", "pca"), ("pgd", "pca"), *pixels],
        "plausible_3": [("fgsm", "pca"), ("pgd", "pca")],
        "standard": [("fgsm", "pca"), ("pgd", "pca")],
    }
    cells = {(name, *line) for name, lines in grid.items() for line in lines}
    small, slower = ("fixed_1", "fgsm", "pca"), ("fixed_1", "pgd", "pca")
    assert on_gpu(full_plan(device="cuda")) == {
        *(("pretrain", name) for name in grid),
        *(("craft", name, "pgd") for name in (*grid, "fixed_1")),
        *(("retrain", *cell) for cell in {*cells, small, slower}),
        *(("evaluate", *cell) for cell in {*cells, slower}),
        *(("strengthen", *cell) for cell in {*cells, small, slower} if cell[2] == "pca"),
        ("calibrate",),
        ("confirm",),
        ("topk_pretrain", "resnet"),
        ("topk_pretrain", "cnn"),
        ("topk_pretrain", "vit"),
        ("topk_attack", "resnet", "global"),
        ("topk_attack", "resnet", "random"),
        ("topk_attack", "resnet", "sweeps"),
        ("topk_attack", "resnet", "transfer"),
        ("topk_attack", "cnn", "transfer"),
        ("topk_attack", "vit", "transfer"),
    }


def test_the_threshold_is_the_configurations() -> None:
    every = {name for _, _, _, name in jobs_with_a_network(smoke_plan())}
    assert on_gpu(smoke_plan(device="cuda", gpu={"least_work": 0})) == every
    assert on_gpu(full_plan(device="cuda", gpu={"least_work": 1e12})) == set()


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_gpu_that_was_not_asked_for_is_not_asked_of_the_scheduler(device: str) -> None:
    plan = full_plan(device=device)
    for study, stage, given, _ in jobs_with_a_network(plan):
        assert study.device(stage)(given) in ("cpu", device)
        assert study.gres(stage)(given) is None
        assert study.group(stage) is None
        assert study.gpu_share(stage)(given) == 0


def test_jobs_on_a_gpu_ask_for_one_and_travel_with_their_stage() -> None:
    plan = full_plan(device="cuda")
    used = on_gpu(plan)
    for study, stage, given, name in jobs_with_a_network(plan):
        group = study.group(stage)
        assert group is not None
        assert group(given) == (f"gpu_{stage}" if name in used else None)
        assert study.gres(stage)(given) == ("gpu:1" if name in used else None)


@pytest.mark.parametrize(("device", "memory", "share"), [
    ("cuda", (81559,), 625),
    ("cuda", (81559, 16384), 2500),
    ("cuda", (), 2500),
    ("auto", (81559,), 625),
    ("auto", (), 0),
])  # fmt: skip
def test_the_memory_decides_how_many_share_a_gpu(
    monkeypatch: pytest.MonkeyPatch, device: str, memory: tuple[int, ...], share: int
) -> None:
    has(monkeypatch, *memory)
    plan = full_plan(device=device)
    large = on_gpu(full_plan(device="cuda"))
    for study, stage, given, name in jobs_with_a_network(plan):
        assert study.gpu_share(stage)(given) == (share if name in large else 0)


def test_the_configuration_may_say_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, 81559)
    changes = {"jobs": 5, "gres": "gpu:a100:1"}
    selective = full_plan(device="cuda", gpu=changes).study("selective")
    assert selective.gpu_share("calibrate")(wildcards(block="0")) == 2000
    assert selective.gres("calibrate")(wildcards(block="0")) == "gpu:a100:1"


@pytest.mark.parametrize("gres", ["a100", "gpu:2", "gpu:1 --export=NONE", "gpu:"])
def test_a_request_that_slurm_would_refuse_or_that_is_for_several_is_refused(gres: str) -> None:
    with pytest.raises(UserError) as caught:
        smoke_plan(gpu={"gres": gres})
    assert "gpu.gres" in str(caught.value)


@pytest.mark.parametrize(
    ("memory", "changes", "jobs"),
    [
        ((81559,), {}, 3),
        ((16384,), {}, 1),
        ((), {}, 1),
        ((16384,), {"jobs": 5}, 5),
        ((), {"jobs": 5}, 5),
    ],
)
def test_a_job_on_photos_has_room_for_its_training(
    monkeypatch: pytest.MonkeyPatch, memory: tuple[int, ...], changes: dict[str, int], jobs: int
) -> None:
    has(monkeypatch, *memory)
    study = {"dataset": "voc2012", "photos": {"size": 300}}
    topk = full_plan(device="cuda", gpu=changes, topk=study).study("topk")
    for stage in ("topk_pretrain", "topk_attack", "topk_transfer"):
        given = wildcards(model="resnet", job="global", seed="0")
        assert topk.device(stage)(given) == "cuda"
        assert topk.gpu_share(stage)(given) == gpu.WHOLE // jobs
        assert topk.gres(stage)(given) == "gpu:1"
        assert topk.group(stage)(given) == f"gpu_{stage}"
    assert topk.group_size == (changes.get("jobs") or 1)
