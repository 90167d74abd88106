"""What study 3 claims, and how often its numbers contradict it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advlearn.report.frames import groups
from advlearn.studies.bilevel.paper.common import at_the_attacks, normalised_delta, sandwich
from advlearn.studies.bilevel.paper.schema import BilevelTidy

_ROUNDING = 1e-9
SLACK = 1e-6
"""Relative slack of the calmness bounds: the solutions compared are themselves approximate."""


@dataclass(frozen=True)
class Check:
    """A claim and its test on the numbers of a run.

    Attributes:
        name: what the sentences call it by.
        claim: the claim, as a phrase.
        origin: who claims it.
        cases: how many numbers could contradict it; 0 where the run has none.
        violations: how many do.
    """

    name: str
    claim: str
    origin: str
    cases: int
    violations: int


def checks(tidy: BilevelTidy) -> dict[str, Check]:
    """Every claim by its name, in the order of the report."""
    found = [
        _formulas(tidy),
        _growth(tidy),
        _rand(tidy),
        _certificate(tidy),
        *_calmness(tidy),
        _nondecreasing(tidy),
        _robust(tidy),
    ]
    return {check.name: check for check in found}


def curves(tidy: BilevelTidy, curve: str) -> list[np.ndarray]:
    """The normalised delta-measure of each curve of a kind, by growing size, one array a curve."""
    frame = normalised_delta(tidy)
    frame = frame[frame["curve"] == curve].sort_values("tau")
    keys = ["dataset", "direction", "seed"]
    return [part["value"].to_numpy(float) for _, part in frame.groupby(keys, dropna=False)]


def rand_pairs(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_staircase.csv`` that have both delta and the Rand index, side by side.

    Returns:
        dataset, delta, one_minus_ri and error, the difference of delta²/(n(n−1)) and 1 − RI
        (missing where the record of the run has no n).
    """
    frame = tidy["bilevel_staircase"]
    keys = ["dataset", "seed", "direction", "curve", "tau"]
    wide = frame[frame["deviation"].isin(["delta", "one_minus_ri"])].pivot_table(
        index=keys, columns="deviation", values="value", dropna=False
    )
    wide = wide.reindex(columns=["delta", "one_minus_ri"]).dropna().reset_index()
    sizes = wide["dataset"].map(
        {name: about.get("n") for name, about in tidy.study.datasets.items()}
    )
    pairs = sizes.astype(float) * (sizes.astype(float) - 1)
    return wide.assign(error=(wide["delta"] ** 2 / pairs - wide["one_minus_ri"]).abs())[
        ["dataset", "delta", "one_minus_ri", "error"]
    ]


def _formulas(tidy: BilevelTidy) -> Check:
    frame = tidy["bilevel_formulas"]
    wrong = frame["max_error"] > 0
    return Check(
        "formulas",
        "the closed forms of δ² give exactly what counting pairs gives",
        "derived here",
        int(frame["cases"].sum()),
        int(frame.loc[wrong, "cases"].sum()),
    )


def _growth(tidy: BilevelTidy) -> Check:
    frame = tidy["bilevel_monotone"]
    return Check(
        "growth",
        "where stayers outnumber arrivals in every cluster, one more moved point raises δ",
        "derived here",
        int(frame["inside_region"].sum()),
        int(frame["violations_inside"].sum()),
    )


def _rand(tidy: BilevelTidy) -> Check:
    frame = rand_pairs(tidy).dropna(subset=["error"])
    return Check(
        "rand",
        "δ² = n(n−1)(1 − RI), so δ and the Rand index order partitions alike",
        "derived here",
        len(frame),
        int((frame["error"] > _ROUNDING).sum()),
    )


def _certificate(tidy: BilevelTidy) -> Check:
    frame = sandwich(tidy)
    frame = frame[(frame["certified"] > 0) & frame["violated"].notna()]
    return Check(
        "certificate",
        "no perturbation smaller than the certified radius changes the partition",
        "derived here; fixed weights: after Sun, Toh and Yuan (2021)",
        len(frame),
        int(frame["violated"].sum()),
    )


def _calmness(tidy: BilevelTidy) -> list[Check]:
    frame = tidy["bilevel_calmness"]
    result = []
    for name, column, claim in (
        ("modulus", frame["modulus"] * frame["size"], "the solution moves by at most κ‖E‖"),
        ("bound", frame["bound"], "the solution moves by at most the sharper bound"),
    ):
        known = column.notna() & frame["change"].notna()
        above = frame["change"] > column * (1 + SLACK) + _ROUNDING
        result.append(
            Check(name, claim, "derived here", int(known.sum()), int((above & known).sum()))
        )
    return result


def _nondecreasing(tidy: BilevelTidy) -> Check:
    found = curves(tidy, "value")
    falls = sum(bool((np.diff(values) < -_ROUNDING).any()) for values in found)
    return Check(
        "nondecreasing", "the value function v(τ) never falls", "derived here", len(found), falls
    )


def _robust(tidy: BilevelTidy) -> Check:
    """The abstract's statement: robust against small perturbations, changed by large ones.

    Robust: v is 0 at the smallest size tried, or a radius above 0 is certified at the gamma of the
    attacks; a coarse grid of sizes may begin above a small radius.
    """
    certified = at_the_attacks(tidy).groupby("dataset")["certified"].min()
    frame = normalised_delta(tidy)
    frame = frame[frame["curve"] == "value"].sort_values("tau")
    cases = missing = 0
    for (dataset, _, _), part in groups(frame, ["dataset", "direction", "seed"]):
        small = part.loc[part["tau"] > 0, "value"].head(1)
        still = bool((small == 0).all()) or float(certified.get(dataset, 0.0)) > 0
        cases += 1
        missing += not (still and part["value"].max() > 0)
    return Check(
        "robust",
        "the partition stays under small perturbations and changes under larger ones",
        "the paper's abstract",
        cases,
        missing,
    )
