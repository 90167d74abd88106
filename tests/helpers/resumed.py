"""A stage that is killed again and again leaves the files of an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.support.io import read_csv, read_parquet
from tests.helpers.interrupted import killed_after_each_save

Stage = Callable[[Path], None]
"""Takes the file to write."""


def assert_resumes(
    stage: Stage, folder: Path, patch: pytest.MonkeyPatch, least: int, suffix: str = ".csv"
) -> None:
    """Compare the files of ``stage`` with those of a run that is killed at every save.

    Args:
        stage: writes its files beside the one it is given.
        folder: an empty folder.
        patch: of the test.
        least: how many times the stage is killed at least.
        suffix: of the file that the stage writes.
    """
    stage(folder / "undisturbed" / f"out{suffix}")
    killed = folder / "killed" / f"out{suffix}"
    assert killed_after_each_save(lambda: stage(killed), patch) >= least
    expected, found = contents(folder / "undisturbed"), contents(folder / "killed")
    assert found.keys() == expected.keys(), "something was left behind, or is missing"
    assert found == expected


def contents(folder: Path) -> dict[str, object]:
    """What is in a folder, by name: bytes; of a table that holds seconds, all the rest."""
    return {path.name: _content(path) for path in sorted(folder.iterdir())}


def _content(path: Path) -> object:
    try:
        frame = read_parquet(path) if path.name.endswith(".parquet") else read_csv(path)
    except (ValueError, UnicodeDecodeError):
        return path.read_bytes()
    if "seconds" in frame:
        return frame.drop(columns="seconds").to_json()
    return path.read_bytes()
