"""The claims of a run of study 3, and what they are by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.report.crossed import two_way_bootstrap
from advlearn.studies.bilevel.paper.claims.verdicts import tested as all_claims
from advlearn.studies.bilevel.schema import BilevelTidy
from tests.helpers.lineage import with_table


def claims(run: BilevelTidy) -> Any:
    return all_claims(run).frame.set_index("claim")


def changed(run: BilevelTidy, name: str, frame: pd.DataFrame) -> BilevelTidy:
    other = with_table(run, name, frame.reset_index(drop=True))
    assert isinstance(other, BilevelTidy)
    return other


def expected(rows: pd.DataFrame, value: Any) -> list[float]:
    """Mean, interval and p of values by data set and seed."""
    found = two_way_bootstrap(value, rows["dataset"], rows["seed"])
    return [found.mean, *found.bounds, found.effect.p]


def numbers(row: Any) -> list[float]:
    return [float(row[name]) for name in ("mean", "ci_low", "ci_high", "p")]


def smallest(run: BilevelTidy, weights: str, target: str, but: str = "") -> pd.DataFrame:
    """Smallest attack of each data set and seed, by hand; 3 where none reached the target."""
    attacks = run["bilevel_attacks"]
    here = attacks[(attacks["form"] == "min_effort") & (attacks["target"] == target)]
    here = here[(here["weights"] == weights) & (here["method"] != but)]
    sizes = here["epsilon"].where(here["reached"] == 1, 3.0)
    return sizes.groupby([here["dataset"], here["seed"]]).min().rename("size").reset_index()
