"""The tidy tables of study 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from pydantic import ConfigDict, Field

from advlearn.settings.base import Settings
from advlearn.settings.cluster import NO_CLUSTERING
from advlearn.studies.selective.search.questions import MEASURED, QUESTIONS
from advlearn.studies.selective.settings.universe import UniverseSet
from advlearn.support.errors import UserError
from advlearn.tidy.reader import Tidy
from advlearn.tidy.schema import CHOICES, SHARE, TEXT, Lines, StudySchema, TableSchema, columns

_PAPERS_DATASET = "mnist"
"""The data set on which the paper's numbers were measured."""


class Primary(Settings):
    """The universe and the protocol that stand beside the published numbers."""

    universe: str
    protocol: str


class SelectiveRecord(Settings):
    """What the record says of a run; further keys are kept in the file and not needed here."""

    model_config = ConfigDict(extra="ignore")

    run: str
    dataset: str
    seeds: list[int]
    universes: dict[str, dict[str, Any]]
    primary: Primary
    images: dict[str, int] = Field(default_factory=dict)
    shared: dict[str, int] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    left_out: list[str] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def of_the_papers_data(self) -> bool:
        """Whether the run used the data set of the published numbers."""
        return self.dataset == _PAPERS_DATASET

    def weights(self, name: str) -> dict[str, float]:
        """The universes of a set and their weights, which sum to 1, in the order of the run.

        Args:
            name: ``plausible``, ``fixed`` or ``following``.

        Returns:
            Empty for a set without universes; ``plausible`` is then the primary universe alone.

        Raises:
            UserError: a weight is not a number above zero.
        """
        found = {}
        for universe, settings in self.universes.items():
            weight = (settings.get("sets") or {}).get(name)
            if weight is None:
                continue
            if not (isinstance(weight, int | float) and 0 < weight < math.inf):
                raise UserError(
                    f"the weight of universe {universe!r} in the set {name!r} is {weight!r}",
                    where=f"key universes.{universe}.sets.{name} of {SCHEMA.record}",
                    remedy="give a number above 0",
                )
            found[universe] = float(weight)
        if not found and name == "plausible":
            return {self.primary.universe: 1.0}
        return {universe: weight / sum(found.values()) for universe, weight in found.items()}

    def protocol_of(self, universe: str) -> str:
        """The protocol of a universe; that of the primary comparison where it says none."""
        if universe == self.primary.universe:
            return self.primary.protocol
        return str(self.universes.get(universe, {}).get("protocol", self.primary.protocol))

    @property
    def in_sets(self) -> set[str]:
        """Universes that belong to any set."""
        named = (self.weights(name) for name in get_args(UniverseSet))
        return {universe for weights in named for universe in weights}

    def belongs_beside(self, universe: str) -> bool:
        """Whether the published numbers may stand beside a universe.

        They are of one data set. The paper names no network, so each that comes with the project
        may stand for its own; a user's own network is another experiment.
        """
        model = self.universes.get(universe, {}).get("model", {})
        return self.of_the_papers_data and not is_own_model(model.get("name", ""))


def is_own_model(name: str) -> bool:
    """Whether a network is the user's own, named as ``package.module:function``."""
    return ":" in name


def _shares(frame: pd.DataFrame, path: Path) -> None:
    """Every value is a share; an empty cell is none."""
    bad = frame[~frame["value"].between(0, 1)]
    if len(bad):
        row = bad.iloc[0]
        raise UserError(
            f"a share must lie between 0 and 1, and row {bad.index[0] + 2} does not",
            where=f"{path}, column value: {row['value']} ({row['clusterer']}, {row['rule']})",
            remedy="delete the evaluation files of this run and run 'evaluate' again",
        )


_CELL = columns(
    "dataset universe:text seed attack reduction clusterer setting:text n_clusters rule cluster"
    " n_selected n_missing_classes digest:text control_of:text"
)
# One row a cell, protocol, split and metric.
# n_steps: steps of the retraining, 0 for the classic model.
_METRICS = {**_CELL, **columns("protocol split n_images metric value n_steps:>=0")}
_STRENGTH = {
    **_CELL,
    **columns(
        "strong_attack n_images:>=1 robust:share robust_so_far:share check:text excess:corr passed"
    ),
}


def _in_lines(shared: Callable[[pd.DataFrame], pd.Series]) -> Lines:
    group = ["universe", "seed", "attack"]
    return Lines([*group, "reduction"], group, shared)


def _all(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(True, frame.index)


# Baselines are those of all reductions, and one line trains them; the checks are of baselines.
_OF_CELLS = _in_lines(lambda frame: frame["clusterer"] == NO_CLUSTERING)
_OF_BASELINES = _in_lines(_all)
# A map is that of one seed, whichever has it.
_A_MAP = ["universe", "attack", "reduction"]
_OF_MAPS = Lines(_A_MAP, _A_MAP, _all)

_UNIVERSES = {
    **columns("universe stage:text seed status:text"),
    **columns(" ".join(QUESTIONS), TEXT),
    **columns(" ".join(MEASURED), SHARE),
    **columns("n_images:>=1 chosen_by:text"),
}

SCHEMA = StudySchema(
    study="selective",
    collect="collect",
    described=SelectiveRecord,
    tables={
        "selective_metrics": TableSchema(
            _METRICS,
            stage="evaluate",
            key=[name for name in _METRICS if name not in ("n_images", "value", "n_steps")],
            # Two cells may share one equal-size control, so only the selected ones are unique.
            once=lambda frame: frame["rule"] != "subset",
            check=_shares,
            optional=["n_steps"],
            lines=_OF_CELLS,
        ),
        # Checks of the evaluation against itself.
        "selective_sanity": TableSchema(
            columns("dataset universe seed attack reduction model check expected value passed"),
            stage="evaluate",
            lines=_OF_BASELINES,
        ),
        # Strong attacks beside the universe's own, one row a cell and attack; none where the
        # configuration asks for none, and older runs have no file.
        "selective_strength": TableSchema(
            _STRENGTH,
            stage="strengthen",
            key=[*_CELL, "strong_attack"],
            once=lambda frame: frame["rule"] != "subset",
            rows=False,
            required=False,
            lines=_OF_CELLS,
        ),
        # The search: the published baselines as measured in each universe, one row a seed.
        "selective_universes": TableSchema(
            _UNIVERSES,
            stage="confirm",
            key=["universe", "stage", "seed"],
        ),
        # Sampled points of the two-dimensional maps; a run without such a reduction has none.
        "selective_embedding": TableSchema(
            columns(
                "universe seed attack reduction clusterer setting position x y label cluster chosen"
            ),
            stage="evaluate",
            rows=False,
            lines=_OF_MAPS,
        ),
        "selective_choices": CHOICES,
    },
    # Clean and adversarial images (m, c, h, w) in [0, 1].
    arrays={"selective_examples": ("clean", "label", "clean_prediction")},
    array_stage="evaluate",
    # The search has seeds of its own, and a map is one of the first seed.
    seedless=("selective_universes", "selective_embedding"),
    another="universe",
)


class SelectiveTidy(Tidy):
    """The tidy folder of study 1."""

    schema = SCHEMA

    @cached_property
    def study(self) -> SelectiveRecord:
        """The run's name, data, seeds, universes and the primary comparison."""
        study = self.described(SelectiveRecord)
        if study.primary.universe not in study.universes:
            raise UserError(
                f"the primary universe {study.primary.universe!r} is none of the universes",
                where=f"{self.folder / self.schema.record}, key primary.universe",
                remedy=f"use one of: {', '.join(study.universes)}",
            )
        return study
