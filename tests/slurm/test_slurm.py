"""The workflow on a real SLURM of one machine, through profiles/slurm."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import torch

from tests.helpers.damage import cut
from tests.slurm.cluster import Cluster
from tests.slurm.submission import Submission
from tests.workflow.compare import RUN, differences
from tests.workflow.project import Project

LOGS = "logs/smoke"
WEIGHTS = f"{RUN}/models/small/seed0/classifier.safetensors"


def test_smoke_run_with_a_drained_node_has_the_bytes_of_a_local_one(
    cluster: Cluster, local: Project, project: Project
) -> None:
    with Submission(cluster, project, "smoke") as run:
        run.until("the first jobs had ended", lambda: run.steps()[0] >= 5, 600)
        cluster.drain()
        # What runs may end; whatever follows waits, and Snakemake with it.
        run.until(
            "the queue stood still", lambda: set(cluster.queue().values()) == {"PENDING"}, 240
        )
        waiting = cluster.queue()
        assert cluster.node_state() == "drained"
        time.sleep(3)
        assert waiting.items() <= cluster.queue().items()
        assert run.running()
        cluster.resume()
        assert run.wait(1800) == 0, run.output[-5000:]
    assert not cluster.queue()
    # Every stage but those that run where the workflow was started went through the queue.
    assert len(run.job_ids()) > 20
    assert not differences(project, local)


def test_cancelled_run_leaves_an_empty_queue_and_is_completed_by_the_same_command(
    cluster: Cluster, local: Project, project: Project
) -> None:
    with Submission(cluster, project, "bilevel") as run:
        run.until(
            "a job had ended and another ran",
            lambda: run.steps()[0] > 0 and "RUNNING" in cluster.queue().values(),
            600,
        )
        run.interrupt()
        assert run.wait(60) != 0
    assert "100%" not in run.output
    cluster.wait("an empty queue", lambda: not cluster.queue(), 30)
    assert not (project.root / f"{RUN}/paper").exists()

    with Submission(cluster, project, "bilevel") as again:
        assert again.wait(1200) == 0, again.output[-5000:]
    assert "unlock" not in again.output
    # What was finished before was not done again.
    finished, planned = run.steps()
    assert again.steps()[1] <= planned - finished + 1  # the target itself is a step
    made = (f"{RUN}/paper/tables/bilevel_*", f"{RUN}/tidy/bilevel_*", f"{RUN}/bilevel/certify/**/*")
    assert not differences(project, local, *made)


def test_stages_of_device_cuda_share_a_gpu_and_go_to_its_partition(
    cluster: Cluster, project: Project
) -> None:
    assert project.snakemake(f"{RUN}/data/dataset.json").status == 0
    partitions = ("--slurm-partition-config", "profiles/slurm/partitions.yaml")
    cuda = ("--config", "device=cuda", "gpu={least_work: 0}", "seeds=[0, 1]")
    targets = [WEIGHTS, WEIGHTS.replace("seed0", "seed1")]
    with Submission(cluster, project, *targets, *partitions, "--retries", "0", *cuda) as run:
        status = run.wait(600)
    # Both in one job, which has a processor for each and one GPU.
    (number,) = run.job_ids()
    job = cluster.job(number)
    assert job["TresPerNode"] == "gres:gpu:1"
    assert job["NumCPUs"] == "2"
    assert job["Partition"] == "gpu"
    if not torch.cuda.is_available():
        # The GPU of the test cluster is none; that SLURM showed it to the stages is to be seen.
        # Both began: one after the other, the second would not after the first had failed.
        assert status == 1
        for seed in (0, 1):
            log = (project.root / LOGS / f"pretrain/small/seed{seed}.log").read_text()
            assert "no CUDA device is visible" in log
            assert "CUDA_VISIBLE_DEVICES is 0" in log


def test_a_failing_job_is_tried_again_and_leaves_its_error_and_its_logs(
    cluster: Cluster, local: Project, tmp_path: Path
) -> None:
    project = local.moved(tmp_path / "copy")
    weights = project.root / WEIGHTS
    weights.write_bytes(cut(weights.read_bytes()))
    target = f"{RUN}/adversarial/small/seed0/fgsm/outcomes.parquet"
    partitions = ("--slurm-partition-config", "profiles/slurm/partitions.yaml")
    with Submission(cluster, project, target, *partitions) as run:
        assert run.wait(600) == 1
    assert len(run.job_ids()) == 2
    assert cluster.job(run.job_ids()[0])["Partition"] == "cpu"
    assert not cluster.queue()
    # What the stage said is in its log and before the user's eyes.
    log = (project.root / LOGS / "craft/small/seed0/fgsm.log").read_text(encoding="utf-8")
    message = next(line for line in log.splitlines() if line.startswith("error: "))
    assert weights.name in log
    assert "Error in rule craft" in run.output
    assert message in run.output
    kept = list(project.root.glob(".snakemake/slurm_logs/rule_craft/**/*.log"))
    assert {path.stem for path in kept} == set(run.job_ids())
    assert message in kept[0].read_text()
    assert not (project.root / target).exists()


def test_a_status_command_that_does_not_answer_is_told_before_the_first_job(
    cluster: Cluster, project: Project
) -> None:
    # This cluster keeps no accounts. Without the check the run would wait for ever.
    assert shutil.which("sacct")
    with Submission(cluster, project, "bilevel", "--slurm-status-command", "sacct") as run:
        assert run.wait(60) == 1
    assert "'sacct' failed: Slurm accounting storage is disabled" in run.output
    assert "slurm-status-command: squeue" in run.output
    assert run.job_ids() == []
