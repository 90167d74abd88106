"""What the figures of the search show: the likeliest universes and the weights of all answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.selective.paper.search import published, weighted
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import DISCREPANCIES, answers, decisive
from advlearn.studies.selective.search.marginals import marginals, ranges
from advlearn.studies.selective.search.questions import (
    BASELINES,
    MEASURED_TO_THE_END,
    column_of,
)


class Searched(NamedTuple):
    """The likeliest universes under their protocols, the likeliest first.

    Attributes:
        weights: (n,) weight of each, of a total of 1 over all universes.
        values: place, quantity, value: one row a seed; place is 0 to n - 1.
        answers: question -> (n,) answers; empty where a question means nothing.
        published: published value of each quantity.
        marginals: question, answer, weight and prior over all universes.
        widest: the same, with the largest discrepancy that is looked at.
    """

    weights: np.ndarray
    values: pd.DataFrame
    answers: Mapping[str, Sequence[str]]
    published: Mapping[str, float]
    marginals: pd.DataFrame
    widest: pd.DataFrame


def searched(tidy: SelectiveTidy, most: int = 0) -> Searched | None:
    """The search of a run; None where no universe has a weight.

    Weights need the published baselines, which are of one data set, and universes that were
    measured to their ends.

    Args:
        tidy: the run.
        most: universes that are wanted at most.
    """
    frame, given = tidy["selective_universes"], weighted(tidy)
    if not given["weight"].any():
        return None
    shown = given[np.isfinite(given["log_likelihood"])]
    shown = shown.sort_values(
        ["log_likelihood", "universe", "protocol"], ascending=[False, True, True], kind="stable"
    ).head(most)
    answered = ranges(answers(frame)).fillna("").loc[shown["universe"]]
    said = {str(question): list(answered[question]) for question in answered.columns}
    return Searched(
        shown["weight"].to_numpy(float),
        _values(decisive(frame), shown),
        {**said, "protocol": list(shown["protocol"])},
        dict(published(tidy)[list(BASELINES)].astype(float)),
        marginals(frame, given),
        marginals(frame, weighted(tidy, max(DISCREPANCIES))),
    )


def _values(frame: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    frame = frame[frame["status"] == MEASURED_TO_THE_END].set_index("universe")
    parts = [
        pd.DataFrame(
            {
                "place": place,
                "quantity": quantity,
                "value": frame.loc[[universe], column_of(quantity, protocol)].to_numpy(float),
            }
        )
        for place, (universe, protocol) in enumerate(
            zip(shown["universe"], shown["protocol"], strict=True)
        )
        for quantity in BASELINES
    ]
    columns = ["place", "quantity", "value"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def without_weights() -> Figure:
    """What stands in place of a figure where no universe has a weight."""
    figure = Figure(figsize=(COLUMN_WIDTH, 1.0))
    figure.text(0.5, 0.5, "no universe of this run has a weight", ha="center", va="center")
    return figure
