"""The tidy table of the toy study."""

from __future__ import annotations

from functools import cached_property

from pydantic import ConfigDict

from advlearn.settings.base import Settings
from advlearn.tidy.reader import Tidy
from advlearn.tidy.schema import CHOICES, SHARE, StudySchema, TableSchema, columns


class ToyRecord(Settings):
    """What ``toy_study.json`` says of a run."""

    model_config = ConfigDict(extra="ignore")

    run: str
    seeds: list[int]
    files: dict[str, str]


SCHEMA = StudySchema(
    study="toy",
    collect="toy_collect",
    described=ToyRecord,
    tables={
        "toy_draws": TableSchema(
            columns("seed size") | columns("value", SHARE), stage="toy_draw", key=("seed", "size")
        ),
        "toy_choices": CHOICES,
    },
)


class ToyTidy(Tidy):
    """The tidy folder of the toy study."""

    schema = SCHEMA

    @cached_property
    def study(self) -> ToyRecord:
        """The run's name and seeds."""
        return self.described(ToyRecord)
