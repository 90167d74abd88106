from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.stages.figures import figures
from advlearn.studies import study
from advlearn.support.errors import UserError
from tests.helpers.selective_run import PUBLISHED


@pytest.mark.slow
@pytest.mark.xdist_group("drawn")
def test_every_figure_in_three_forms(made: Path) -> None:
    names = {
        f"{name}{suffix}"
        for name in study("selective").figures
        for suffix in (".pdf", ".svg", ".png")
    }
    assert {path.name for path in (made / "paper" / "figures").iterdir()} == names


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tidy table of any study"):
        figures(tidy=tmp_path, out=tmp_path / "out", published=PUBLISHED)
