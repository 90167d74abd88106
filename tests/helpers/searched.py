"""Rows of a search that never ran: universes whose shares are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from advlearn.studies.selective.search.questions import MEASURED, SECOND
from advlearn.studies.selective.search.space import draws

PUBLISHED = {
    "classic_clean": 0.9701,
    "classic_fgsm": 0.0505,
    "classic_pgd": 0.0244,
    "at_clean": 0.9699,
    "at_fgsm": 0.3016,
    "at_pgd": 0.2888,
}
AT_THE_PUBLISHED = {
    name: PUBLISHED[name.removesuffix("_whitebox").removesuffix("_transfer")] for name in MEASURED
}


def rows(
    number: int,
    shares: Mapping[str, float] = AT_THE_PUBLISHED,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    stage: str = SECOND,
    status: str = "measured",
    n_images: int = 2000,
) -> list[dict[str, Any]]:
    """The rows of a draw, the same shares for each seed."""
    (draw,) = draws(number, 1)
    about = {"universe": number, "stage": stage, "status": status, "n_images": n_images}
    chosen = "likelihood" if stage == SECOND else ""
    return [
        {**about, "seed": seed, **draw.answers, **shares, "chosen_by": chosen} for seed in seeds
    ]


def spread(
    number: int, means: Mapping[str, float], deviation: float, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """The rows of a draw whose seeds differ by a normal deviation on the logit scale."""
    found = []
    for row in rows(number):
        for name, mean in means.items():
            logit = np.log(mean / (1 - mean)) + generator.normal(0, deviation)
            row[name] = generator.binomial(row["n_images"], 1 / (1 + np.exp(-logit))) / 2000
        found.append(row)
    return found


def frame(*parts: list[dict[str, Any]]) -> pd.DataFrame:
    """All rows as one table."""
    return pd.DataFrame([row for part in parts for row in part])
