"""Poisoned classifiers of a small run of study 3, made of numbers with known structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any


def poisoning(
    sizes: Mapping[str, tuple[int, int, int]], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Rows of every data set and learner; the SVM suffers twice as much as the regression.

    Args:
        sizes: points, features and classes of each data set.
        seeds: seeds of the run; each adds a thousandth to every harm.
    """
    rows = []
    cells = (
        ("per_point", "0.3", "hypergradient", 0.1), ("per_point", "0.3", "noise", 0.01),
        ("labels", "0.05", "flips", 0.08), ("labels", "0.05", "random_flips", 0.02),
    )  # fmt: skip
    for name, learner, seed in product(sizes, ("logistic", "svm"), seeds):
        n, d, _ = sizes[name]
        more = 2.0 if learner == "svm" else 1.0
        for budget, target, method, harm in cells:
            harm = more * harm + 0.001 * seed
            rows.append(
                {
                    "dataset": name, "learner": learner, "seed": seed, "budget": budget,
                    "target": target, "method": method, "n": n // 2, "d": d, "size": float(target),
                    "loss_before": 0.2, "loss_after": 0.2 + 3 * harm, "error_before": 0.05,
                    "error_after": 0.05 + harm, "queries": 40 if harm > 0.05 else 1,
                    "seconds": 0.1,
                }
            )  # fmt: skip
    return rows
