"""DBSCAN (Ester et al. 1996) by scikit-learn, with radii derived from the points."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from advlearn.learners.clusterers import Once, each_time
from advlearn.settings.cluster import DbscanSettings, SettingName, setting_name
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress

#: scikit-learn holds the neighbours of all points at once, 8 bytes each: 2 GB.
MOST_NEIGHBOURS = 250_000_000

_SAMPLED = 500


def fit(
    embedding: np.ndarray, settings: DbscanSettings, seed: int, once: Once = each_time
) -> dict[SettingName, np.ndarray]:
    """Labels (n,), -1 for noise, for each radius and ``min_samples``; ``embedding`` is (n, d).

    No randomness, the seed is not used.

    Raises:
        UserError: a derived radius is 0, or a radius has so many points in it that the neighbours
            would not fit into memory.
    """
    points = np.asarray(embedding, dtype=np.float64)
    search = NearestNeighbors().fit(points)
    progress = Progress(
        "cluster dbscan",
        len(settings.min_samples) * len(settings.eps or settings.eps_quantile or []),
        "settings",
    )
    labels = {}
    for min_samples in settings.min_samples:
        for setting, eps in _radii(search, points, settings, min_samples).items():
            _check_memory(search, points, eps, setting)
            model = DBSCAN(eps=eps, min_samples=min_samples)
            labels[setting] = once(setting, partial(model.fit_predict, points))
            progress.advance()
    return labels


def _radii(
    search: NearestNeighbors, points: np.ndarray, settings: DbscanSettings, min_samples: int
) -> dict[SettingName, float]:
    if settings.eps is not None:
        return {setting_name(eps=eps, min_samples=min_samples): eps for eps in settings.eps}
    # The query returns the point itself as its first neighbour, as DBSCAN counts it.
    distances = search.kneighbors(points, min_samples)[0][:, -1]
    radii = {}
    for quantile in settings.eps_quantile or []:
        setting = setting_name(eps_quantile=quantile, min_samples=min_samples)
        # A distance that occurs, not one between two: "at least this share are core points" holds.
        eps = float(np.quantile(distances, quantile, method="inverted_cdf"))
        if eps == 0:
            raise UserError(
                f"dbscan, setting {setting}: the derived eps is 0, as many points are the same",
                where="configuration key 'selective.cluster.dbscan.eps_quantile',"
                f" value {quantile:g}",
                remedy="raise eps_quantile or min_samples, or give 'eps' instead",
            )
        # Another code path computes the distance again: a last-digit difference must not decide.
        radii[setting] = eps * (1 + 1e-9)
    return radii


def _check_memory(search: NearestNeighbors, points: np.ndarray, eps: float, setting: str) -> None:
    step = max(1, len(points) // _SAMPLED)
    sample = points[::step]
    found = search.radius_neighbors(sample, eps, return_distance=False)
    expected = sum(len(neighbours) for neighbours in found) / len(sample) * len(points)
    if expected > MOST_NEIGHBOURS:
        raise UserError(
            f"dbscan, setting {setting}: eps {eps:.4g} holds about"
            f" {expected / len(points):.0f} points round each of {len(points)}, too many to keep",
            where="configuration key 'selective.cluster.dbscan' (eps or eps_quantile, min_samples)",
            remedy="use a smaller eps_quantile, min_samples or eps",
        )
