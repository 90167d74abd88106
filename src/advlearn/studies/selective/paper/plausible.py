"""The sets of universes that figures show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

import pandas as pd

from advlearn.report.labels import LONGEST
from advlearn.studies.selective.paper.universe_protocol import UniverseProtocol, pairs_of
from advlearn.studies.selective.paper.universe_set import Weights, members, weights_of
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.settings.universe import UniverseSet
from advlearn.support.text import shown


class ShownSet(NamedTuple):
    """Universes, each under its own protocol, and their weights."""

    weights: Weights

    @property
    def label(self) -> str:
        """``10 plausible universes``, or the name and protocol of the only one."""
        if len(self.weights) > 1:
            return f"{len(self.weights)} plausible universes"
        (only,) = self.weights
        return only._replace(universe=shown(only.universe, LONGEST)).label

    def mean(self, frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
        """Weighted mean over the set within each seed, for all lines of a figure at once.

        The same as `average` for each line: universes without a line have no part in it, and seeds
        on which one of the others lacks it are left out.

        Args:
            frame: universe, protocol, seed, ``keys`` and value.
            keys: columns that name a line.

        Returns:
            ``keys``, seed and value, one row each.
        """
        line = [*keys, "seed"]
        part = members(frame, self.weights).dropna(subset=["value"])
        part = (
            part.groupby(["universe", "protocol", *line], sort=True)["value"].mean().reset_index()
        )
        weight = pd.Series([self.weights[pair] for pair in pairs_of(part)], part.index, dtype=float)
        part = part.assign(weight=weight, value=weight * part["value"])
        sums = part.groupby(line, sort=True)[["weight", "value"]].sum().reset_index()
        # Weights of the same universes have the same sum but for rounding.
        most = sums.groupby(list(keys), sort=True)["weight"].transform("max")
        sums = sums[sums["weight"] > most * (1 - 1e-9)]
        return sums.assign(value=sums["value"] / sums["weight"])[[*line, "value"]]


def plausible_set(tidy: SelectiveTidy) -> ShownSet:
    """The plausible set; the primary universe where the run has none."""
    return ShownSet(weights_of(tidy, "plausible"))


def sets_shown(tidy: SelectiveTidy) -> list[ShownSet]:
    """The plausible set, then each universe that is in no set, under its own protocol."""
    study = tidy.study
    inside = {name for of in get_args(UniverseSet) for name in study.weights(of)}
    alone = [UniverseProtocol(n, study.protocol_of(n)) for n in study.universes if n not in inside]
    return [plausible_set(tidy), *(ShownSet({pair: 1.0}) for pair in alone)]
