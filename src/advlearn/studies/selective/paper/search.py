"""The search as the report shows it: weights of the universes of a run, and what they rest on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from advlearn.report.frames import records
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import (
    DISCREPANCIES,
    DISCREPANCY,
    LENIENT,
    decisive,
    effective_number,
    heaviest,
    mean_shares,
    weights,
)
from advlearn.studies.selective.search.questions import (
    BASELINES,
    FAILED,
    FIRST,
    LIKELY,
    MEASURED_TO_THE_END,
    PROTOCOLS,
    RANDOM,
    SECOND,
    STOPPED,
    column_of,
)

SHARE = 0.9
"""Of the weight: how many universes hold it is counted."""
GOAL = 0.01
"""Largest difference over the baselines that some universe should reach."""
_SPREAD = ("at_fgsm", "at_pgd")
_SEVERAL = 3
"""Seeds of a universe whose spread says something, at least."""
_RANKED = 3
"""Universes of which a rank correlation says something, at least."""


def published(tidy: SelectiveTidy) -> pd.Series:
    """The published baselines by quantity; missing where the run is of other data."""
    found: pd.Series = tidy.published("selective_baselines").set_index("quantity")["published"]
    return found if tidy.study.of_the_papers_data else found * float("nan")


def weighted(tidy: SelectiveTidy, discrepancy: float = DISCREPANCY) -> pd.DataFrame:
    """Weights of the universes under each protocol; all 0 where the run is of other data."""
    frame = tidy["selective_universes"]
    if tidy.study.of_the_papers_data:
        return weights(frame, published(tidy), discrepancy)
    pairs = pd.MultiIndex.from_product([sorted(set(frame["universe"])), PROTOCOLS])
    found = pairs.to_frame(index=False, name=["universe", "protocol"])
    return found.assign(log_likelihood=-np.inf, weight=0.0)


def compared(tidy: SelectiveTidy) -> pd.DataFrame:
    """Every universe that was measured to its end beside the published baselines.

    Where there is none, those that were left, with what is known of them.

    Returns:
        One row a universe, protocol and quantity, the heaviest first, equally heavy ones by
        largest_difference: universe, protocol, weight, log_likelihood, largest_difference (over the
        six; missing where not all are known), quantity, mean (over seeds), published_baseline,
        difference.
    """
    means, given = mean_shares(tidy["selective_universes"]), published(tidy)
    rows = []
    for line in records(weighted(tidy)):
        if line["universe"] not in means.index:
            continue
        mine = means.loc[line["universe"]]
        for quantity in BASELINES:
            mean = mine[column_of(quantity, str(line["protocol"]))]
            if pd.notna(mean):
                own = {"quantity": quantity, "mean": mean, "published_baseline": given[quantity]}
                rows.append({**line, **own})
    columns = "universe protocol weight log_likelihood quantity mean published_baseline".split()
    frame = pd.DataFrame(rows, columns=columns)
    frame["difference"] = frame["mean"] - frame["published_baseline"]
    pairs = frame["difference"].abs().groupby([frame["universe"], frame["protocol"]])
    largest = pairs.transform("max").where(pairs.transform("size") == len(BASELINES))
    frame.insert(4, "largest_difference", largest)
    place = {quantity: number for number, quantity in enumerate(BASELINES)}
    return frame.sort_values(
        ["weight", "largest_difference", "universe", "protocol", "quantity"],
        ascending=[False, True, True, True, True],
        key=lambda column: column.map(place) if column.name == "quantity" else column,
        ignore_index=True,
    )


def counts(tidy: SelectiveTidy) -> dict[str, int]:
    """Draws of the first stage by status, and universes of the second one."""
    frame = tidy["selective_universes"]
    first = frame[frame["stage"] == FIRST]
    second = frame[frame["stage"] == SECOND]
    whole = second["status"].eq(MEASURED_TO_THE_END).groupby(second["universe"]).all()
    by_status = first["status"].value_counts()
    return {
        "draws": len(first),
        **{name: int(by_status.get(name, 0)) for name in (MEASURED_TO_THE_END, STOPPED, FAILED)},
        "finalists": len(whole),
        "confirmed": int(whole.sum()),
    }


class Resolution(NamedTuple):
    """How near to its own universe's mean a single run comes.

    Attributes:
        universes: with several seeds, each under both protocols.
        fgsm: median standard deviation between seeds of the accuracy under FGSM after adversarial
            training.
        pgd: the same under PGD.
        within: chance that a run is within :data:`GOAL` of the mean in both, if they are normal.
    """

    universes: int
    fgsm: float
    pgd: float
    within: float


def resolution(tidy: SelectiveTidy) -> Resolution | None:
    """What no search can do better than; None without universes of several seeds."""
    rows = decisive(tidy["selective_universes"])
    rows = rows[rows["status"] == MEASURED_TO_THE_END]
    by_universe = rows.groupby("universe")
    several = by_universe.size() >= _SEVERAL
    if not several.any():
        return None
    fgsm, pgd = (
        float(np.median(by_universe[[column_of(name, each) for each in PROTOCOLS]].std()[several]))
        for name in _SPREAD
    )
    inside = [2 * norm.cdf(GOAL / spread) - 1 if spread else 1.0 for spread in (fgsm, pgd)]
    return Resolution(int(several.sum()), fgsm, pgd, float(np.prod(inside)))


def sensitivity(tidy: SelectiveTidy) -> pd.DataFrame:
    """How many universes hold most of the weight, under each discrepancy.

    Returns:
        discrepancy, holders (of 90 %), effective (number), heaviest (largest weight).
    """
    rows = []
    for discrepancy in DISCREPANCIES:
        found = weighted(tidy, discrepancy)
        rows.append(
            {
                "discrepancy": discrepancy,
                "holders": len(heaviest(found, SHARE)),
                "effective": effective_number(found),
                "heaviest": found["weight"].max(),
            }
        )
    return pd.DataFrame(rows)


def agreement(tidy: SelectiveTidy) -> pd.DataFrame:
    """What the second stage says of the universes that the first chose.

    Returns:
        One row a kind of finalist, ``likelihood`` and ``random``: chosen_by, universes,
        measured (to their end, in the second stage), weight (of all in the second stage),
        rank_correlation (of the log-likelihoods of both stages, where three or more have both).
    """
    frame = tidy["selective_universes"]
    first, second = frame[frame["stage"] == FIRST], frame[frame["stage"] == SECOND]
    columns = ["chosen_by", "universes", "measured", "weight", "rank_correlation"]
    if second.empty or not tidy.study.of_the_papers_data:
        return pd.DataFrame(columns=columns)
    both = pd.DataFrame(
        {"first": _by_universe(first, tidy, LENIENT), "second": _by_universe(second, tidy)}
    )
    shares = weighted(tidy).groupby("universe")["weight"].sum()
    chosen_by = second.groupby("universe")["chosen_by"].first()
    rows = []
    for kind in (LIKELY, RANDOM):
        members = chosen_by.index[chosen_by == kind]
        mine = both.reindex(members)
        known = mine[np.isfinite(mine["first"]) & np.isfinite(mine["second"])]
        enough = len(known) >= _RANKED
        rows.append(
            {
                "chosen_by": kind,
                "universes": len(members),
                "measured": int(np.isfinite(mine["second"]).sum()),
                "weight": shares.reindex(members).sum(),
                "rank_correlation": known.rank().corr().iloc[0, 1] if enough else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=columns)


def _by_universe(
    rows: pd.DataFrame, tidy: SelectiveTidy, discrepancy: float = DISCREPANCY
) -> pd.Series:
    found = weights(rows, published(tidy), discrepancy)
    by_universe: pd.Series = found.groupby("universe")["log_likelihood"].agg(np.logaddexp.reduce)
    return by_universe
