"""What captions and notes of study 2 say of the run as a whole."""

from __future__ import annotations

from advlearn.report.sentences import Sentences
from advlearn.studies.topk.paper.run import TopkTidy

SAY = Sentences(__package__)
"""The sentences of study 2, in ``sentences.j2``."""


def standing_notes(run: TopkTidy) -> list[str]:
    """What stands below every table: no published number, and the images it rests on."""
    data = run.study.dataset
    found, skipped = data.get("found") or {}, data.get("skipped") or {}
    return [SAY.no_published(), SAY.images(data["name"], found, skipped, run.study.sizes)]


def interval_text(run: TopkTidy) -> str:
    """What the intervals of means and of shares are in this run, for captions."""
    text: str = SAY.intervals(len(run.study.seeds))
    return text


def seed_interval_text(run: TopkTidy) -> str:
    """The same for tables whose tidy rows are those of seeds, not of images."""
    text: str = SAY.seed_intervals(len(run.study.seeds))
    return text
