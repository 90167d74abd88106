"""Clusterings: ``fit`` is the one way in, each algorithm is one module, imported only when used.

A clusterer is a function ``fit(embedding, settings, seed) -> {setting: labels}``: it runs all its
settings in one call, so that what they share (one linkage, one neighbour search) is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from advlearn.settings.cluster import CLUSTERERS, ClusterSettings, OwnClusterer, SettingName
from advlearn.support.errors import UserError
from advlearn.support.own import load_own

NOISE = -1

_Fit = Callable[..., Mapping[str, np.ndarray]]

Once = Callable[[str, Callable[[], np.ndarray]], np.ndarray]
"""``(setting, make) -> labels``: those of an attempt that was killed, or what ``make`` returns."""


def each_time(setting: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Computes the labels of a setting at each call: nothing is kept."""
    return make()


__all__ = ["CLUSTERERS", "NOISE", "fit", "relabel"]


def fit(
    embedding: np.ndarray,
    clusterer: str,
    settings: ClusterSettings,
    seed: int,
    once: Once = each_time,
) -> dict[SettingName, np.ndarray]:
    """Cluster points by all settings of one clusterer.

    Args:
        embedding: (n, d) finite numbers.
        clusterer: name of a clusterer, one's own included.
        settings: settings; only the group of ``clusterer`` is read.
        seed: seed of the stage.
        once: where labels of single settings are kept; a clusterer of one's own is
            run as a whole.

    Returns:
        For each setting the (n,) int32 labels: clusters 0..k-1 by falling size (ties by first
        point), -1 for noise. Settings that find only noise are in it: the stage drops them.

    Raises:
        UserError: unknown clusterer, NaN, more clusters than points, or a clusterer of one's own
            that returns something else than labels.
    """
    group = settings.of(clusterer)
    _check_points(embedding)
    settings.check_images(clusterer, len(embedding))
    function: _Fit
    passed: Any
    if isinstance(group, OwnClusterer):
        key = f"configuration key 'selective.cluster.own', function {group.function!r}"
        function, passed = load_own(group.function, "clusterer", key), group.settings
        # A copy, as a user's function may work in place.
        embedding = embedding.copy()
    else:
        module = import_module(f"advlearn.learners.clusterers.{clusterer}")
        function, passed = partial(module.fit, once=once), group
    # One thread: sums in another order would move points that lie on a border between clusters.
    with threadpool_limits(1):
        found = function(embedding, passed, seed)
    _check_result(found, len(embedding), f"clusterer {clusterer}, module {_module(function)}")
    labels = {
        setting if isinstance(setting, SettingName) else SettingName(setting): relabel(
            np.asarray(values)
        )
        for setting, values in found.items()
    }
    for setting, values in labels.items():
        _check_number(clusterer, setting, values)
    return labels


def _module(function: _Fit) -> str:
    return (function.func if isinstance(function, partial) else function).__module__


def relabel(labels: np.ndarray) -> np.ndarray:
    """Number clusters 0..k-1 by falling size, ties by first point; -1 stays noise. (n,) int32."""
    numbers, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    order = order[numbers[order] >= 0]
    new = np.full(len(numbers), NOISE, dtype=np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    return new[inverse]


def _check_points(embedding: np.ndarray) -> None:
    if embedding.ndim != 2 or not len(embedding):
        raise UserError(
            "an embedding is a table of points, one row an image",
            where=f"array of shape {embedding.shape}",
            remedy="write an array of shape (images, dimensions) with at least one image",
        )
    good = np.isfinite(embedding).all(axis=1)
    if not good.all():
        raise UserError(
            f"the embedding holds NaN or infinity in {int((~good).sum())} of {len(good)} points",
            where=f"point {int(np.argmin(good))}",
            remedy="run the stage embed again and check the images it reads",
        )


def _check_result(found: object, n: int, where: str) -> None:
    problem = None
    if not isinstance(found, Mapping) or not found:
        problem = "no mapping of setting to labels"
    else:
        for setting, labels in found.items():
            array = np.asarray(labels)
            if not isinstance(setting, str) or not setting:
                problem = f"the setting {setting!r}, which is no text"
            elif setting.startswith("n_clusters=") and not isinstance(setting, SettingName):
                # Taken as it is, its clusters would count as found and stand in no table.
                problem = f"the setting {setting!r} as plain text instead of setting_name(...)"
            elif array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
                problem = f"labels of shape {array.shape}, type {array.dtype} for {setting}"
            elif array.min() < NOISE:
                problem = f"the label {int(array.min())} for {setting}"
    if problem:
        raise UserError(
            f"the clusterer returned {problem}",
            where=where,
            remedy=f"return {{setting: labels}}, labels {n} whole numbers from -1 (noise); name a"
            " number of clusters by advlearn.settings.cluster.setting_name(n_clusters=...)",
        )


def _check_number(clusterer: str, setting: SettingName, labels: np.ndarray) -> None:
    asked = setting.n_clusters
    found = int(labels.max()) + 1
    if asked is not None and found < asked:
        raise UserError(
            f"{clusterer} found only {found} of the {asked} clusters of setting {setting}:"
            f" cluster {found} has zero images",
            where=f"configuration key 'selective.cluster.{clusterer}.n_clusters', value {asked}",
            remedy=f"set it to at most {found}: that many points differ from each other",
        )
