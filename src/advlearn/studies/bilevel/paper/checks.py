"""What study 3 claims, and how often its numbers contradict it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from advlearn.report.frames import groups
from advlearn.studies.bilevel.paper.sandwich import at_attacked_gamma
from advlearn.studies.bilevel.paper.staircase import curves, normalised_delta, rand_pairs
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

_ROUNDING = 1e-9
SLACK = 1e-6
"""Relative slack of the calmness bounds: the solutions compared are themselves approximate."""
ABSTRACT_CLAIM = "robust"
"""The one claim that the paper's abstract makes; all others are proved in this project."""


class Check(NamedTuple):
    """A claim and its test on the numbers of a run.

    Attributes:
        claim: the claim, as a phrase.
        origin: who claims it.
        cases: how many numbers could contradict it; 0 where the run has none.
        violations: how many do.
    """

    claim: str
    origin: str
    cases: int
    violations: int


def checks(tidy: BilevelTidy) -> dict[str, Check]:
    """Every claim by its name, in the order of the report."""
    formulas, moves = tidy["bilevel_formulas"], tidy["bilevel_monotone"]
    calmness, rand = tidy["bilevel_calmness"], rand_pairs(tidy)["error"].dropna()
    trials = tidy["bilevel_trials"]
    falls = [bool((np.diff(each) < -_ROUNDING).any()) for each in curves(tidy, "value")]
    counts = {
        "formulas": (
            formulas["cases"].sum(),
            formulas.loc[formulas["max_error"] > 0, "cases"].sum(),
        ),
        "growth": (moves["inside_region"].sum(), moves["violations_inside"].sum()),
        "rand": (len(rand), (rand > _ROUNDING).sum()),
        "certificate": (trials["tries"].sum(), trials["changed"].sum()),
        "modulus": _above(calmness, calmness["modulus"] * calmness["size"]),
        "bound": _above(calmness, calmness["bound"]),
        "nondecreasing": (len(falls), sum(falls)),
        ABSTRACT_CLAIM: _robust(tidy),
    }
    return {
        name: Check(SAY.claim(name), SAY.origin(name), *map(int, both))
        for name, both in counts.items()
    }


def _above(calmness: pd.DataFrame, bound: pd.Series) -> tuple[int, int]:
    """Changes that a bound is known for, and those above it."""
    change = calmness["change"][bound.notna() & calmness["change"].notna()]
    return len(change), int((change > bound[change.index] * (1 + SLACK) + _ROUNDING).sum())


def _robust(tidy: BilevelTidy) -> tuple[int, int]:
    """The abstract's statement: robust against small perturbations, changed by large ones.

    Robust: v is 0 at the smallest size tried, or a radius above 0 is certified at the gamma of the
    attacks; a coarse grid of sizes may begin above a small radius.
    """
    certified = at_attacked_gamma(tidy).groupby("dataset")["certified"].min()
    frame = normalised_delta(tidy)
    frame = frame[frame["curve"] == "value"].sort_values("tau")
    cases = missing = 0
    for (dataset, _, _), part in groups(frame, ["dataset", "direction", "seed"]):
        small = part.loc[part["tau"] > 0, "value"].head(1)
        still = bool((small == 0).all()) or float(certified.get(dataset, 0.0)) > 0
        cases += 1
        missing += not (still and part["value"].max() > 0)
    return cases, missing
