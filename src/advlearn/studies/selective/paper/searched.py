"""What the figures of the search show: the likeliest universes and the weights of all answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from advlearn.report.style import COLUMN_WIDTH


class Searched(NamedTuple):
    """The likeliest universes under their protocols, the likeliest first.

    Attributes:
        weights: (n,) weight of each, of a total of 1 over all universes.
        values: place, quantity, value: one row a seed; place is 0 to n - 1.
        answers: question -> (n,) answers; empty where a question means nothing.
        published: published value of each quantity.
        marginals: question, answer, weight and prior over all universes.
    """

    weights: np.ndarray
    values: pd.DataFrame
    answers: Mapping[str, Sequence[str]]
    published: Mapping[str, float]
    marginals: pd.DataFrame


def without_weights() -> Figure:
    """What stands in place of a figure where no universe has a weight."""
    figure = Figure(figsize=(COLUMN_WIDTH, 1.0))
    figure.text(0.5, 0.5, "no universe of this run has a weight", ha="center", va="center")
    return figure
