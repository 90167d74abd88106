"""Means over attacks whose images and seeds are crossed, with intervals for both.

A few models, one a seed, see the same images: thousands of attacks may be a few hundred images met
by five models. An image that is hard for one model is hard for the others, and a model that is weak
is weak on all images, so that attacks are no independent draws, and neither images nor seeds alone
are the unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from advlearn.report.bounded import clopper_pearson, share_bounds
from advlearn.report.intervals import CONFIDENCE, IMAGES_COLUMNS
from advlearn.report.paired import Effect
from advlearn.support.errors import UserError

CROSSED_COLUMNS = [*IMAGES_COLUMNS, "images", "error", "freedom"]


class Crossed(NamedTuple):
    """The mean of attacks over images and seeds.

    Attributes:
        mean: mean over all attacks, each of the same weight.
        error: its standard error for further images and further seeds; NaN for one of each.
        freedom: degrees of freedom of the error, from 1 up; NaN for one image and one seed.
        images: number of distinct images.
        seeds: number of seeds.
        attacks: number of attacks.
    """

    mean: float
    error: float
    freedom: float
    images: int
    seeds: int
    attacks: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Interval of the mean; NaN where the error is not known or 0."""
        if not self.error > 0:
            return math.nan, math.nan
        half = float(stdtrit(self.freedom, 0.5 + CONFIDENCE / 2)) * self.error
        return self.mean - half, self.mean + half

    @property
    def effect(self) -> Effect:
        """The same as the effect of a paired comparison, for tests of the mean against zero.

        Its spread is that of ``freedom`` + 1 independent differences with this error of the mean.
        Without an error p is 1 if the mean is zero and NaN else.
        """
        if not self.error > 0:
            p = 1.0 if self.error == 0 and self.mean == 0 else math.nan
            return Effect(self.mean, self.error, self.freedom + 1, math.nan, math.nan, p)
        n = self.freedom + 1
        p = 2 * float(stdtr(self.freedom, -abs(self.mean) / self.error))
        return Effect(self.mean, self.error * math.sqrt(n), n, *self.bounds, p)


def two_way_bootstrap(values: ArrayLike, images: ArrayLike, seeds: ArrayLike) -> Crossed:
    """Mean of attacks and its error, with images and seeds both random.

    Images and seeds are drawn with replacement, each by itself, and an attack counts as often as
    its image times as often as its seed (the pigeonhole bootstrap of Owen, *The pigeonhole
    bootstrap*, Annals of Applied Statistics 1, 2007, whose variance is not too small on average).
    The variance of a mean over infinitely many such draws has a closed form, to first order where
    the number of attacks varies with the draw, so that nothing here is random. With d the
    differences of the attacks from the mean, summed over images (i), seeds (s) and pairs (is), it
    is by their number squared

        sum_i d_i^2  +  sum_s d_s^2  +  sum_is (d_is - d_i / seeds - d_s / images)^2.

    To draw m of m loses 1/m of the variance, which matters for few seeds; it is put back. The
    degrees of freedom are those of Satterthwaite (*An approximate distribution of estimates of
    variance components*, Biometrics Bulletin 2, 1946) for the first two terms: near the number of
    seeds minus 1 where the seeds differ, near that of the images where they agree.

    Assumes images and seeds that are independent draws; attacks may be missing for some images and
    seeds, and an image may have several for one seed.

    Args:
        values: (n,) finite, one an attack, n at least 1.
        images: (n,) which image was attacked.
        seeds: (n,) seed of the model that was attacked.

    Raises:
        UserError: no attacks, a value that is not finite, or lists of different lengths.
    """
    given = np.asarray(values, dtype=float)
    image_of, seed_of = (np.asarray(each) for each in (images, seeds))
    if not (given.ndim == 1 and len(given) and given.shape == image_of.shape == seed_of.shape):
        raise UserError(
            "a mean over attacks needs a value, an image and a seed for each, and one attack",
            where=f"values {given.shape}, images {image_of.shape}, seeds {seed_of.shape}",
            remedy="leave out comparisons that were not run",
        )
    if not np.isfinite(given).all():
        raise UserError(
            "a value is not a finite number",
            where=f"attack {np.flatnonzero(~np.isfinite(given))[0]}, counted from 0",
            remedy="leave out attacks without a value",
        )
    rows, columns = (np.unique(each, return_inverse=True)[1] for each in (image_of, seed_of))
    m, s = int(rows.max()) + 1, int(columns.max()) + 1
    mean = float(given.mean())
    pairs = np.zeros((m, s))
    # Equal values have no spread, whatever the rounding of their mean.
    np.add.at(pairs, (rows, columns), given - mean if np.ptp(given) else 0.0)
    of_image, of_seed = pairs.sum(1, keepdims=True), pairs.sum(0, keepdims=True)
    # Of a factor with one level nothing is known, and it adds nothing.
    image_part = float((of_image**2).sum()) * m / (m - 1) if m > 1 else 0.0
    seed_part = float((of_seed**2).sum()) * s / (s - 1) if s > 1 else 0.0
    rest = float(((pairs - of_image / s - of_seed / m) ** 2).sum())
    if m == s == 1:
        return Crossed(mean, math.nan, math.nan, m, s, len(given))
    error = math.sqrt(image_part + seed_part + rest) / len(given)
    freedom = float(max(m, s) - 1)
    if m > 1 and s > 1 and error > 0:
        parts = image_part**2 / (m - 1) + seed_part**2 / (s - 1)
        freedom = (image_part + seed_part) ** 2 / parts if parts > 0 else float(min(m, s) - 1)
    return Crossed(mean, error, freedom, m, s, len(given))


def over_attacks(
    frame: pd.DataFrame,
    keys: Sequence[str],
    value: str,
    *,
    shares: bool = False,
    differences: bool = False,
) -> pd.DataFrame:
    """Mean of ``value`` over attacks for each group, with the interval of `two_way_bootstrap`.

    Args:
        frame: rows with ``keys``, seed, image and ``value``; rows without a value are left out.
        keys: columns that name a group.
        value: column of the values.
        shares: values are 0 or 1: the interval lies in [0, 1], and where all are the same it is
            that of Clopper and Pearson for the images.
        differences: values are differences of such: where all are the same, so many images would
            miss a difference on a share of them below Clopper and Pearson's bound for none.

    Returns:
        One row a group, sorted: keys, mean, ci_low, ci_high, interval (``crossed``; ``images`` for
        one seed; missing without bounds), lowest_seed and highest_seed (missing for one seed),
        seeds, n (attacks), images (distinct ones), error and freedom (`Crossed`).
    """
    keys = list(keys)
    columns = [*keys, *CROSSED_COLUMNS]
    lines = []
    for key, part in frame.dropna(subset=[value]).groupby(keys, dropna=False, sort=True):
        values = part[value].to_numpy(float)
        found = two_way_bootstrap(values, part["image"], part["seed"])
        low, high = found.bounds
        if shares:
            low, high = share_bounds(found.mean, found.error, found.freedom, found.images)
        elif differences and found.error == 0:
            most = float(clopper_pearson(0, found.images)["ci_high"].iloc[0])
            low, high = max(-1.0, found.mean - most), min(1.0, found.mean + most)
        several = found.seeds > 1
        of_seed = part.groupby("seed")[value].mean() if several else pd.Series([math.nan])
        kind = "crossed" if several else "images"
        lines.append(
            [
                *key,
                *(found.mean, low, high, kind if not math.isnan(low) else None),
                *(float(of_seed.min()), float(of_seed.max()), found.seeds, found.attacks),
                *(found.images, found.error, found.freedom),
            ]
        )
    return pd.DataFrame(lines, columns=columns)
