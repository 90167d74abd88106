"""Averages over a set of universes: within each seed first, so that the seed stays the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from advlearn.studies.selective.paper.universe_protocol import UniverseProtocol, pairs_of
from advlearn.studies.selective.schema import SelectiveTidy

Weights = Mapping[UniverseProtocol, float]
"""Universes of a set, each under its own protocol, and their weights."""


class Averaged(NamedTuple):
    """What a set of universes says of one number.

    Attributes:
        seeds: the number of each seed, averaged over the universes, and those beside it; index:
            seed.
        universes: the number of each universe, averaged over these seeds; index: pair.
    """

    seeds: pd.DataFrame
    universes: pd.Series


def weights_of(tidy: SelectiveTidy, name: str) -> dict[UniverseProtocol, float]:
    """The universes of a set under their own protocols; empty where the run has none.

    Args:
        tidy: the run.
        name: ``plausible`` (the primary universe alone where none is said to be), ``fixed`` or
            ``following``.
    """
    study = tidy.study
    return {
        UniverseProtocol(universe, study.protocol_of(universe)): weight
        for universe, weight in study.weights(name).items()
    }


def members(frame: pd.DataFrame, weights: Weights) -> pd.DataFrame:
    """The rows of the universes of a set, each under its own protocol."""
    inside = [pair in weights for pair in pairs_of(frame)]
    return frame[pd.Series(inside, index=frame.index, dtype=bool)]


def average(
    frame: pd.DataFrame, weights: Weights, value: str = "value", beside: Sequence[str] = ()
) -> Averaged:
    """Average a number over a set of universes within each seed, then over the seeds.

    Universes without the number have no part in it, and the weights of the others sum to 1. Seeds
    on which one of these lacks it are left out: every seed is the average of the same universes.

    Args:
        frame: universe, protocol, seed and ``value``; several rows of a universe and seed are
            averaged.
        weights: weights above 0.
        value: column of the number; rows without it are left out.
        beside: further columns that are averaged over the same rows; missing where one is.

    Returns:
        Empty where no universe has it, or no seed of all.
    """
    columns = [value, *beside]
    if frame.empty:
        return Averaged(pd.DataFrame(columns=columns, dtype=float), pd.Series(dtype=float))
    there = members(frame, weights).dropna(subset=[value])
    found = there.groupby(["universe", "protocol", "seed"], sort=True)[columns].mean()
    found = found.reset_index().astype(dict.fromkeys(columns, float))
    found["pair"] = pairs_of(found)
    pairs = found["pair"].unique()
    in_all = found["seed"].map(found["seed"].value_counts()) == len(pairs)
    found = found[in_all]
    total = sum(weights[pair] for pair in pairs)
    share = found["pair"].map(lambda pair: weights[pair] / total).astype(float)
    parts = found[columns].mul(share, axis="index").groupby(found["seed"], sort=True)
    # Not the sum of those that are there: an average without one of the universes is another one.
    seeds = parts.sum(min_count=max(len(pairs), 1))
    by_pair = found.groupby("pair", sort=False)[value].mean()
    return Averaged(seeds, by_pair)
