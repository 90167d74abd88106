"""What every study of a run shares, and what every study's own settings offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, Literal, Protocol, TypeVar

from pydantic import Field, field_validator

from advlearn.settings.base import LONGEST_NAME, Seeds, Settings
from advlearn.settings.data import DataSettings, ImageFacts, SourceSettings
from advlearn.support.errors import UserError, did_you_mean

TAKEN = {
    "raw": "the raw files of all runs",
    "reference": "the shipped results",
    "further": "shipped results on other data",
}
"""Folders of results that are no run's."""

_Value = TypeVar("_Value")


class Wildcards(Protocol):
    """The wildcards of a job, as attributes."""

    def __getattr__(self, name: str) -> str: ...


class GpuSettings(Settings):
    """Which jobs use a GPU, and how many of them share one."""

    jobs: int | None = Field(
        None,
        ge=1,
        le=64,
        description="jobs on one GPU at once, which share its memory; null = as many as have 4 GiB"
        " each (on photos: what the job would ask of a machine's memory) on the GPU of this"
        " machine, at most 16; where there is none to ask, on one of 16 GiB",
    )
    gres: str = Field(
        "gpu:1",
        pattern=r"^gpu(:[A-Za-z0-9_.]+)?:1$",
        description="what a job, or jobs that share a GPU, ask of SLURM; gpu:a100:1 names a model",
    )
    least_work: float = Field(
        100_000,
        ge=0,
        description="a job with less work than this stays on the CPU; the unit is a gradient of a"
        " small convolutional network on an image of 28 x 28 pixels; 0 = every job with a network"
        " uses the GPU",
    )


def work_of_gradient(shape: Sequence[int]) -> float:
    """A gradient of a small convolutional network on one image, in the unit of ``least_work``.

    Args:
        shape: (channels, height, width) of the image.
    """
    return prod(shape) / (28 * 28)


class RunSettings(Settings):
    """The configuration of a run without the blocks of its studies."""

    run: str = Field(
        ...,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=LONGEST_NAME,
        description="name of the run: its files are in results/RUN; not raw, reference or further",
    )
    seeds: Seeds = Field(..., min_length=1, description="run seeds; every cell has each")
    threads: int = Field(
        1, ge=1, description="torch threads of a job: part of the result, never the core count"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where torch computes; jobs with little work stay on the CPU, and with `cuda`"
        " the others ask for a GPU",
    )
    gpu: GpuSettings = Field(
        GpuSettings(), description="which jobs use a GPU, and how many of them share one"
    )
    sources: SourceSettings = SourceSettings()
    data: DataSettings = DataSettings()

    @field_validator("run")
    @classmethod
    def _is_no_folder_of_another_kind(cls, run: str) -> str:
        if run.lower() in TAKEN:
            raise ValueError(f"results/{run} holds {TAKEN[run.lower()]}: take another name")
        return run


class StudySettings(Settings):
    """A study's key of the configuration."""

    @classmethod
    def complete_schema(cls, whole: dict[str, Any]) -> None:
        """Add to the JSON schema of a whole configuration what the types alone do not say."""

    def seeds_of(self, run: RunSettings) -> tuple[int, ...]:
        """Seeds of the study: its own where it has a key for them, else those of the run."""
        own: tuple[int, ...] | None = getattr(self, "seeds", None)
        return own or run.seeds

    def further_seeds(self) -> dict[str, tuple[int, ...]]:
        """Seeds of stages that have a key of their own for them, by the name of the stage."""
        return {}

    def check(self, run: RunSettings, images: ImageFacts | None) -> None:
        """Refuse what does not fit the data of the run; nothing to refuse by default.

        Args:
            run: what all studies share.
            images: the run's images; none where they are the user's own and not looked at yet.

        Raises:
            UserError: a value of the study's key does not fit.
        """

    def check_own_data(self, run: RunSettings, images: ImageFacts) -> None:
        """Refuse what does not fit data of the user's own, and files that cannot be used.

        Asked before any job when something of the study is to be made, so that data that a study
        cannot use leave the other studies alone. By default `check` is asked again.

        Args:
            run: what all studies share.
            images: the run's images.

        Raises:
            UserError: a value does not fit, or a file is missing or not what it should be.
        """
        self.check(run, images)

    def left_out(self) -> tuple[str, ...]:
        """Stages that the run leaves out, of those that are optional (`Study.optional`)."""
        return ()

    def own_functions(self) -> list[str]:
        """Functions of the user's own that the study calls, as ``package.module:function``."""
        return []


def entry_of(named: Mapping[str, _Value], name: str, kind: str, keys: str) -> _Value:
    """The entry that a wildcard of the requested file names.

    Args:
        named: entries of the run by name.
        name: the name.
        kind: what it names, for the error.
        keys: keys of the configuration that hold the entries.

    Raises:
        UserError: the run has no such entry.
    """
    if name not in named:
        raise not_in_run(name, kind, keys, named)
    return named[name]


def not_in_run(name: str, kind: str, keys: str, known: Iterable[str] = ()) -> UserError:
    """The error for a target that the configuration does not have, with the nearest known name."""
    return UserError(
        f"no such {kind} in this run: {name}{did_you_mean(name, known)}",
        where="the target that was asked for",
        remedy=f"add it to {keys} of the configuration",
    )
