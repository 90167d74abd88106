"""Robust when the perturbation is small, changed when it is large: sizes of the attacks found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from advlearn.report.frames import groups
from advlearn.studies.bilevel.paper.claims.claim import FEW, SMALL, Claim, Counted, Family
from advlearn.studies.bilevel.paper.labels import WEIGHTS
from advlearn.studies.bilevel.paper.sandwich import (
    at_attacked_gamma,
    efforts,
    tried_at_attacked_gamma,
    two_joined,
)
from advlearn.studies.bilevel.paper.tables.attacks import CHANGE
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.settings.attack import BilevelAttackSettings

NOISE, MERGE = "noise", "merge"
LARGE = "large-"
"""How the ids of claims about large perturbations begin."""


class Sizes(NamedTuple):
    """The smallest perturbation by some attacks, one row a data set and seed.

    Attributes:
        frame: unit (the data set), seed, size (the largest radius that was tried where no attack
            reached the target, a bound from below), reached (bool) and large (half the smallest
            distance of two cluster means).
        rows: rows of ``bilevel_attacks`` that were looked at.
        certify: rows of ``bilevel_sandwich`` that were.
        scale: rows of ``bilevel_staircase`` that give the largest radius.
    """

    frame: pd.DataFrame
    rows: list[int]
    certify: list[int]
    scale: list[int]


def sizes(
    tidy: BilevelTidy,
    weights: str,
    target: str,
    among: Callable[[str], bool] = lambda _: True,
    of: Callable[[str], bool] = lambda _: True,
) -> Sizes:
    """Smallest perturbation per point that reaches a target, by any attack of the run.

    Of the first change that is also what was found beside the certificates, at the same gamma; it
    has no seed of the run and counts for every seed.

    Args:
        tidy: the run.
        weights: attacker.
        target: "first change", or a matching error.
        among: which methods count.
        of: which data sets count.
    """
    attacks, largest = efforts(tidy, target), _largest(tidy)
    largest = largest[largest.index.map(of).astype(bool)]
    mine = attacks[
        (attacks["weights"] == weights)
        & attacks["method"].map(among).astype(bool)
        & attacks["dataset"].isin(largest.index)
    ]
    beside = _beside_certificates(tidy, weights, target, among)
    lines = []
    for (dataset, seed), part in groups(mine, ["dataset", "seed"]):
        # A perturbation of size 0 reaches nothing.
        found = part.loc[(part["reached"] == 1) & (part["epsilon"] > 0), "epsilon"]
        here = beside[beside["dataset"] == dataset].set_index("kind")["epsilon"]
        found = pd.concat([found, here[here.index == "attacked"]])
        most = float(largest[dataset])
        half = most / _in_halves(tidy)
        size = float(found.min()) if len(found) else max([most, *here])
        lines.append((dataset, seed, size, bool(len(found)), half))
    frame = pd.DataFrame(lines, columns=["unit", "seed", "size", "reached", "large"])
    stairs = tidy["bilevel_staircase"]
    last = stairs["tau"] == stairs["dataset"].map(largest)
    scale = stairs.index[last & stairs["dataset"].isin(frame["unit"])]
    # Radii that changed nothing are the size where nothing else is.
    bounded = set(frame.loc[~frame["reached"].astype(bool), "unit"])
    used = (beside["kind"] == "attacked") | beside["dataset"].isin(bounded)
    beside = beside[used & beside["dataset"].isin(frame["unit"])]
    return Sizes(frame.astype({"reached": bool}), list(mine.index), list(beside.index), list(scale))


def _beside_certificates(
    tidy: BilevelTidy, weights: str, target: str, among: Callable[[str], bool]
) -> pd.DataFrame:
    """What ``bilevel_sandwich`` says of these attacks; empty but for the first change."""
    found = tried_at_attacked_gamma(tidy)
    wanted = (found["weights"] == weights) & found["method"].map(among).astype(bool)
    return found[wanted & (target == CHANGE)]


def claims(tidy: BilevelTidy) -> Iterator[Claim]:
    """Sizes against a small and a large one, for each attacker, and against random noise."""
    present = WEIGHTS.order(tidy["bilevel_attacks"]["weights"])
    theorem = two_joined(tidy)
    for weights in present:
        name = WEIGHTS(weights)
        change = sizes(tidy, weights, CHANGE)
        open_ = sizes(tidy, weights, CHANGE, of=lambda dataset: dataset not in theorem)
        yield from _claim(
            "primary",
            f"small-{weights}",
            f"{name}: robust when the perturbation is small",
            f"smallest perturbation found that changes the partition, by {SMALL:g} of the typical"
            " distance of neighbours",
            weights,
            change,
            np.log(change.frame["size"] / SMALL),
        )
        yield from _against_large(
            "primary", f"{LARGE}{weights}", f"{name}: changes when it is large",
            "changes the partition", weights, open_,
        )  # fmt: skip
    for weights in present:
        name = WEIGHTS(weights)
        yield from _certified(tidy, weights)
        for target in _targets(tidy):
            reached = sizes(tidy, weights, target)
            yield from _against_large(
                "secondary", f"{LARGE}{weights}-{target}",
                f"{name}: a share of {target} of the points changes when it is large",
                f"changes a share of {target} of the points", weights, reached,
            )  # fmt: skip
        random = sizes(tidy, weights, CHANGE, lambda method: method == NOISE)
        yield from _claim(
            "secondary",
            f"noise-{weights}",
            f"{name}: robust against small random noise",
            f"smallest random noise that changes the partition, by {SMALL:g} of the typical"
            " distance of neighbours",
            weights,
            random,
            np.log(random.frame["size"] / SMALL),
            method=NOISE,
        )
        best = sizes(tidy, weights, CHANGE, lambda method: method != NOISE)
        both = random.frame.merge(best.frame, on=["unit", "seed"], suffixes=("", "_best"))
        found = Sizes(
            both.assign(reached=both["reached"] & both["reached_best"]),
            [*random.rows, *best.rows],
            [*random.certify, *best.certify],
            random.scale,
        )
        yield from _claim(
            "secondary",
            f"attack-{weights}",
            f"{name}: an attack needs less than random noise does",
            "smallest random noise that changes the partition, by the smallest attack that does",
            weights,
            found,
            np.log(both["size"] / both["size_best"]),
        )


def _certified(tidy: BilevelTidy, weights: str) -> Iterator[Claim]:
    """Robust by proof: the certified radius, where each data set has one above 0."""
    frame = at_attacked_gamma(tidy)
    # Without a gamma in the record the one with the largest radius would be taken.
    named = frame["dataset"].map(lambda name: bool(tidy.study.datasets.get(name, {}).get("gamma")))
    frame = frame[named & (frame["weights"] == weights) & frame["certified"].notna()]
    if frame.empty or not (frame["certified"] > 0).all():
        return
    table = tidy["bilevel_sandwich"]
    keys = ["dataset", "weights", "gamma"]
    behind = table.reset_index().merge(frame[keys], on=keys)
    yield Claim(
        "secondary",
        f"certified-{weights}",
        f"{WEIGHTS(weights)}: robust when the perturbation is small, by proof",
        f"certified radius, by {SMALL:g} of the typical distance of neighbours",
        "ratio",
        pd.DataFrame(
            {"unit": frame["dataset"], "seed": 0, "value": np.log(frame["certified"] / SMALL)}
        ),
        {"bilevel_sandwich": behind.loc[behind["kind"] == "certified", "index"]},
        weights=weights,
        clusterer="convex",
    )


def counted(tidy: BilevelTidy) -> Iterator[Counted]:
    """The theorem about two clusters, by the smallest perturbations found.

    It says that there is a perturbation, so only what *merge*, which moves clusters as a whole, was
    to find counts, and the tolerance of its search is left to it.
    """
    attack = tidy.study.settings.get("attack", {})
    slack = 1 + float(attack.get("tolerance", BilevelAttackSettings().tolerance))
    datasets = two_joined(tidy) if _in_halves(tidy) >= slack else set()
    cases = against = 0
    rows: dict[str, list[int]] = {}
    for weights in WEIGHTS.order(tidy["bilevel_attacks"]["weights"]):
        found = sizes(tidy, weights, CHANGE, MERGE.__eq__, datasets.__contains__)
        mine = found.frame
        cases += len(mine)
        against += int((~mine["reached"] | (mine["size"] > slack * mine["large"])).sum())
        for name, behind in (
            ("bilevel_attacks", found.rows),
            ("bilevel_sandwich", found.certify),
            ("bilevel_staircase", found.scale),
        ):
            rows.setdefault(name, []).extend(behind)
    if cases:
        yield Counted(
            "proved",
            "two-clusters",
            "two clusters with edges between them: they change when the perturbation is large",
            "attackers, data sets and seeds: is the smallest perturbation that merge found at most"
            " half the distance of the two means?",
            cases,
            against,
            rows,
            "the means meet there",
        )


def _against_large(
    family: Family, id_: str, words: str, does: str, weights: str, found: Sizes
) -> Iterator[Claim]:
    yield from _claim(
        family,
        id_,
        words,
        "half the smallest distance of two cluster means, by the smallest perturbation found that"
        f" {does}",
        weights,
        found,
        np.log(found.frame["large"] / found.frame["size"]),
    )


def _claim(
    family: Family,
    id_: str,
    words: str,
    test: str,
    weights: str,
    found: Sizes,
    value: np.ndarray | pd.Series,
    method: str = "none",
) -> Iterator[Claim]:
    if found.frame.empty:
        return
    bounded = int((~found.frame["reached"]).sum())
    rows = {"bilevel_attacks": found.rows}
    if found.certify:
        rows["bilevel_sandwich"] = found.certify
    if bounded or id_.startswith(LARGE):
        # Elsewhere the largest radius that was tried enters no number.
        rows["bilevel_staircase"] = found.scale
    yield Claim(
        family,
        id_,
        words,
        test,
        "ratio",
        found.frame[["unit", "seed"]].assign(value=value),
        rows,
        weights=weights,
        method=method,
        clusterer="convex",
        bounded=bounded,
    )


def _targets(tidy: BilevelTidy) -> list[str]:
    """Matching errors that attacks were to reach, from `FEW` of the points on."""
    attacks = tidy["bilevel_attacks"]
    named = attacks.loc[attacks["form"] == "min_effort", "target"].unique()
    numbers = pd.to_numeric(pd.Series(named), errors="coerce")
    return [str(name) for name, value in zip(named, numbers, strict=True) if value >= FEW]


def _largest(tidy: BilevelTidy) -> pd.Series:
    """Largest radius tried on each data set: that at which the staircase ends."""
    found: pd.Series = tidy["bilevel_staircase"].groupby("dataset")["tau"].max()
    return found


def _in_halves(tidy: BilevelTidy) -> float:
    """The same in units of half the smallest distance of two cluster means."""
    attack = tidy.study.settings.get("attack", {})
    return float(attack.get("largest", BilevelAttackSettings().largest))
