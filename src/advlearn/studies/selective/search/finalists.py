"""The draws that the second stage measures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from advlearn.studies.selective.search.likelihood import LENIENT, weights
from advlearn.studies.selective.search.questions import FAILED, LIKELY, RANDOM
from advlearn.support.seeds import derive_seed


def choose(
    frame: pd.DataFrame, published: Mapping[str, float], likeliest: int, random: int
) -> pd.DataFrame:
    """The likeliest draws under the lenient discrepancy, and some of the rest at random.

    The rest are all other draws whose training did not fail: those that were left early, too, as
    only they can show whether the first stage leaves what the second would keep. Chance depends on
    the number of a draw alone.

    Args:
        frame: rows of the first stage.
        published: published share of each baseline.
        likeliest: draws chosen by likelihood, at most: only those measured to the end have one.
        random: draws chosen at random, at most.

    Returns:
        universe and chosen_by (likelihood, random): the likeliest first, then by chance.
    """
    weighted = weights(frame, published, LENIENT)
    best = weighted.groupby("universe", sort=True)["log_likelihood"].agg(np.logaddexp.reduce)
    ordered = best[np.isfinite(best)].sort_values(ascending=False, kind="stable")
    chosen = ordered.index[:likeliest]
    failed = set(frame.loc[frame["status"] == FAILED, "universe"])
    rest = [number for number in best.index if number not in {*chosen, *failed}]
    rest.sort(key=lambda number: derive_seed("finalist", int(number)))
    rows = [(number, LIKELY) for number in chosen] + [(number, RANDOM) for number in rest[:random]]
    return pd.DataFrame(rows, columns=["universe", "chosen_by"])
