"""What the figures of study 2 that have one line a method share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from advlearn.report.labels import Look
from advlearn.report.placing import End


def seed_means(images: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """The mean of ``value`` over the images of each seed: keys, seed and value."""
    means = images.groupby([*keys, "seed"], dropna=False)[value].mean()
    return means.rename("value").reset_index()


def ends_of(looks: Mapping[str, Look], heights: Mapping[str, float]) -> list[End]:
    """The end of every line; one that is not drawn in the panel is named all the same."""
    return [End(heights.get(name, float("nan")), look) for name, look in looks.items()]
