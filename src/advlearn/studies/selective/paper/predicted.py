"""Accuracies over seeds, and what the plausible set of universes predicts for the paper's cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advlearn.report.bounded import mean_share_bounds, shares_over_seeds
from advlearn.report.frames import groups
from advlearn.report.intervals import BOUNDS
from advlearn.report.predictive import Predictive, further_runs, predictive
from advlearn.studies.selective.paper.cells import evaluated
from advlearn.studies.selective.paper.universe_protocol import (
    PREDICTED,
    UniverseProtocol,
    pairs_of,
)
from advlearn.studies.selective.paper.universe_set import average, members, weights_of
from advlearn.studies.selective.schema import SelectiveTidy


def images_of(tidy: SelectiveTidy) -> int:
    """Number of test images of which each accuracy is a share."""
    return int(evaluated(tidy)["n_images"].max())


def accuracies(tidy: SelectiveTidy, frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean accuracy over seeds with its interval and that of one further run, for each group.

    Both intervals lie in [0, 1]: `mean_share_bounds`, seeds and images random, and `predictive`.

    Args:
        tidy: the run.
        frame: one row a seed and group, ``value`` an accuracy of the test images.
        keys: columns that name a group.

    Returns:
        ``keys``, mean, ci_low, ci_high, prediction_low, prediction_high, n; the bounds are missing
        for one seed, which says nothing of seeds.
    """
    images = images_of(tidy)
    found = shares_over_seeds(frame, keys, images)
    found[BOUNDS[1:]] = found[BOUNDS[1:]].where(found["n"] > 1)
    return found.merge(further_runs(frame, keys, images), on=list(keys), how="left")


def predictions(
    tidy: SelectiveTidy, frame: pd.DataFrame, keys: Sequence[str]
) -> dict[tuple[object, ...], Predictive | None]:
    """The predictive distribution of each cell in the plausible set.

    A mixture over the universes that have the cell, with their weights; within a universe the seeds
    make the spread (`predictive`).

    Args:
        tidy: the run.
        frame: universe, protocol, seed, ``keys`` and ``value``.
        keys: columns that name a cell.

    Returns:
        By the values of ``keys``; none where a universe has fewer than two seeds.
    """
    weights, images = weights_of(tidy, "plausible"), images_of(tidy)
    there = members(frame, weights).dropna(subset=["value"])
    seeds = there.groupby([*keys, "universe", "protocol", "seed"], sort=True)["value"].mean()
    found: dict[tuple[object, ...], Predictive | None] = {}
    for key, cell in groups(seeds.reset_index(), keys):
        runs: dict[UniverseProtocol, list[float]] = {pair: [] for pair in pairs_of(cell)}
        for pair, value in zip(pairs_of(cell), cell["value"], strict=True):
            runs[pair].append(value)
        found[key] = predictive(list(runs.values()), [weights[pair] for pair in runs], images)
    return found


def predicted(tidy: SelectiveTidy, frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Accuracies that the plausible set predicts for the cells of the paper.

    Args:
        tidy: the run.
        frame: universe, protocol, seed, ``keys`` and ``value``.
        keys: columns that name a cell.

    Returns:
        As `accuracies`, with universe and protocol of `PREDICTED`: the mean over the set within
        each seed, its interval over the seeds, and the central 95 % of the mixture of
        `predictions`, in which both seeds and universes differ.
    """
    weights, images = weights_of(tidy, "plausible"), images_of(tidy)
    lines = []
    mixtures = predictions(tidy, frame, keys)
    for key, cell in groups(members(frame, weights), keys):
        seeds = average(cell, weights).seeds["value"]
        mixture = mixtures.get(key)
        if len(seeds):
            low, high = mixture.interval() if mixture else (np.nan, np.nan)
            lines.append((*key, seeds.mean(), seeds.std(), len(seeds), low, high))
    columns = [*keys, "mean", "spread", "n", "prediction_low", "prediction_high"]
    found = pd.DataFrame(lines, columns=columns)
    bounds = mean_share_bounds(found["mean"].clip(0, 1), found["spread"], found["n"], images)
    found[BOUNDS[1:]] = bounds[BOUNDS[1:]].where(found["n"] > 1)
    return found.drop(columns="spread").assign(**PREDICTED._asdict())


def with_predicted(tidy: SelectiveTidy, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the evaluation, and those of the plausible set once more as rows behind `PREDICTED`.

    Args:
        tidy: the run.
        rows: rows that keep their position in the tidy table, as index or column.
    """
    again = members(rows, weights_of(tidy, "plausible")).assign(**PREDICTED._asdict())
    return pd.concat([rows, again])
