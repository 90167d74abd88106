"""What the rules of one study need to know while the graph of jobs is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from advlearn.settings.run import RunSettings, StudySettings, Wildcards
from advlearn.studies.base import Study
from advlearn.support.errors import UserError

OwnSettings = TypeVar("OwnSettings", bound=StudySettings)
BRACES = frozenset("{}")


class StudyPlan(Generic[OwnSettings]):
    """The cells of a run of one study; the paths of their files are in the rules.

    Args:
        study: the study.
        settings: its key of the configuration.
        run: what all studies share.

    Attributes:
        seeds: seeds of the study.
    """

    def __init__(self, study: Study, settings: OwnSettings, run: RunSettings) -> None:
        self.study = study
        self.settings = settings
        self.run = run
        self.seeds = settings.seeds_of(run)

    def job(self, stage: str) -> Callable[[Wildcards], str]:
        """Parameters of a stage's jobs as canonical JSON, from their wildcards."""
        kind = self.study.load(self.study.stages[stage].job)

        def parameters(wildcards: Wildcards) -> str:
            text: str = kind.of(self.settings, self.run, wildcards).to_json()
            return text

        return parameters


def as_input(path: Path, key: str) -> str:
    """A file of the user's own as an input of a rule.

    Raises:
        UserError: its name has braces.
    """
    if BRACES & set(str(path)):
        raise UserError(
            "Snakemake takes braces in the name of a file for wildcards",
            where=f"configuration key '{key}': {path}",
            remedy="rename the file or its folder, or give a link to it",
        )
    return str(path)
