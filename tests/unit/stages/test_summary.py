from pathlib import Path

import pytest

from advlearn.stages.summary import summary
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import write_bilevel


def test_unfinished_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not finished") as caught:
        summary(run=tmp_path)
    assert "make demo" in caught.value.remedy


def test_a_study_that_was_run_alone_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever there is of the others."""
    write_bilevel(tmp_path / "tidy", seeds=[0], datasets=["blobs"], drawn=[])
    (tmp_path / "tidy" / "topk_images.csv").write_text("half\n")
    with pytest.raises(UserError, match="not finished"):
        summary(run=tmp_path)
    (tmp_path / "report-bilevel.html").touch()
    summary(run=tmp_path)
    text = capsys.readouterr().out
    assert str(tmp_path / "report-bilevel.html") in text
    assert str(tmp_path / "report.html") not in text
    assert "blobs" in text
