"""What the rules of one study need to know while the graph of jobs is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from advlearn.settings.data import ImageFacts
from advlearn.settings.run import RunSettings, StudySettings, Wildcards
from advlearn.studies.base import Study
from advlearn.support.errors import UserError

OwnSettings = TypeVar("OwnSettings", bound=StudySettings)
BRACES = frozenset("{}")
_FAILED = re.compile(r"^Error in rule (\w+)", re.MULTILINE)


class StudyPlan(Generic[OwnSettings]):
    """The cells of a run of one study; the paths of their files are in the rules.

    Args:
        study: the study.
        settings: its key of the configuration.
        run: what all studies share.
        images: what is known of the run's images.

    Attributes:
        seeds: seeds of the study.
    """

    def __init__(
        self, study: Study, settings: OwnSettings, run: RunSettings, images: ImageFacts
    ) -> None:
        self.study = study
        self.settings = settings
        self.run = run
        self.images = images
        self.seeds = settings.seeds_of(run)
        self._checked = False

    def check_own_data(self) -> None:
        """Refuse data of the user's own that the study cannot use; they are looked at once.

        Raises:
            UserError: see `StudySettings.check_own_data`.
        """
        if not self._checked:
            self.settings.check_own_data(self.run, self.images)
        self._checked = True

    def job(self, stage: str) -> Callable[[Wildcards], str]:
        """Parameters of a stage's jobs as canonical JSON, from their wildcards."""
        kind = self.study.load(self.study.stages[stage].job)

        def parameters(wildcards: Wildcards) -> str:
            text: str = kind.of(self.settings, self.run, wildcards).to_json()
            return text

        return parameters


def failures(log: str, studies: Sequence[Study]) -> list[str]:
    """Which studies a run that ended with an error did not finish, one line each.

    Args:
        log: what Snakemake wrote.
        studies: the studies of the project.
    """
    rules = list(dict.fromkeys(_FAILED.findall(log)))
    lines = []
    for study in studies:
        own = {*study.stages, f"{study.name}_tables", f"{study.name}_figures"}
        failed = [rule for rule in rules if rule in own]
        rules = [rule for rule in rules if rule not in own]
        if failed:
            lines.append(f"study {study.name} is not finished: {', '.join(failed)} failed")
    if rules:
        lines.append(f"what all studies share is not finished: {', '.join(rules)} failed")
    return lines


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
