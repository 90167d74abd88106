"""What a claim of study 3 is, and the smallest effects that would matter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Kind = Literal["ratio", "share", "tau", "error"]
SMALLEST: Mapping[Kind, float] = {
    "ratio": math.log(2),
    "share": 0.05,
    "tau": 0.05,
    "error": 0.02,
}
"""Smallest effects of interest: a factor of 2 in size, 5 % of the points, 0.05 of Kendall's tau, 2
points of a classifier's error."""
GAINS = (0.0, math.inf)
"""The range of an effect that is claimed to be a gain."""
SMALL = 0.1
"""A small perturbation: a tenth of the typical distance of a point to its neighbours."""
FEW = 0.1
"""Share of the points that a target of the attacks moves."""
TAU = 0.9
"""Kendall's tau from which on a deviation is said to predict the number of moved points."""
PROVED = "proved; the code is checked"
"""Verdict of theorems, identities and what holds by construction: no evidence."""
Family = Literal["primary", "secondary", "future", "counted", "proved", "untested"]
FAMILIES: Mapping[Family, str] = {
    "primary": "Primary family: robust when the perturbation is small, changed when it is large",
    "secondary": "What else the paper's summary says",
    "future": "Empirical validation across clusterers and learners (the paper's future work)",
    "counted": "Beyond what is claimed, where δ is a deviation function: counted cases, no test",
    "proved": "Proved, an identity, or true by construction: the code is checked",
    "untested": "Not tested in one run",
}


@dataclass(frozen=True, eq=False)
class Claim:
    """A claim that is tested, with its values.

    Attributes:
        family: within which its p-values are corrected.
        id: names the claim in tables.
        words: the claim, in the words of the paper's summary where they are its own.
        test: what is compared with what.
        kind: decides the smallest effect of interest; of ratios the values are logarithms.
        values: one row a comparison: value (of the effect), unit (data set, or scenario) and seed.
        rows: tidy table -> positions of the rows behind the values, the numbers first.
        weights: attacker, where there are two.
        method: attack or deviation that it is about.
        clusterer: who is attacked.
        within: range of the effect that is claimed; `GAINS` for a gain.
        bounded: comparisons whose size is a bound, because no attack reached its target.
    """

    family: Family
    id: str
    words: str
    test: str
    kind: Kind
    values: pd.DataFrame
    rows: Mapping[str, Iterable[int]]
    weights: str = "none"
    method: str = "none"
    clusterer: str = "none"
    within: tuple[float, float] = GAINS
    bounded: int = 0

    @property
    def n(self) -> int:
        """Rows of the tidy tables that hold its numbers."""
        first = next(iter(self.rows.values()), ())
        return len(set(first))


@dataclass(frozen=True)
class Counted:
    """A claim of the form "always", with the cases looked at.

    Attributes:
        family: ``counted``, where cases may contradict it, or ``proved``, where none can.
        id: names the claim in tables.
        words: the claim.
        test: what the cases are.
        cases: how many could contradict it; 0 where the run has none.
        against: how many do.
        rows: tidy table -> positions of the rows behind the counts.
        why: of what is proved, why no case can contradict it.
    """

    family: Family
    id: str
    words: str
    test: str
    cases: int
    against: int
    rows: Mapping[str, Iterable[int]] = field(default_factory=dict)
    why: str = ""
