"""What the rules of one study need to know while the graph of jobs is built."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from advlearn.settings.data import ImageFacts
from advlearn.settings.run import RunSettings, StudySettings, Wildcards
from advlearn.studies.base import PARTS, Study
from advlearn.support import gpu
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

    @property
    def downloads(self) -> bool:
        """Whether the run's images are data of the study, so that they are downloaded for it."""
        return self.study.downloads

    def check_own_data(self) -> None:
        """Refuse data of the user's own that the study cannot use; they are looked at once.

        Raises:
            UserError: see `StudySettings.check_own_data`.
        """
        if not self._checked:
            self.settings.check_own_data(self.run, self.images)
        self._checked = True

    def drawn(self, kind: str) -> list[str]:
        """Names of the tables or figures of the run.

        Args:
            kind: ``tables`` or ``figures``.
        """
        return self.study.drawn(kind, self.settings.left_out())

    def job(self, stage: str) -> Callable[[Wildcards], str]:
        """Parameters of a stage's jobs as canonical JSON, from their wildcards."""
        kind = self.study.load(self.study.stages[stage].job)

        def parameters(wildcards: Wildcards) -> str:
            text: str = kind.of(self.settings, self.run, wildcards).to_json()
            return text

        return parameters

    def work(self, stage: str, wildcards: Wildcards) -> float:
        """What a job of a stage with a network has to compute, from the settings alone.

        Returns:
            An estimate in the unit of `gpu.least_work`; without limit by default.
        """
        return math.inf

    @property
    def gpu_mb(self) -> int:
        """MiB of a GPU's memory that a job of the study wants: so many jobs share one."""
        return gpu.JOB_MB

    def device(self, stage: str) -> Callable[[Wildcards], str]:
        """Where torch computes in the jobs of a stage: those with little work stay on the CPU.

        A job on a GPU takes seconds more to begin, and others may be waiting for the GPU.
        """

        def chosen(wildcards: Wildcards) -> str:
            little = self.work(stage, wildcards) < self.run.gpu.least_work
            return "cpu" if little else self.run.device

        return chosen

    def gres(self, stage: str) -> Callable[[Wildcards], str | None]:
        """What the jobs of a stage ask of SLURM: a GPU only where one was asked for by name.

        `auto` asks for none: the machine on which the graph is built need not be the one that
        computes. The request is a text, which a group of jobs makes once; a number would be summed.
        """
        device = self.device(stage)
        return lambda wildcards: self.run.gpu.gres if device(wildcards) == "cuda" else None

    def gpu_share(self, stage: str) -> Callable[[Wildcards], int]:
        """How much of a GPU each job of a stage takes, of `gpu.WHOLE`; 0 on the CPU."""
        device = self.device(stage)

        def share(wildcards: Wildcards) -> int:
            wanted = device(wildcards)
            memory = () if wanted == "cpu" else gpu.memories()
            if wanted == "cpu" or (wanted == "auto" and not memory):
                return 0
            return gpu.WHOLE // gpu.jobs_at_once(self.run.gpu.jobs, memory, self.gpu_mb)

        return share

    @property
    def group_size(self) -> int:
        """Jobs of a group: those that share a GPU of a cluster, whose memory nobody can ask yet."""
        return gpu.jobs_at_once(self.run.gpu.jobs, (), self.gpu_mb)

    def group(self, stage: str) -> Callable[[Wildcards], str | None] | None:
        """The group in which jobs on a GPU travel with others of their stage, by its name.

        On the machine itself groups have no effect.
        """
        if self.run.device != "cuda":
            return None
        device = self.device(stage)
        return lambda wildcards: f"gpu_{stage}" if device(wildcards) == "cuda" else None


def failures(log: str, studies: Sequence[Study]) -> list[str]:
    """Which studies a run that ended with an error did not finish, one line each.

    Args:
        log: what Snakemake wrote.
        studies: the studies of the project.
    """
    rules = list(dict.fromkeys(_FAILED.findall(log)))
    lines = []
    for study in studies:
        own = {*study.stages, *(f"{study.name}_{part}" for part in PARTS)}
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
