"""The profiles fit the rules, each other and the plugin that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.settings.types import ConfigSettings, Quietness
from snakemake_executor_plugin_slurm.partitions import read_partition_file

from advlearn import plan
from tests.workflow.project import Project

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "profiles" / "slurm"
NETWORKS = {
    "pretrain", "calibrate", "craft", "retrain", "evaluate",
    "topk_pretrain", "topk_attack", "topk_transfer",
}  # fmt: skip


def profile(name: str) -> dict[str, Any]:
    read = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def test_what_is_true_everywhere_is_true_on_a_cluster() -> None:
    everywhere = profile("default")
    # One GPU is what a single machine has.
    assert everywhere.pop("resources") == {"gpu": 1}
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


@pytest.mark.slow
@pytest.mark.parametrize(("device", "gpus"), [("auto", 0), ("cpu", 0), ("cuda", 1)])
def test_every_stage_with_a_network_asks_for_a_gpu_when_it_needs_one(
    device: str, gpus: int
) -> None:
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(
                configfiles=[ROOT / "config" / "smoke.yaml"], config={"device": device}
            ),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )._workflow
        asked = {r.name: r.resources["gpu"].value for r in workflow.rules if "gpu" in r.resources}
    assert asked == dict.fromkeys(NETWORKS, gpus)


@pytest.mark.slow
def test_the_slurm_profile_is_understood_without_a_cluster(tmp_path: Path) -> None:
    project = Project.copy(tmp_path / "project")
    profile = ("--workflow-profile", "profiles/slurm")
    done = project.snakemake("smoke", "--dry-run", *profile)
    assert done.status == 0, done.output
    assert "Group job selection" in done.output
