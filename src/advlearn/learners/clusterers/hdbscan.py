"""HDBSCAN (Campello et al. 2013; McInnes et al. 2017) by the hdbscan package."""

from __future__ import annotations

from functools import partial

import hdbscan
import numpy as np

from advlearn.learners.clusterers import Once, each_time
from advlearn.settings.cluster import HdbscanSettings, SettingName, setting_name
from advlearn.support.progress import Progress


def fit(
    embedding: np.ndarray, settings: HdbscanSettings, seed: int, once: Once = each_time
) -> dict[SettingName, np.ndarray]:
    """Labels (n,), -1 for noise, for each smallest cluster size; ``embedding`` is (n, d).

    No randomness, the seed is not used.
    """
    points = np.array(embedding, dtype=np.float64)
    progress = Progress("cluster hdbscan", len(settings.min_cluster_size), "settings")
    labels = {}
    for size in settings.min_cluster_size:
        values = {"min_cluster_size": size}
        if settings.min_samples is not None:
            values["min_samples"] = settings.min_samples
        # A share of the images; hdbscan wants at least two.
        count = int(size) if size >= 1 else max(2, round(size * len(points)))
        labels[setting_name(**values)] = once(
            setting_name(**values), partial(_labels, points, count, settings.min_samples)
        )
        progress.advance()
    return labels


def _labels(points: np.ndarray, count: int, min_samples: int | None) -> np.ndarray:
    if len(points) < 3:  # hdbscan builds no tree of so few points: nothing is dense
        return np.full(len(points), -1)
    model = hdbscan.HDBSCAN(
        min_cluster_size=count,
        min_samples=min(min_samples or count, len(points) - 1),
        core_dist_n_jobs=1,
        approx_min_span_tree=False,
    )
    return np.asarray(model.fit_predict(points))
