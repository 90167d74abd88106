"""Intervals of shares and of means of shares that lie in [0, 1] and are exact at 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betaincinv, stdtrit

from advlearn.report.intervals import CONFIDENCE
from advlearn.support.errors import UserError


def clopper_pearson(successes: ArrayLike, trials: ArrayLike) -> pd.DataFrame:
    """Shares with the exact interval of Clopper and Pearson.

    Assumes independent trials with one probability; the 95 % interval then holds it in 95 % of all
    samples or more, whatever it is. None of n has the upper bound 1 - 0.025^(1/n), about 3.7 / n.
    Source: Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case
    of the binomial*, Biometrika 26, 1934.

    Args:
        successes: (m,) numbers of successes, each in 0..trials.
        trials: (m,) numbers of trials, or one for all; a share of none is missing.

    Returns:
        mean, ci_low and ci_high, within [0, 1], one row an entry.

    Raises:
        UserError: a count is missing or negative, or there are more successes than trials.
    """
    hits, n = np.broadcast_arrays(
        np.atleast_1d(np.asarray(successes, dtype=float)), np.asarray(trials, dtype=float)
    )
    _require(
        (hits >= 0) & (hits <= n) & np.isfinite(n),
        "the successes lie between 0 and the number of trials",
        "give counts of images",
        successes=hits,
        trials=n,
    )
    return _exact(np.divide(hits, n, out=np.full(n.shape, np.nan), where=n > 0), n)


def mean_share_bounds(
    mean: ArrayLike, spread: ArrayLike, seeds: ArrayLike, images: ArrayLike
) -> pd.DataFrame:
    """Interval of a mean over seeds of shares of images, with both seeds and images random.

    The mean p is taken for a binomial share of as many images as give it its variance: that of the
    seeds, s^2 / seeds, and that of the images, p (1 - p) / images, which all seeds share and no
    number of seeds makes smaller. The quantile of Student's t for so few seeds enters through the
    number as well. Source: Korn and Graubard, *Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data*, Survey Methodology 24, 1998; the
    seeds are their sampling units, the term of the images is added here.

    Assumes independent seeds that all see the same images, drawn independently. With one seed, and
    where all seeds agree, only the images are random: for 0 and 1 the interval is then that of
    Clopper and Pearson for the images of *one* seed, since five networks on 10,000 images are not
    50,000 independent trials. That seeds which all agree hide a seed that does not is possible and
    in no interval.

    Args:
        mean: (m,) means of the shares over seeds, in [0, 1]; a missing one gives missing bounds.
        spread: (m,) standard deviations of the shares, with n - 1; not looked at for one seed.
        seeds: (m,) numbers of seeds, at least 1.
        images: (m,) numbers of distinct images, at least 1, or one for all.

    Returns:
        mean, ci_low and ci_high, within [0, 1] and around the mean, one row an entry.

    Raises:
        UserError: an argument is outside its range.
    """
    p, s, n, m = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(each, dtype=float)) for each in (mean, spread, seeds, images))
    )
    there = ~np.isnan(p)
    known = {"mean": p, "spread": s, "seeds": n, "images": m}
    _require(
        (n >= 1) & (m >= 1) & np.isfinite(n) & np.isfinite(m),
        "a mean of shares needs one seed and one image at least",
        "leave out what was not measured",
        **known,
    )
    _require(
        ~there | ((p >= 0) & (p <= 1)),
        "a share lies in [0, 1]",
        "give shares, not percent",
        **known,
    )
    # Shares in [0, 1] with the mean p spread most where each is 0 or 1; 1e-9: rounding.
    most = p * (1 - p) * n / np.maximum(n - 1, 1)
    _require(
        ~there | (n == 1) | ((s >= 0) & (s * s <= most + 1e-9)),
        "shares in [0, 1] with this mean cannot spread like this",
        "give the standard deviation of the shares of the seeds",
        **known,
    )
    several = there & (n > 1) & (p > 0) & (p < 1)
    quantile = stdtrit(np.where(several, n - 1, np.inf), 0.5 + CONFIDENCE / 2)
    ratio = quantile / stdtrit(np.maximum(m - 1, 1), 0.5 + CONFIDENCE / 2)
    of_seeds = np.zeros_like(p)
    np.divide((s * ratio) ** 2, n * p * (1 - p), out=of_seeds, where=several)
    return _exact(p, 1 / (1 / m + of_seeds))


def share_bounds(mean: float, error: float, freedom: float, images: int) -> tuple[float, float]:
    """Interval in [0, 1] of a share whose standard error is known.

    The share is taken for a binomial one of as many trials as give it its variance, at most of as
    many as there are images, as in `mean_share_bounds`.

    Args:
        mean: the share, in [0, 1].
        error: its standard error, not negative; NaN gives the interval for the images alone.
        freedom: degrees of freedom of the error, at least 1; not looked at where the error is 0.
        images: number of distinct images, at least 1.

    Raises:
        UserError: an argument is outside its range.
    """
    _require(
        np.array([0 <= mean <= 1 and images >= 1 and not error < 0]),
        "a share lies in [0, 1], and its error is not negative",
        "give shares, not percent",
        mean=np.array([mean]),
        error=np.array([error]),
        images=np.array([images]),
    )
    trials = float(images)
    if error > 0 and 0 < mean < 1:
        ratio = stdtrit(max(images - 1, 1), 0.5 + CONFIDENCE / 2) / stdtrit(
            freedom, 0.5 + CONFIDENCE / 2
        )
        trials = min(trials, mean * (1 - mean) / error**2 * ratio**2)
    bounds = _exact(np.array([mean]), np.array([trials]))
    return float(bounds["ci_low"].iloc[0]), float(bounds["ci_high"].iloc[0])


def shares_over_seeds(
    frame: pd.DataFrame, keys: Sequence[str], images: int, value: str = "value"
) -> pd.DataFrame:
    """Mean of a share over seeds with the interval of `mean_share_bounds`, for each group.

    Args:
        frame: one row a seed and group; rows without a value are left out.
        keys: columns that name a group; none of them may be missing.
        images: number of images of which each value is a share.
        value: column of the shares, in [0, 1].

    Returns:
        One row a group: ``keys``, mean, ci_low, ci_high, n (the number of seeds).

    Raises:
        UserError: a share lies outside [0, 1], or the number of images is not at least 1.
    """
    present = frame.dropna(subset=[value])
    shares = present[value].to_numpy(float)
    _require(
        (shares >= 0) & (shares <= 1),
        "a share lies in [0, 1]",
        "give shares, not percent",
        **{value: shares},
    )
    groups = present.groupby(list(keys), sort=True, observed=True)[value]
    found = groups.agg(["mean", "std", "count"]).reset_index()
    # A mean of ones can round to above 1.
    mean = found["mean"].clip(0.0, 1.0)
    bounds = mean_share_bounds(mean, found["std"], found["count"], images)
    return found[list(keys)].join(bounds).assign(n=found["count"])


def _exact(share: np.ndarray, n: np.ndarray) -> pd.DataFrame:
    """Clopper and Pearson's bounds of a share of n trials, a number that need not be whole."""
    tail = (1 - CONFIDENCE) / 2
    hits = share * n
    # A beta distribution with a parameter of 0 is a point, which the quantile does not know.
    low = betaincinv(np.where(share > 0, hits, 1.0), n - hits + 1, tail)
    high = betaincinv(hits + 1, np.where(share < 1, n - hits, 1.0), 1 - tail)
    return pd.DataFrame(
        {
            "mean": share,
            "ci_low": np.where(share == 0, 0.0, np.where(np.isnan(share), np.nan, low)),
            "ci_high": np.where(share == 1, 1.0, np.where(np.isnan(share), np.nan, high)),
        }
    )


def _require(holds: np.ndarray, what: str, remedy: str, **values: np.ndarray) -> None:
    wrong = np.flatnonzero(~holds)
    if len(wrong):
        first = wrong[0]
        found = ", ".join(f"{name} {each[first]:g}" for name, each in values.items())
        where = f"entry {first} of {len(holds)}, counted from 0: {found}"
        raise UserError(what, where=where, remedy=remedy)
