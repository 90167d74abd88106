import pytest

from advlearn.support.progress import Progress


def test_last_unit_is_always_reported(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("craft", 3, "images", every=1000)
    for _ in range(3):
        progress.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("[craft] 3/3 images (100 %)")


def test_nothing_to_do_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    Progress("select", 0, "cells").advance(0)
    assert "(100 %)" in capsys.readouterr().err
