"""The benchmark of a GPU, as far as a CPU can tell."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks import goals, gpu, gpu_common, gpu_workflow, summary


def test_without_a_gpu_it_says_so_and_ends_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.main(["--out", str(tmp_path)])
    assert "skipped" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_digits_are_images_with_their_classes() -> None:
    images, labels = gpu_common.digits(300, torch.device("cpu"))
    assert images.shape == (300, 1, 28, 28)
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    assert sorted(labels.unique().tolist()) == list(range(10))
    # Shifted, so that hardly two of them are equal.
    assert len(images.flatten(1).unique(dim=0)) > 295


def test_trainings_side_by_side_are_counted() -> None:
    sizes = gpu_common.Sizes(small=True)
    sizes.members, sizes.trained_on, sizes.train = 2, 60, 100
    rows = gpu.training(sizes, torch.device("cpu"))
    assert [row["case"] for row in rows] == ["MLP", "CNN"]
    # Member 0 has every second image from the second on, member 1 every third from the third on.
    assert {row["images"] for row in rows} == {60 + 30 + 60 + 20}


@pytest.mark.parametrize(("case", "rate", "met"), [("MLP", 3.9e6, False), ("CNN", 6.1e5, True)])
def test_goals_of_trainings(case: str, rate: float, met: bool) -> None:
    (goal,) = goals.gpu_training_goals(pd.Series({"case": case, "ours_images_per_s": rate}))
    assert goal.met(pd.Series({"ours_images_per_s": rate})) is met


@pytest.mark.parametrize(("case", "least"), [("pooled undefended", 4), ("pooled defended", 1.5)])
def test_goals_of_robust_accuracy(case: str, least: float) -> None:
    wanted = goals.gpu_robust_goals(pd.Series({"case": case}))
    assert {goal.column: goal.bound for goal in wanted} == {"ratio": least, "unsound": 0}


LOG = """\
  Date: 2026-11-27 07:52:26
[Fri Nov 27 07:52:29 2026]
Job 4: Obtain the data set and check its files
[Fri Nov 27 07:53:01 2026]
Finished jobid: 4 (Rule: download)
{done} of 2 steps ({share}%) done
"""


@pytest.mark.parametrize(
    ("done", "times"),
    [(2, {"ours_s": 35.0, "stopped_s": math.nan}), (1, {"ours_s": math.nan, "stopped_s": 35.0})],
)
def test_a_run_that_was_stopped_has_no_time(done: int, times: dict[str, float]) -> None:
    row = gpu_workflow.measured("smoke", LOG.format(done=done, share=50 * done))
    assert row["done"] == done
    assert row["jobs"] == 2
    assert {key: row[key] for key in times} == pytest.approx(times, nan_ok=True)


def test_a_log_without_jobs_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match="no job has ended"):
        gpu_workflow.measured("smoke", "error: the configuration is not valid")


def test_a_run_that_was_stopped_misses_its_goal() -> None:
    rows = pd.DataFrame([gpu_workflow.measured("study 1", LOG.format(done=1, share=50))])
    found = summary.lines({"gpu_workflow": rows}, dict.fromkeys(summary_files(), lambda row: [])
                          | {"gpu_workflow": goals.gpu_workflow_goals})  # fmt: skip
    table = summary.table(found, str).set_index("work")
    study = table.loc["study 1 at full size, five seeds (GPU)"]
    assert study["times as fast"] == "not finished"
    assert study["met"] == "**no**"
    assert table.loc["smoke run (GPU)", "times as fast"] == "not measured yet"


def summary_files() -> set[str]:
    return {work.file for work in summary.WORKS}
