"""A made-up run of study 1 with its figures, which take seconds to draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advlearn.stages.figures import figures
from tests.helpers.selective_run import PUBLISHED, write_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the run: tidy tables, figures and a record. Read only."""
    run = tmp_path_factory.mktemp("run")
    tidy = write_run(run / "tidy", seeds=[0, 1], cluster_numbers=[1, 2])
    figures(tidy=tidy, out=run / "paper" / "figures", published=PUBLISHED)
    (run / "run.json").write_text(json.dumps({"machine": {"processor": "a <fast> one"}}))
    return run
