"""How far deviations between partitions put changes in the order of the points they moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from advlearn.deviations.checks import labels_of
from advlearn.deviations.moves import geometric_sizes, transfer_tables
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.support.seeds import derive_seed

KINDS = ("transfer", "split", "merge", "mixed")
REACHES = {"light": 0.3, "any": 0.9}
"""Largest share of points, or of clusters, that a change of the scenario touches."""
_DIGITS = 9
"""Values that differ by rounding alone are ties."""


class Agreement(NamedTuple):
    """One deviation in one scenario and seed.

    Attributes:
        scenario: light or any change (`REACHES`).
        n_clusters: clusters before.
        balance: balanced or unbalanced sizes.
        kind: what changes (`KINDS`).
        deviation: name of the deviation.
        seed: seed of the changes.
        kendall_tau: Kendall's tau-b with the matching error, None where all changes have the
            same matching error.
        n_pairs: pairs of changes whose matching errors differ.
    """

    scenario: str
    n_clusters: int
    balance: str
    kind: str
    deviation: str
    seed: int
    kendall_tau: float | None
    n_pairs: int


def agreement(
    n: int, n_clusters: Sequence[int], imbalance: float, partitions: int, seeds: Sequence[int]
) -> list[Agreement]:
    """Kendall's tau of every deviation with the matching error, over random changes.

    The matching error counts moved points by construction; whoever wants a measure of the number
    of moved points wants a tau of 1.

    Args:
        n: points.
        n_clusters: numbers of clusters before.
        imbalance: largest over smallest size of the unbalanced partitions.
        partitions: changed partitions of each scenario.
        seeds: one tau for each.
    """
    found = []
    for clusters in n_clusters:
        for balance, ratio in (("balanced", 1.0), ("unbalanced", imbalance)):
            sizes = geometric_sizes(n, clusters, ratio)
            for scenario, reach in REACHES.items():
                for kind in KINDS:
                    for seed in seeds:
                        cell = (scenario, clusters, balance, kind)
                        generator = np.random.default_rng(derive_seed(seed, "agreement", *cell))
                        pairs = [
                            random_change(sizes, kind, reach, generator) for _ in range(partitions)
                        ]
                        found += [
                            Agreement(*cell, name, seed, *values)
                            for name, values in _taus(pairs).items()
                        ]
    return found


def random_change(
    sizes: np.ndarray, kind: str, reach: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels before and after a random change of a partition.

    - transfer: up to ``reach * n`` points move between the clusters;
    - split: as many leave their clusters, in parts of random size, each for a new cluster;
    - merge: pairs of clusters become one, up to ``reach * K`` times, at least once;
    - mixed: all three, in this order and each with a third of the reach.

    Args:
        sizes: (K,) points of the clusters before, K >= 2.
        kind: one of `KINDS`.
        reach: share in (0, 1).
        generator: source of all randomness.
    """
    n = int(sizes.sum())
    share = reach * generator.random() / (3 if kind == "mixed" else 1)
    moved = 1 + int(share * (n - 1))
    before = after = np.repeat(np.arange(len(sizes)), sizes)
    if kind in ("transfer", "mixed"):
        table = transfer_tables(sizes, moved, 1, generator)[0]
        before, after = labels_of(table)
    if kind in ("split", "mixed"):
        after = _split(after, moved, generator)
    if kind in ("merge", "mixed"):
        after = _merge(after, 1 + int(share * (len(sizes) - 1)), generator)
    return before, after


def _split(labels: np.ndarray, moved: int, generator: np.random.Generator) -> np.ndarray:
    """Points leave for new clusters until ``moved`` have left or no cluster has two points."""
    labels = labels.copy()
    while moved > 0:
        counts = np.bincount(labels)
        if counts.max() < 2:
            break
        # A large cluster is cut more often, and one of a single point is never.
        odds = np.where(counts > 1, counts, 0)
        cluster = generator.choice(len(counts), p=odds / odds.sum())
        part = int(generator.integers(1, min(counts[cluster] - 1, moved) + 1))
        members = np.flatnonzero(labels == cluster)
        labels[generator.choice(members, part, replace=False)] = len(counts)
        moved -= part
    return labels


def _merge(labels: np.ndarray, times: int, generator: np.random.Generator) -> np.ndarray:
    labels = labels.copy()
    for _ in range(times):
        present = np.unique(labels)
        if len(present) > 1:
            first, second = generator.choice(present, 2, replace=False)
            labels[labels == second] = first
    return labels


def _taus(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> dict[str, tuple[float | None, int]]:
    # Other stages need the names above alone, and not the second that this import takes.
    from scipy.stats import kendalltau

    values = {
        name: np.array([deviation(*pair) for pair in pairs]).round(_DIGITS)
        for name, deviation in DEVIATIONS.items()
    }
    reference = values["matching_error"]
    upper = np.triu_indices(len(reference), 1)
    n_pairs = int((reference[upper[0]] != reference[upper[1]]).sum())
    taus: dict[str, tuple[float | None, int]] = {}
    for name, each in values.items():
        constant = n_pairs == 0 or np.ptp(each) == 0
        tau = None if constant else float(kendalltau(each, reference).statistic)
        taus[name] = (tau, n_pairs)
    return taus
