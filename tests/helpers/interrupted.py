"""A job that ends suddenly, as by SIGKILL, right after it has saved its progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.support import checkpoint
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.io import read_csv, read_parquet

Stage = Callable[[Path], object]
"""Runs a stage whose outputs go beside the given path."""


class Killed(BaseException):
    """Not an Exception: nothing in the code may catch it and tidy up."""


def killed_after_each_save(
    job: Callable[[], object], monkeypatch: pytest.MonkeyPatch, every: int = 1
) -> int:
    """Run ``job`` again and again, each time killed at its save number ``every``, until it ends.

    All progress is saved whenever it could be. Returns how many times the job was killed.
    """
    saved, kills = 0, 0
    save = Checkpoint.save

    def save_and_die(self: Checkpoint) -> None:
        nonlocal saved
        save(self)
        saved += 1
        if saved == every:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_EVERY", 0.0)
        patch.setattr(checkpoint, "_SHARE", 0.0)
        patch.setattr(Checkpoint, "save", save_and_die)
        while True:
            saved = 0
            try:
                job()
            except Killed:
                kills += 1
                assert kills < 1000, "the job makes no progress"
            else:
                return kills


def unchanged(stage: Stage, folder: Path, patch: pytest.MonkeyPatch, least: int) -> None:
    """Compare the files of ``stage`` with those of a run that is killed at every save."""
    stage(folder / "undisturbed" / "out.x")
    kills = killed_after_each_save(lambda: stage(folder / "killed" / "out.x"), patch)
    assert kills >= least
    expected, found = contents(folder / "undisturbed"), contents(folder / "killed")
    assert found.keys() == expected.keys(), "something was left behind, or is missing"
    assert found == expected


def contents(folder: Path) -> dict[str, object]:
    """What the files of a folder hold, by their names."""
    return {path.name: _content(path) for path in sorted(folder.iterdir())}


def out_as(suffix: str, stage: Stage) -> Stage:
    """The stage with an output ``out`` of this suffix in the folder that it is given."""

    def with_suffix(out: Path) -> None:
        stage(out.with_name(f"out{suffix}"))

    return with_suffix


def _content(path: Path) -> object:
    """Bytes of a file; of a table that holds seconds, all the rest."""
    try:
        frame = read_parquet(path) if path.name.endswith(".parquet") else read_csv(path)
    except (ValueError, UnicodeDecodeError):
        return path.read_bytes()
    if "seconds" in frame:
        return frame.drop(columns="seconds").to_json()
    return path.read_bytes()
