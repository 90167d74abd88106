"""Universes that are averaged: the plausible set, which predicts the published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from advlearn.report.labels import LONGEST
from advlearn.studies.selective.paper.universe_protocol import (
    UniverseProtocol,
    pairs_of,
    primary_pair,
)
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

PLAUSIBLE = "plausible"


class UniverseSet(NamedTuple):
    """Universes, each under its own protocol, with weights above 0 that sum to 1."""

    weights: dict[UniverseProtocol, float]

    @property
    def label(self) -> str:
        """``10 plausible universes``, or the name and protocol of the only one."""
        if len(self.weights) > 1:
            return f"{len(self.weights)} plausible universes"
        (only,) = self.weights
        return only._replace(universe=shown(only.universe, LONGEST)).label

    def mean(self, frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
        """Weighted mean over the set, one row of ``keys``, seed and value.

        A seed counts where every universe of the set that has this line at all measured it: means
        over changing universes do not compare.

        Args:
            frame: universe, protocol, seed, ``keys`` and value, one row each.
            keys: columns that name a line.
        """
        line = [*keys, "seed"]
        weight = pd.Series([self.weights.get(pair, 0.0) for pair in pairs_of(frame)], frame.index)
        part = frame.assign(weight=weight, total=weight * frame["value"])
        part = part[(part["weight"] > 0) & part["value"].notna()]
        sums = part.groupby(line, sort=True)[["weight", "total"]].sum().reset_index()
        if sums.empty:
            return sums.assign(value=sums["total"])[[*line, "value"]]
        most = sums.groupby(list(keys))["weight"].transform("max") if keys else sums["weight"].max()
        sums = sums[sums["weight"] > most - 1e-9]
        return sums.assign(value=sums["total"] / sums["weight"])[[*line, "value"]]


def sets_shown(tidy: SelectiveTidy) -> list[UniverseSet]:
    """The plausible set, then each universe that is in no set, under its own protocol."""
    plausible = plausible_set(tidy)
    protocol = primary_pair(tidy).protocol
    alone = [
        UniverseProtocol(name, universe.get("protocol", protocol))
        for name, universe in tidy.study.universes.items()
        if not universe.get("sets")
    ]
    taken = {pair.universe for pair in plausible.weights}
    return [plausible, *(UniverseSet({pair: 1.0}) for pair in alone if pair.universe not in taken)]


def plausible_set(tidy: SelectiveTidy) -> UniverseSet:
    """The universes with a weight in the set ``plausible``; the primary one where none has."""
    first = primary_pair(tidy)
    found = {}
    for name, universe in tidy.study.universes.items():
        weight = float(universe.get("sets", {}).get(PLAUSIBLE, 0.0))
        if weight > 0:
            found[UniverseProtocol(name, universe.get("protocol", first.protocol))] = weight
    total = sum(found.values())
    return UniverseSet({pair: w / total for pair, w in found.items()} or {first: 1.0})
