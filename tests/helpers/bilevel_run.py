"""A small run of study 3 made of numbers with known structure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.support.checksums import sha256_of_all
from advlearn.support.io import write_csv, write_json
from advlearn.support.seeds import derive_seed
from tests.helpers.poisoned import poisoning

SIZES = {
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "digits_1_4": (363, 64, 2),
    "digits_8_9": (354, 64, 2),
    "moons": (200, 2, 2),
    "blobs": (90, 2, 3),
    "circles": (200, 2, 2),
}
METHODS = ("merge", "cut", "transfer", "smoothed", "genetic", "one_point", "noise")
RATIO = dict(zip(METHODS, (1.2, 1.1, 1.4, 1.6, 2.5, 3.0, 4.0), strict=True))
"""True size of each attack by the certified radius."""
VICTIMS = ("convex", "kmeans", "ward", "spectral", "dbscan", "hdbscan")
DEVIATIONS = (
    "delta delta_per_n one_minus_ri one_minus_ari one_minus_nmi one_minus_ami vi matching_error"
).split()
DIRECTIONS = ("noise", "merge", "split", "transfer")
PUBLISHED_ONEPOINT = {("digits_1_4", "misclustered"): 24, ("digits_8_9", "misclustered"): 21}
"""Published values of the one-point attack on Ward that the synthetic folder holds."""


def write_published(folder: Path) -> Path:
    """A folder of published numbers that holds the one-point attack alone; returns it."""
    rows = [
        {
            "table": "onepoint", "row": pair, "n_clusters": 2, "algorithm": "ward",
            "attack": "one_point", "metric": metric, "published": value,
            "source": "arrays released with the paper", "note": None,
        }
        for (pair, metric), value in PUBLISHED_ONEPOINT.items()
    ]  # fmt: skip
    write_csv(folder / "bilevel" / "bilevel_onepoint.csv", pd.DataFrame(rows))
    return folder


def write_bilevel(
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    datasets: Sequence[str] = ("iris", "moons", "blobs", "digits_1_4"),
    drawn: Sequence[str] = ("iris", "moons"),
    methods: Sequence[str] = METHODS,
    victims: Sequence[str] = VICTIMS,
    weights: Sequence[str] = ("fixed", "recomputed"),
    left_out: Sequence[str] = (),
) -> Path:
    """Write a whole tidy folder of study 3 and return it.

    Args:
        folder: where to write.
        seeds: seeds of the run.
        datasets: data sets of the run, keys of `SIZES`.
        drawn: data sets with trajectories.
        methods: attacks.
        victims: clusterers of the black-box part.
        weights: attackers of convex clustering.
        left_out: stages that the run leaves out; their tables have no rows.
    """
    tables: dict[str, list[dict[str, Any]]] = {
        "path": _path(datasets),
        "trajectories": _trajectories(drawn),
        "intervals": _intervals(datasets),
        "sandwich": _sandwich(datasets, weights, seeds, methods),
        "trials": _trials(datasets, weights),
        "attacks": _attacks(datasets, weights, seeds, methods),
        "staircase": _staircase(datasets, seeds),
        "calmness": _calmness(datasets, weights, seeds),
        "blackbox": _blackbox(datasets, seeds, victims),
        "poisoning": poisoning({name: SIZES[name] for name in datasets}, seeds),
        "onepoint": _onepoint(seeds),
        "defence": _defence(datasets),
        **_delta(seeds),
    }
    choices = (
        ("bilevel.gamma", "weight of the sum of norms", "not known", "widest interval"),
        ("bilevel.deviation", "deviation function", "the delta-measure", "delta"),
    )
    columns = list(SCHEMA.tables["bilevel_choices"].columns)
    tables["choices"] = [
        dict(zip(columns, (*row, "abstract", "all"), strict=True)) for row in choices
    ]
    for name, schema in SCHEMA.tables.items():
        rows = [] if schema.stage in left_out else tables[name.removeprefix("bilevel_")]
        frame = pd.DataFrame(rows, columns=None if rows else list(schema.columns))
        write_csv(folder / f"{name}.csv", schema.written(frame))
    write_json(
        folder / "bilevel_study.json",
        {
            "run": "synthetic", "seeds": list(seeds), "left_out": list(left_out),
            "datasets": {
                name: {"n": n, "d": d, "classes": classes, "gamma": 1.0, "n_clusters": classes}
                for name, (n, d, classes) in ((name, SIZES[name]) for name in datasets)
            },
            "settings": {"neighbours": 10, "phi": 0.5}, "versions": {"python": "3.11"},
            "files": sha256_of_all(sorted(folder.glob("bilevel_*.csv"))),
        },
    )  # fmt: skip
    return folder


def _gammas() -> np.ndarray:
    return np.geomspace(0.25, 4, 5)


def _path(datasets: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in datasets:
        n, _, classes = SIZES[name]
        for gamma in np.geomspace(0.05, 20, 17):
            count = round(n * (1 - gamma)) // 3 if gamma < 0.8 else classes
            count = 1 if gamma > 5 else max(count, classes)
            rows.append(
                {
                    "dataset": name, "gamma": gamma, "n_clusters": count,
                    "sizes": "+".join([str(n - 2 * (count - 1)), *["2"] * (count - 1)]),
                    "ari_truth": 0.8 if count == classes else 0.1, "gap": 1e-9,
                    "certified": True, "chosen": bool(0.8 < gamma < 1.1), "seconds": 0.2,
                }
            )  # fmt: skip
    return rows


def _trajectories(datasets: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in datasets:
        generator = np.random.default_rng(derive_seed("trajectories", name))
        classes = SIZES[name][2]
        truth = np.arange(40) % classes
        centres = 3 * generator.normal(size=(classes, 2))
        points = centres[truth] + generator.normal(0, 0.6, (40, 2))
        for step, gamma in enumerate(np.geomspace(0.05, 20, 8)):
            share = min(1.0, step / 4)
            whole = max(0.0, (step - 4) / 3)
            at = (1 - share) * points + share * centres[truth]
            at = (1 - whole) * at + whole * centres.mean(axis=0)
            rows += [
                {
                    "dataset": name, "gamma": gamma, "point": i,
                    "x": at[i, 0], "y": at[i, 1], "label": int(truth[i]),
                }
                for i in range(40)
            ]  # fmt: skip
    return rows


def _intervals(datasets: Sequence[str]) -> list[dict[str, Any]]:
    lows = {
        "knn": {"sun_toh_yuan": np.inf, "electrical": 0.46, "reweighted": 0.31, "true": 0.30},
        "unit": {"sun_toh_yuan": 0.15, "electrical": 0.15, "reweighted": 0.092, "true": 0.091},
    }
    return [
        {
            "dataset": name, "weights": weights, "n": SIZES[name][0], "d": SIZES[name][1],
            "n_clusters": SIZES[name][2], "bound": bound, "low": low,
            "high": 2.5 if bound == "true" else 2.2,
        }
        for name in datasets
        for weights, bounds in lows.items()
        for bound, low in bounds.items()
    ]  # fmt: skip


def radius(gamma: float, weights: str) -> float:
    """The certified radius that was put in: 0 at both ends of the grid."""
    inside = min(gamma - 0.3, 3.5 - gamma)
    return max(0.0, 0.3 * inside) * (1.0 if weights == "fixed" else 0.4)


def _sandwich(
    datasets: Sequence[str],
    weights: Sequence[str],
    seeds: Sequence[int],
    methods: Sequence[str],
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, kind, gamma in product(datasets, weights, _gammas()):
        line = {"dataset": name, "weights": kind, "gamma": gamma}
        value = radius(gamma, kind)
        for method, part in (("sun_toh_yuan", 0.6), ("exact_directions", 1.0)):
            rows.append(
                {**line, "seed": None, "kind": "certified", "method": method,
                 "epsilon": part * value}
            )  # fmt: skip
        for seed, method in product(seeds, methods):
            attacked = max(value, 0.05) * RATIO[method] * (1 + 0.02 * seed)
            rows.append(
                {**line, "seed": seed, "kind": "attacked", "method": method, "epsilon": attacked}
            )
            if value > 0:
                rows.append(
                    {**line, "seed": seed, "kind": "unchanged", "method": method,
                     "epsilon": 0.999 * value}
                )  # fmt: skip
    return rows


def _trials(datasets: Sequence[str], weights: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"dataset": name, "weights": kind, "gamma": gamma, "share": share, "method": method,
         "seed": 0, "radius": radius(gamma, kind), "tries": 20, "changed": 0, "largest": share}
        for name, kind, gamma in product(datasets, weights, _gammas())
        for share, method in product((0.5, 0.999), ("merge", "noise", "worst"))
        if radius(gamma, kind) > 0
    ]  # fmt: skip


def _attacks(
    datasets: Sequence[str],
    weights: Sequence[str],
    seeds: Sequence[int],
    methods: Sequence[str],
) -> list[dict[str, Any]]:
    rows = []
    for name, kind, seed, method in product(datasets, weights, seeds, methods):
        n = SIZES[name][0]
        line = {"dataset": name, "weights": kind, "seed": seed, "method": method}
        cells = [("min_effort", "per_point", target) for target in ("first change", "0.1")]
        cells += [("max_effect", budget, "0.5") for budget in ("per_point", "linf")]
        for form, budget, target in cells:
            reached = method != "noise" or target != "0.1"
            moved = 4 + seed if form == "min_effort" else 12 + seed
            rows.append(
                {
                    **line, "form": form, "budget": budget, "target": target,
                    "epsilon": 0.5 if form == "max_effect" else
                    (RATIO[method] * 0.25 * (1 + 0.1 * seed) if reached else None),
                    "reached": reached,
                    "delta": np.sqrt(2 * moved * (n - moved)) if reached else 0.0,
                    "matching_error": moved / n if reached else 0.0,
                    "n_clusters": 3, "queries": 10 * (1 + METHODS.index(method)) + seed,
                    "seconds": 0.1 + 0.01 * seed,
                }
            )  # fmt: skip
    return rows


def _staircase(datasets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    rows = []
    for name, seed in product(datasets, seeds):
        n = SIZES[name][0]
        curves = [("value", "value"), *(("fixed", direction) for direction in DIRECTIONS)]
        for curve, direction in curves:
            start = 1.0 if curve == "value" else 1.0 + 0.2 * DIRECTIONS.index(direction)
            for tau in np.linspace(0, 3, 13):
                step = int(max(0.0, (tau - start) / 0.5) + 1) if tau >= start else 0
                moved = min(step * 8 + (seed if step else 0), n // 3)
                # The merge direction comes back to the old partition.
                if direction == "merge" and tau > 2.5:
                    moved = 0
                disagreement = 2 * moved * (n - moved) / (n * (n - 1))
                values = {
                    "delta": np.sqrt(2 * moved * (n - moved)),
                    "one_minus_ri": disagreement,
                    "one_minus_ari": 2.1 * disagreement,
                    "matching_error": moved / n,
                }
                rows += [
                    {
                        "dataset": name, "seed": seed, "direction": direction, "curve": curve,
                        "tau": tau, "deviation": deviation, "value": value,
                        "n_clusters": 3 + step,
                    }
                    for deviation, value in values.items()
                ]  # fmt: skip
    return rows


def _calmness(
    datasets: Sequence[str], weights: Sequence[str], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    rows = []
    for name, kind, seed in product(datasets, weights, seeds):
        generator = np.random.default_rng(derive_seed("calmness", name, kind, seed))
        modulus = 1.0 if kind == "fixed" else 40.0 + SIZES[name][1]
        for direction, size in product(("noise", "merge"), np.geomspace(1e-3, 3, 6)):
            bound = size * (1.0 if kind == "fixed" else 1.8)
            rows.append(
                {
                    "dataset": name, "weights": kind, "seed": seed, "direction": direction,
                    "size": size, "change": bound * generator.uniform(0.2, 0.94), "bound": bound,
                    "modulus": modulus,
                }
            )  # fmt: skip
    return rows


def _blackbox(
    datasets: Sequence[str], seeds: Sequence[int], victims: Sequence[str]
) -> list[dict[str, Any]]:
    rows = []
    for name, seed, target in product(datasets, seeds, victims):
        for source, method in (("convex", "merge"), (target, "genetic"), ("none", "noise")):
            moved = (0.2 if source == target else 0.1) * (0.1 if method == "noise" else 1.0)
            moved *= 1 - 0.1 * VICTIMS.index(target)
            rows.append(
                {
                    "dataset": name, "seed": seed, "source": source, "target": target,
                    "method": method, "epsilon": 0.8, "delta": 100 * moved,
                    "one_minus_ari": 2 * moved, "matching_error": moved + 0.01 * seed,
                    "reached": method != "noise", "queries": 500 if method == "genetic" else 1,
                }
            )  # fmt: skip
    return rows


def _onepoint(seeds: Sequence[int]) -> list[dict[str, Any]]:
    rows = []
    for (pair, n, base), (victim, method), seed in product(
        (("digits_1_4", 363, 24), ("digits_8_9", 354, 21)),
        (("ward", "one_point"), ("convex", "one_point"), ("ward", "noise")),
        seeds,
    ):
        moved = base - 2 + seed if method == "one_point" and victim == "ward" else 1 + seed
        rows.append(
            {
                "pair": pair, "victim": victim, "method": method, "seed": seed, "n": n, "d": 64,
                "misclustered": moved, "delta_squared": 2 * moved * (n - moved), "l0": 14 + seed,
                "l2": 20.0, "linf": 10.0, "queries": 300 + seed, "seconds": 2.0,
            }
        )  # fmt: skip
    return rows


def _defence(datasets: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in datasets:
        for parameter, values in (
            ("gamma", (0.5, 1.0, 2.0, 3.0)),
            ("phi", (0.1, 0.5, 1.0)),
            ("n_neighbors", (5, 10, 20)),
        ):
            for place, value in enumerate(values):
                rows.append(
                    {
                        "dataset": name, "parameter": parameter, "value": value,
                        "gamma": value if parameter == "gamma" else 1.0,
                        "radius": 0.1 * place + 0.05, "n_clusters": SIZES[name][2],
                        "ari_truth": 0.8 - 0.1 * place, "chosen": place == len(values) - 1,
                    }
                )  # fmt: skip
    return rows


def _delta(seeds: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    formulas = [
        {"formula": formula, "n_clusters": count, "range": "all sizes", "cases": 400,
         "max_error": 0}
        for formula, count in (("contingency", "any"), ("two clusters", 2), ("three clusters", 3))
    ]  # fmt: skip
    curvature = {
        "converge": 0.5, "symmetric": 1.0, "cyclic": 4 / 3, "diverge": 1.5, "chain": 1.5,
        "single": 2.0, "swap": 2.0,
    }  # fmt: skip
    moved = [
        {"n_clusters": 2, "sizes": "24,24", "pattern": "single", "moved": m,
         "delta_squared": 2 * m * (48 - m)}
        for m in range(0, 25, 2)
    ]  # fmt: skip
    moved += [
        {"n_clusters": 3, "sizes": "24,24,24", "pattern": pattern, "moved": m,
         "delta_squared": 4 * 24 * m - q * m * m}
        for pattern, q in curvature.items()
        for m in range(0, 25, 12)
    ]  # fmt: skip
    monotone = [
        {"n_clusters": count, "imbalance": imbalance, "share_moved": share, "moves": 1000,
         "not_monotone": int(600 * max(0.0, share - 0.3)),
         "inside_region": int(1000 * max(0.0, 0.6 - share)), "violations_inside": 0}
        for count, imbalance, share in product((2, 3, 5), (1.0, 4.0), (0.1, 0.3, 0.5, 0.7))
    ]  # fmt: skip
    tau = dict(zip(DEVIATIONS, (0.9, 0.9, 0.9, 0.92, 0.85, 0.86, 0.8, 1.0), strict=True))
    agreement = [
        {"scenario": f"{balance} {kind}", "n_clusters": count, "balance": balance, "kind": kind,
         "deviation": deviation, "seed": seed,
         "kendall_tau": tau[deviation] - (0.0 if deviation == "matching_error" else 0.01 * seed),
         "n_pairs": 100}
        for count, balance, kind, deviation, seed in product(
            (2, 5), ("balanced", "unbalanced"), ("transfer", "split"), DEVIATIONS, seeds
        )
    ]  # fmt: skip
    return {"formulas": formulas, "moved": moved, "monotone": monotone, "agreement": agreement}
