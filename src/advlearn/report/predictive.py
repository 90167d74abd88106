"""Where one further run would fall: predictive distributions of a share, inside [0, 1].

A published number of one run is compared with the distribution that runs at hand predict for it,
not with the interval of their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, ndtr, stdtr, stdtrit

from advlearn.report.intervals import CONFIDENCE
from advlearn.support.errors import UserError

ROUNDING = 0.0005
"""Half the last digit of a share that is printed with three."""
_LEAST = 1e-300  # a probability that rounds to zero has a logarithm all the same


class Predictive(NamedTuple):
    """A mixture of Student's t distributions on the logit scale, one part a setting.

    Attributes:
        centres: (m,) means of the logits of the runs.
        scales: (m,) scales, above 0.
        freedoms: (m,) degrees of freedom, at least 1.
        weights: (m,) weights that sum to 1.
    """

    centres: np.ndarray
    scales: np.ndarray
    freedoms: np.ndarray
    weights: np.ndarray

    def below(self, share: float) -> float:
        """Probability of a share of at most ``share``."""
        if share <= 0 or share >= 1:
            return float(share >= 1)
        return self._below(np.log(share) - np.log1p(-share))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The central interval with this probability."""
        tail = (1 - confidence) / 2
        return self.quantile(tail), self.quantile(1 - tail)

    def quantile(self, at: float) -> float:
        """The share below which a run falls with the probability ``at``, in (0, 1)."""
        parts = self.centres + stdtrit(self.freedoms, at) * self.scales
        low, high = float(parts.min()), float(parts.max())
        if high - low > 1e-12:
            # Other users of this module need not wait for this import.
            from scipy.optimize import brentq

            low = brentq(lambda logit: self._below(logit) - at, low - 1e-9, high + 1e-9)
        return float(expit(low))

    def score(self, share: float, rounding: float = ROUNDING) -> float:
        """Logarithm of the probability of what is printed as ``share``."""
        mass = self.below(share + rounding) - self.below(share - rounding)
        return float(np.log(max(mass, _LEAST)))

    def _below(self, logit: float) -> float:
        return float(self.weights @ stdtr(self.freedoms, (logit - self.centres) / self.scales))


def predictive(runs: Sequence[ArrayLike], weights: ArrayLike, images: int) -> Predictive | None:
    """The distribution of one further run, whose setting is drawn by the weights.

    With probability ``weights[i]`` the run has setting i, and its logit then has the predictive
    distribution of one more draw after the n at hand: Student's t round their mean with the scale
    sqrt(s^2 (1 + 1/n) + b^2) and n - 1 degrees of freedom. s is the standard deviation of the
    logits over the seeds, b^2 = 1 / (images p (1 - p)) the binomial variance of the images of the
    further run. Both are needed: the seeds of a run share their images, and where all agree s is 0.
    Shares have half an image added to each side, so that 0 and 1 have logits.

    Args:
        runs: shares in [0, 1] of the seeds, (n,) for each setting.
        weights: (m,) weights above 0; they need not sum to 1.
        images: number of images of which each value is a share.

    Returns:
        None where a setting has fewer than two seeds: their spread is not known.

    Raises:
        UserError: a share lies outside [0, 1], there is no setting or no image, or a weight is not
            above 0.
    """
    share = np.asarray(weights, dtype=float)
    shares = [np.asarray(each, dtype=float) for each in runs]
    right = all(((each >= 0) & (each <= 1)).all() for each in shares)
    if not (right and len(shares) == len(share) and len(shares) and (share > 0).all()):
        raise UserError(
            "a prediction needs shares in [0, 1], and one weight above 0 a setting",
            where=f"{len(shares)} settings, weights {share.tolist()}",
            remedy="give shares, not percent, and leave out settings without weight",
        )
    if images < 1:
        raise UserError(
            "a share is one of an image at least", where=f"{images} images", remedy="count them"
        )
    if min(len(each) for each in shares) < 2:
        return None
    logits = [logit_of(each, images) for each in shares]
    n = np.array([len(each) for each in logits], dtype=float)
    centres = np.array([each.mean() for each in logits])
    spreads = np.array([each.std(ddof=1) for each in logits])
    p = expit(centres)
    scales = np.sqrt(spreads**2 * (1 + 1 / n) + 1 / (images * p * (1 - p)))
    return Predictive(centres, scales, n - 1, share / share.sum())


def logit_of(share: ArrayLike, images: int) -> np.ndarray:
    """Logits of shares of so many images, with half an image added to each side."""
    hits = np.asarray(share, dtype=float) * images
    found: np.ndarray = np.log(hits + 0.5) - np.log(images - hits + 0.5)
    return found


def constant_score(share: float, others: ArrayLike, rounding: float = ROUNDING) -> float:
    """Logarithm of the probability of what is printed as ``share``, by a predictor without a model.

    It is normal on the logit scale with the mean and the standard deviation of other shares.

    Args:
        share: the printed share, in (0, 1).
        others: (n,) other shares in (0, 1), two at least that are not all equal; else the score is
            missing.
        rounding: half the last digit.
    """
    given = np.asarray(others, dtype=float)
    logits = np.log(given) - np.log1p(-given)
    if len(logits) < 2 or np.ptp(logits) == 0:
        return float("nan")
    low, high = np.clip([share - rounding, share + rounding], 1e-9, 1 - 1e-9)
    ends = (np.log([low, high]) - np.log1p([-low, -high]) - logits.mean()) / logits.std(ddof=1)
    mass = float(ndtr(ends[1]) - ndtr(ends[0]))
    return float(np.log(max(mass, _LEAST)))


def further_runs(
    frame: pd.DataFrame, keys: Sequence[str], images: int, value: str = "value"
) -> pd.DataFrame:
    """The interval of one further run for each group: `predictive` with one setting.

    Args:
        frame: one row a seed and group; rows without a value are left out.
        keys: columns that name a group; none of them may be missing.
        images: number of images of which each value is a share.
        value: column of the shares.

    Returns:
        One row a group: ``keys``, prediction_low, prediction_high; missing for one seed.
    """
    there = frame.dropna(subset=[value])
    lines = []
    for key, part in there.groupby(list(keys), sort=True, observed=True):
        found = predictive([part[value]], [1.0], images)
        low, high = found.interval() if found else (np.nan, np.nan)
        lines.append((*key, low, high))
    return pd.DataFrame(lines, columns=[*keys, "prediction_low", "prediction_high"])
