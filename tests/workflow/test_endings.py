"""How a run ends that cannot begin, fails or is stopped: the reason stands last, in few lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from advlearn.support.invocation import RESUMES
from tests.workflow.project import ROOT, SMOKE, Project
from tests.workflow.test_faults import mounted

SNAKEMAKES_OWN = ("Complete log(s):", "Elapsed time:", "WorkflowError:", "At least one job")


def after_snakemake(output: str) -> list[str]:
    """The lines below the last one of Snakemake's own."""
    lines = output.splitlines()
    own = [number for number, line in enumerate(lines) if line.startswith(SNAKEMAKES_OWN)]
    return lines[own[-1] + 1 :]


def test_after_a_failed_job_its_reason_and_log_stand_last(project: Project) -> None:
    assert project.snakemake("--until", "download").status == 0
    (manifest,) = (project.root / "results/raw/digits").glob("*.json")
    manifest.write_text("{", encoding="utf-8")
    done = project.snakemake("--until", "prepare")
    assert done.status != 0
    end = after_snakemake(done.output)
    name = str(manifest.relative_to(project.root))
    assert done.output.count("failed: ") == 1, done.output
    assert any(line.startswith("failed: ") and "(prepare)" in line for line in end), end
    assert any(line.startswith("  reason: ") and "cannot be read" in line for line in end)
    assert any("where:" in line and name in line for line in end)
    assert any("remedy:" in line for line in end)
    assert "  log:    logs/smoke/prepare.log" in end
    assert end[-1] == RESUMES
    assert len(end) <= 10


def test_a_run_that_is_interrupted_says_how_it_goes_on_without_a_traceback(
    project: Project,
) -> None:
    log = project.root / "interrupted.log"
    with log.open("wb") as stream:
        run = subprocess.Popen(
            [
                sys.executable, "-m", "snakemake", "--cores", "1", "--nocolor", "smoke",
                "--configfile", SMOKE,
            ],
            cwd=project.root, env=project.environment(), stdin=subprocess.DEVNULL,
            stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
            # A process started in the background ignores Ctrl-C, and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    while "Finished jobid" not in log.read_text(encoding="utf-8"):
        assert run.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does it: to Snakemake and all its jobs
    assert run.wait(300) != 0
    output = log.read_text(encoding="utf-8")
    assert after_snakemake(output)[-1:] == [RESUMES]
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output


@pytest.mark.parametrize("cores", [0, -1])
def test_no_cores_are_refused_instead_of_waiting_for_ever(project: Project, cores: int) -> None:
    done = project.snakemake("smoke", cores=cores)
    assert done.status != 0
    assert f"no job can run on {cores} cores" in done.output
    assert "remedy:" in done.output
    assert "Job stats" not in done.output


def test_a_number_of_cores_that_is_none_is_refused(project: Project) -> None:
    done = project.run(sys.executable, "-m", "snakemake", "--cores", "abc", "--configfile", SMOKE)
    assert done.status != 0
    assert "must be integer" in done.output  # Snakemake's own words
    assert "Traceback" not in done.output


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_read_only_folder_is_refused_with_the_way_out(
    project: Project, options: tuple[str, ...]
) -> None:
    with mounted(project.root, "--bind", str(project.root)):
        remount = ["mount", "-o", "remount,bind,ro", str(project.root)]
        subprocess.run(remount, check=True)
        done = project.snakemake("smoke", *options)
    assert done.status != 0
    assert f"the folder {project.root.name} is read-only" in done.output
    assert "--directory" in done.output
    assert "Traceback" not in done.output


def test_a_read_only_folder_of_results_is_refused_before_any_job(project: Project) -> None:
    results = project.root / "results"
    with mounted(results, "-t", "tmpfs", "-o", "ro", "none"):
        done = project.snakemake("--until", "download")
    assert done.status != 0
    assert "the folder results is read-only" in done.output
    assert "remedy:" in done.output
    assert "Execute" not in done.output


def test_read_only_results_are_explained_all_the_same(project: Project) -> None:
    with mounted(project.root, "--bind", str(project.root)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(project.root)], check=True)
        done = project.advlearn("explain", "topk_models", "--run", ROOT / "results/reference")
    assert done.status == 0, done.output
    assert "again: " in done.output
