"""The delta-measure: where it is a deviation function, and how it compares with others."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from advlearn.deviations.delta import PATTERNS
from advlearn.report.frames import groups
from advlearn.studies.bilevel.paper.checks import ABSTRACT_CLAIM, checks
from advlearn.studies.bilevel.paper.claims.claim import TAU, Claim, Counted
from advlearn.studies.bilevel.paper.labels import CHANGES, DEVIATIONS
from advlearn.studies.bilevel.schema import BilevelTidy

RIVALS = ("one_minus_ari", "one_minus_nmi", "one_minus_ami", "vi")
"""Deviations that are no function of delta for one n (1 - ARI is, where the sizes stay)."""
_SCENARIO = ["scenario", "n_clusters", "balance", "kind"]
_ROUNDING = 1e-6


def claims(tidy: BilevelTidy) -> Iterator[Claim]:
    """Agreement of delta with the number of moved points: its level, and beside other deviations.

    A unit is a scenario: number of clusters, balance, reach and kind of the changes.
    """
    taus = tidy["bilevel_agreement"].dropna(subset="kendall_tau")
    if taus.empty:
        return
    taus = taus.assign(unit=taus[_SCENARIO].astype(str).agg(" ".join, axis="columns"))
    delta = taus[taus["deviation"] == "delta"]
    moves = delta[delta["kind"] == "transfer"]
    for balance, words in (
        ("balanced", "balanced clusters: δ predicts how many points change their cluster"),
        ("unbalanced", "the same with unbalanced clusters, for which it is not claimed"),
    ):
        part = moves[moves["balance"] == balance]
        if len(part):
            yield Claim(
                "secondary",
                f"predicts-{balance}",
                words,
                "Kendall's τ of δ with the matching error, random moves between the clusters"
                f" (claimed: at least {TAU:g})",
                "tau",
                part[["unit", "seed"]].assign(value=part["kendall_tau"]),
                {"bilevel_agreement": part.index},
                method="delta",
                within=(TAU, math.inf),
            )
    yield from _balance(moves)
    for kind in CHANGES.order(taus["kind"]):
        for rival in RIVALS:
            yield from _against(taus[taus["kind"] == kind], kind, rival)


def _balance(moves: pd.DataFrame) -> Iterator[Claim]:
    keys = ["scenario", "n_clusters", "seed"]
    numbered = moves.assign(row=moves.index)
    first, second = (
        numbered[numbered["balance"] == balance] for balance in ("balanced", "unbalanced")
    )
    both = first.merge(second, on=keys, suffixes=("", "_other"))
    if len(both):
        yield Claim(
            "secondary",
            "balance",
            "δ predicts better where the clusters are balanced",
            "Kendall's τ of δ with the matching error, balanced minus unbalanced, random moves",
            "tau",
            both[["unit", "seed"]].assign(value=both["kendall_tau"] - both["kendall_tau_other"]),
            {"bilevel_agreement": [*both["row"], *both["row_other"]]},
            method="delta",
        )


def _against(taus: pd.DataFrame, kind: str, rival: str) -> Iterator[Claim]:
    numbered = taus.assign(row=taus.index)
    own, other = (numbered[numbered["deviation"] == name] for name in ("delta", rival))
    both = own.merge(other, on=["unit", "seed"], suffixes=("", "_other"))
    if len(both):
        yield Claim(
            "future",
            f"{kind}-{rival}",
            f"{CHANGES(kind)}: δ follows the number of moved points more closely than"
            f" {DEVIATIONS(rival)}",
            f"Kendall's τ with the matching error, δ minus {DEVIATIONS(rival)}",
            "tau",
            both[["unit", "seed"]].assign(value=both["kendall_tau"] - both["kendall_tau_other"]),
            {"bilevel_agreement": [*both["row"], *both["row_other"]]},
            method=rival,
        )


def counted(tidy: BilevelTidy) -> Iterator[Counted]:
    """Claims of the form "always" about delta, by the cases looked at."""
    moves = tidy["bilevel_monotone"]
    for clusters, part in moves.groupby("n_clusters"):
        yield Counted(
            "counted",
            f"grows-{clusters}",
            f"{clusters} clusters: δ grows with each further moved point, also where arrivals"
            " outnumber stayers in some cluster",
            "random moves of one more point outside the region of the growth theorem",
            int((part["moves"] - part["inside_region"]).sum()),
            int((part["not_monotone"] - part["violations_inside"]).sum()),
            {"bilevel_monotone": part.index},
        )
    if len(tidy["bilevel_moved"]):
        yield from _three_clusters(_three_alike(tidy))
    for name, each in checks(tidy).items():
        if name != ABSTRACT_CLAIM:
            yield Counted(
                "proved",
                f"proved-{name}",
                each.claim,
                "cases of this run that check the code",
                each.cases,
                each.violations,
                why=each.origin,
            )


def _three_clusters(moved: pd.DataFrame) -> Iterator[Counted]:
    """What is said of three clusters of one size, by the rows of `_three_alike`."""
    steps = _steps(moved[moved["pattern"] == "symmetric"])
    # All six ways alike: delta^2 = 4 s m - m^2, which has its largest value at m = 2 s.
    turned = steps["moved"] > 2 * steps["points"] / 3
    yield Counted(
        "counted",
        "symmetric-all",
        "balanced, symmetric moves between three clusters: δ grows with the points moved, however"
        " many",
        "steps from one number of moved points to the next where more than two thirds have moved",
        int(turned.sum()),
        int((~steps["grows"] & turned).sum()),
        {"bilevel_moved": steps.index},
    )
    yield Counted(
        "proved",
        "symmetric",
        "balanced, symmetric moves between three clusters: δ grows until two thirds of the points"
        " have moved",
        "steps from one number of moved points to the next",
        int((~turned).sum()),
        int((~steps["grows"] & ~turned).sum()),
        {"bilevel_moved": steps.index},
        "by the closed form",
    )
    closed = 4 * moved["points"] / 3 * moved["moved"]
    curved = moved["pattern"].map({name: float(each.q) for name, each in PATTERNS.items()})
    wrong = (moved["delta_squared"] - closed + curved * moved["moved"] ** 2).abs() > _ROUNDING
    yield Counted(
        "proved",
        "three-way",
        "three clusters: δ depends on the number of moved points and on the asymmetry of their"
        f" moves{_spread(moved)}",
        "patterns of moves between three clusters of one size, against δ² = 4sm − q m²",
        len(moved),
        int(wrong.sum()),
        {"bilevel_moved": moved.index},
        "by the closed form",
    )


def _three_alike(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_moved`` of three clusters of one size; points: of all three."""
    frame = tidy["bilevel_moved"]
    sizes = frame["sizes"].str.split(",")
    alike = sizes.map(lambda each: len(each) == 3 and len(set(each)) == 1)
    found = frame[alike & frame["pattern"].isin(list(PATTERNS))]
    points = sizes[found.index].map(lambda each: sum(map(int, each))).astype(float)
    return found.assign(points=points)


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows but the first of each partition, with ``grows``: delta is larger than before."""
    rows = rows.sort_values(["points", "moved"], kind="stable")
    step = rows.groupby("points")["delta_squared"].diff()
    return rows.assign(grows=step > 0)[step.notna()]


def _spread(moved: pd.DataFrame) -> str:
    """Smallest and largest delta of one number of moved points, where the patterns differ most."""
    found = [
        (float(part["delta_squared"].max() - part["delta_squared"].min()), points, number, part)
        for (points, number), part in groups(moved, ["points", "moved"])
        if len(part) == len(PATTERNS)
    ]
    if not found:
        return ""
    _, points, number, part = max(found, key=lambda each: each[:3])
    low, high = np.sqrt(part["delta_squared"].agg(["min", "max"]))
    return f" (with {number:g} of {points:g} points moved δ is {low:.1f} to {high:.1f})"
