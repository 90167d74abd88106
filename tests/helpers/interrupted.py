"""A job that ends suddenly, as by SIGKILL, right after it has saved its progress."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advlearn.support import checkpoint
from advlearn.support.checkpoint import Checkpoint


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
        patch.setattr(checkpoint, "_INTERVAL_PER_SAVE", 0.0)
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
