from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.stages.figures import figures
from advlearn.studies import study
from advlearn.support.errors import UserError
from tests.helpers.selective_run import PUBLISHED, write_run


@pytest.mark.slow
def test_every_figure_in_three_forms(tmp_path: Path) -> None:
    tidy = write_run(tmp_path / "tidy", seeds=[0, 1], cluster_numbers=[1, 2])
    figures(tidy=tidy, out=tmp_path / "out", published=PUBLISHED)
    names = {
        f"{name}{suffix}"
        for name in study("selective").figures
        for suffix in (".pdf", ".svg", ".png")
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tidy table of any study"):
        figures(tidy=tmp_path, out=tmp_path / "out", published=PUBLISHED)
