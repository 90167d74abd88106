"""A run that is killed at random moments ends with the results of an undisturbed one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.workflow.compare import RUN, differences
from tests.workflow.kills import Run, killed_run, leftovers
from tests.workflow.project import Project


@pytest.mark.slow
@pytest.mark.xdist_group("kills")
def test_a_killed_study_ends_like_an_undisturbed_one(smoke: Project, tmp_path: Path) -> None:
    """Three kills; the whole campaign is ``python -m tests.workflow.kills``."""
    project = smoke.moved(tmp_path / "copy")
    shutil.rmtree(project.root / RUN / "topk")
    for name in ("tidy", "paper/tables"):
        for path in (project.root / RUN / name).glob("topk_*"):
            path.unlink()
    draw = random.Random(1)
    campaign = killed_run(project, Run(("topk_tables",)), kills=3, draw=draw)
    assert campaign.status == 0, campaign.output[-5000:]
    assert campaign.met, "the run was over before it was killed"
    assert differences(project, smoke) == []
    assert leftovers(project) == []
