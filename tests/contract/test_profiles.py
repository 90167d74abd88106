"""The profiles fit the rules, each other and the plugin that reads them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake_executor_plugin_slurm.partitions import read_partition_file

from advlearn import plan
from advlearn.support import gpu
from tests.workflow.project import Project

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "profiles" / "slurm"
NETWORKS = {
    "pretrain", "calibrate", "confirm", "craft", "retrain", "evaluate", "strengthen",
    "topk_pretrain", "topk_search", "topk_attack", "topk_transfer",
}  # fmt: skip


def profile(name: str) -> dict[str, Any]:
    read = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def test_what_is_true_everywhere_is_true_on_a_cluster() -> None:
    everywhere = profile("default")
    # One GPU is what a single machine has.
    assert everywhere.pop("resources") == {"gpu_share": gpu.WHOLE}
    slurm = profile("slurm")
    assert {key: slurm[key] for key in everywhere} == everywhere
    assert "resources" not in slurm


def test_short_stages_are_grouped_and_nothing_that_trains_or_attacks() -> None:
    groups = profile("slurm")["groups"]
    assert groups.keys() <= plan.rules().keys()
    heavy = NETWORKS | {"bilevel_certify", "bilevel_attack", "bilevel_blackbox"}
    assert not groups.keys() & heavy
    # What runs where the workflow was started cannot be part of a group.
    assert "download" not in groups


def test_partitions_are_read_by_the_plugin() -> None:
    partitions = {one.name: one.limits for one in read_partition_file(SLURM / "partitions.yaml")}
    assert partitions["cpu"].max_gpu == 0
    assert partitions["gpu"].max_gpu >= 1


def test_every_stage_with_a_network_is_placed_by_its_work(rules: dict[str, Any]) -> None:
    """On the CPU here: the rules are those of the smoke run, whose jobs have little work."""
    for name, rule in rules.items():
        placed = {"gpu_share", "gres"} & set(rule.resources)
        assert placed == ({"gpu_share", "gres"} if name in NETWORKS else set()), name
        assert "gpu" not in rule.resources, "a number would be summed over the jobs of a group"
        assert callable(rule.params.get("device")) == (name in NETWORKS), name


@pytest.mark.slow
def test_device_cuda_gives_a_gpu_to_the_jobs_that_are_worth_it(tmp_path: Path) -> None:
    project = Project.copy(tmp_path / "project")
    cuda = ("--dry-run", "--config", "device=cuda")

    def groups(*arguments: str, config: str) -> Counter[str]:
        done = project.snakemake(*cuda, *arguments, config=config)
        assert done.status == 0, done.output
        return Counter(re.findall(r"Group job gpu_(\w+)", done.output))

    assert groups(config="config/smoke.yaml") == {}
    jobs = {
        "pretrain": 33, "calibrate": 30, "confirm": 18, "craft": 43, "retrain": 126,
        "evaluate": 116, "strengthen": 30,
        "topk_pretrain": 15, "topk_search": 15, "topk_attack": 30,
    }  # fmt: skip
    for given, size in (((), 4), (("gpu={jobs: 1}",), 1)):
        found = groups(*given, config="config/config.yaml")
        assert found == {stage: -(-count // size) for stage, count in jobs.items()}


@pytest.mark.slow
def test_the_slurm_profile_is_understood_without_a_cluster(tmp_path: Path) -> None:
    project = Project.copy(tmp_path / "project")
    profile = ("--workflow-profile", "profiles/slurm")
    done = project.snakemake("smoke", "--dry-run", *profile)
    assert done.status == 0, done.output
    assert "Group job selection" in done.output
