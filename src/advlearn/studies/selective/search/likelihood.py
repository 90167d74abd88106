"""How well a universe explains the published baselines: likelihood, weights, marginals.

On the logit scale a published baseline is a normal draw round the mean of the universe's seeds
(docs/studies/selective-protocol.md). What is random in it: the images of both measurements, the
digits printed, the seeds, and a discrepancy, as no universe is the authors' code.

Binomial noise is that of the published share, for both sides: what would be seen if the universe
were right. A universe that classifies no image rightly is then as improbable as it should be,
while the noise of its own share would make it possible.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from advlearn.studies.selective.search.questions import (
    BASELINES,
    MEASURED,
    MEASURED_TO_THE_END,
    PROTOCOLS,
    QUESTIONS,
    SECOND,
    column_of,
)

PUBLISHED_IMAGES = 10_000
"""Test images behind each published share."""
DISCREPANCY = 0.1
"""Deviation on the logit scale between the authors' code and the universe that is nearest to it."""
DISCREPANCIES = (0.05, 0.1, 0.25, 0.5)
"""Those whose influence is shown."""
LENIENT = 0.25
"""Discrepancy of the first stage: its training is short, and it must not leave too much."""
HOPELESS = 12.0
"""Half the sum of squared standardised differences from which a universe has no weight."""

_ROUNDING = 1e-4**2 / 12
"""Variance of a share that was rounded to four digits."""
_EXACTLY = 1e-9
"""Weights whose sum is a share within this hold it."""
_PRIOR_FREEDOM = 4
"""Seeds that the median variance is worth in that of a universe: as many as its own five."""
SEED_VARIANCES = {
    "classic_clean": 0.005,
    "classic_fgsm": 0.075,
    "classic_pgd": 0.04,
    "at_clean": 0.0025,
    "at_fgsm": 0.02,
    "at_pgd": 0.025,
}
"""Variance between seeds on the logit scale where no universe has several: the median of a pilot of
four draws (193, 208, 222, 1204) with five seeds on 10,000 images."""


def logit(shares: np.ndarray, images: np.ndarray | float) -> np.ndarray:
    """Logits of shares of ``images``; where none or all are right, of half an image."""
    half = 0.5 / np.asarray(images, dtype=float)
    inside = np.clip(np.asarray(shares, dtype=float), half, 1 - half)
    return np.asarray(np.log(inside / (1 - inside)))


def fixed_variances(published: np.ndarray, images: np.ndarray | float) -> np.ndarray:
    """Variance on the logit scale by the images of both sides and the digits printed.

    Args:
        published: published shares.
        images: validation images on which the universe was measured; broadcast.
    """
    spread = published * (1 - published)
    binomial = spread * (1 / PUBLISHED_IMAGES + 1 / np.asarray(images, dtype=float))
    return np.asarray((binomial + _ROUNDING) / spread**2)


def half_squares(
    means: Mapping[str, float], published: Mapping[str, float], images: int, seeds: int = 1
) -> float:
    """Half the sum of squared standardised differences of what is known of a universe.

    With the lenient discrepancy and the variance between seeds of no universe in particular.

    Args:
        means: mean logit over seeds, by baseline; one that is not known yet is a perfect fit.
        published: published share of each baseline.
        images: validation images behind each share.
        seeds: seeds in the mean.
    """
    total = 0.0
    for baseline, mean in means.items():
        share = np.asarray(published[baseline])
        variance = (
            float(fixed_variances(share, images))
            + SEED_VARIANCES[baseline] * (1 + 1 / seeds)
            + LENIENT**2
        )
        total += (mean - float(logit(share, PUBLISHED_IMAGES))) ** 2 / variance / 2
    return total


def decisive(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that weights are computed from: those of the second stage where there are any."""
    second = frame[frame["stage"] == SECOND]
    return second if len(second) else frame


def weights(
    frame: pd.DataFrame,
    published: Mapping[str, float] | pd.Series,
    discrepancy: float = DISCREPANCY,
) -> pd.DataFrame:
    """Likelihood and weight of each universe under each protocol.

    A universe that was not measured to its end has the likelihood 0.

    Args:
        frame: rows of the tidy table; those of the second stage count where there are any.
        published: published share of each baseline.
        discrepancy: deviation of the discrepancy term on the logit scale.

    Returns:
        universe, protocol, log_likelihood, weight: one row a pair. Weights sum to one, or are all 0
        where no universe was measured to its end.
    """
    rows = decisive(frame)
    whole = rows["status"].eq(MEASURED_TO_THE_END).groupby(rows["universe"]).all()
    measured = rows[rows["universe"].map(whole).astype(bool)]
    found = [
        pd.DataFrame(
            {
                "universe": whole.index,
                "protocol": protocol,
                "log_likelihood": _log_likelihoods(measured, published, protocol, discrepancy)
                .reindex(whole.index)
                .fillna(-np.inf)
                .to_numpy(),
            }
        )
        for protocol in PROTOCOLS
    ]
    result = pd.concat(found, ignore_index=True)
    result = result.sort_values(["universe", "protocol"], ignore_index=True)
    best = result["log_likelihood"].max()
    if not np.isfinite(best):
        return result.assign(weight=0.0)
    relative = np.exp(result["log_likelihood"] - best)
    return result.assign(weight=relative / relative.sum())


def _log_likelihoods(
    measured: pd.DataFrame,
    published: Mapping[str, float] | pd.Series,
    protocol: str,
    discrepancy: float,
) -> pd.Series:
    """Log-likelihood by universe of universes that were measured to their ends."""
    if measured.empty:
        return pd.Series(dtype=float)
    shares = np.array([float(published[baseline]) for baseline in BASELINES])
    images = measured["n_images"].to_numpy(float)
    logits = pd.DataFrame(
        {
            baseline: logit(measured[column_of(baseline, protocol)].to_numpy(float), images)
            for baseline in BASELINES
        },
        index=measured["universe"],
    ).groupby(level=0, sort=True)
    means, seeds = logits.mean(), logits.size()
    by_universe = measured.groupby("universe", sort=True)["n_images"].first().to_numpy(float)
    variance = fixed_variances(shares, by_universe[:, None])
    variance = variance + discrepancy**2
    between = _between_seeds(logits.var(), seeds)
    variance += between * (1 + 1 / seeds.to_numpy()[:, None])
    spread = np.sqrt(variance)
    standard = (logit(shares, PUBLISHED_IMAGES) - means.to_numpy()) / spread
    # That of scipy.stats, whose import takes half a second in every stage that reads this.
    densities = -(standard**2) / 2 - np.log(np.sqrt(2 * np.pi)) - np.log(spread)
    return pd.Series(densities.sum(axis=1), index=means.index)


def _between_seeds(own: pd.DataFrame, seeds: pd.Series) -> np.ndarray:
    """Variance between seeds of each universe and baseline, (universes, 6).

    A variance of five seeds is known within a factor of about three; each is drawn towards the
    median over universes, by the degrees of freedom of both. A single seed has none of its own.
    """
    median = own.median().fillna(pd.Series(SEED_VARIANCES))
    freedom = (seeds.to_numpy(float) - 1)[:, None]
    total = freedom * own.fillna(0.0).to_numpy() + _PRIOR_FREEDOM * median.to_numpy()
    return np.asarray(total / (freedom + _PRIOR_FREEDOM))


def heaviest(weighted: pd.DataFrame, share: float = 0.9) -> pd.DataFrame:
    """The fewest universes whose weights sum to ``share``, the heaviest first."""
    ordered = weighted.sort_values(
        ["weight", "universe", "protocol"], ascending=[False, True, True], ignore_index=True
    )
    before = ordered["weight"].cumsum() - ordered["weight"]
    return ordered[(before < share - _EXACTLY) & (ordered["weight"] > 0)]


def effective_number(weighted: pd.DataFrame) -> float:
    """How many equally heavy universes are as spread out: the inverse sum of squared weights."""
    squares = float((weighted["weight"] ** 2).sum())
    return 1 / squares if squares else 0.0


def mean_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each measured share, by universe, of the decisive rows.

    Of universes that were measured to their end; where there is none, what is known of those that
    were left.
    """
    rows = decisive(frame)
    whole = rows[rows["status"] == MEASURED_TO_THE_END]
    rows = whole if len(whole) else rows[rows[list(MEASURED)].notna().any(axis="columns")]
    return rows.groupby("universe", sort=True)[list(MEASURED)].mean()


def answers(frame: pd.DataFrame) -> pd.DataFrame:
    """The answers of each universe, by its number; missing where one means nothing."""
    found = frame.groupby("universe", sort=True)[list(QUESTIONS)].first()
    return found.replace("", np.nan)
