"""Clusterers and attacks of the user's own, as study 3 calls them."""

from __future__ import annotations

import numpy as np

from advlearn.learners.partitioners import Partitioner
from advlearn.problem import Attack
from advlearn.studies.bilevel.settings.own import OwnClusteringAttack, OwnVictim
from advlearn.support.errors import UserError
from advlearn.support.own import build_own, load_own


def own_victim(own: OwnVictim, n_clusters: int, seed: int) -> Partitioner:
    """The clusterer that the function ``(points, settings, n_clusters, seed) -> labels`` is.

    Raises:
        UserError: the function cannot be loaded; later, where it does not return labels.
    """
    where = f"configuration key 'bilevel.blackbox.own', function {own.function!r}"
    function = load_own(own.function, "clusterer", where)

    def labelled(points: np.ndarray) -> np.ndarray:
        labels = np.asarray(function(points.copy(), dict(own.settings), n_clusters, seed))
        if labels.shape != (len(points),) or not np.issubdtype(labels.dtype, np.integer):
            raise UserError(
                f"the clusterer returned an array of shape {labels.shape}, type {labels.dtype}",
                where=where,
                remedy=f"return {len(points)} whole numbers, the cluster of each point",
            )
        return labels.astype(np.int64)

    return labelled


def own_attack(own: OwnClusteringAttack) -> Attack:
    """The attack that the function of one's own builds from its settings.

    Raises:
        UserError: the function cannot be loaded, fails, or returns no attack.
    """
    where = f"configuration key 'bilevel.attack.own', function {own.function!r}"
    attack: Attack = build_own(own.function, "attack", where, own.settings)
    if not callable(getattr(attack, "candidates", None)):
        raise UserError(
            f"the attack {own.function!r} is a {type(attack).__name__} and proposes nothing",
            where=where,
            remedy="return an object with candidates(problem, tau, generator) (docs/own-attack.md)",
        )
    return attack
