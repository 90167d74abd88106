"""The rows behind the numbers of study 3's tables, in the shipped run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from tests.helpers.lineage import Lineage

PUBLISHED = Path("config/published")
VALUES = {
    "bilevel_formulas": ["max_error"],
    "bilevel_intervals": ["low", "high"],
    "bilevel_attacks": "epsilon delta matching_error queries seconds".split(),
    "bilevel_blackbox": "epsilon delta one_minus_ari matching_error queries".split(),
    "bilevel_onepoint": "misclustered delta_squared l0 l2 linf queries".split(),
    "bilevel_agreement": ["kendall_tau"],
    "bilevel_poisoning": ["loss_after", "error_after", "queries"],
    "bilevel_sandwich": ["epsilon"],
    "bilevel_staircase": ["value"],
    "bilevel_monotone": ["moves", "not_monotone"],
    "bilevel_moved": ["delta_squared"],
}
"""Columns of each tidy table that hold its numbers."""
COLUMNS = {"bilevel_gamma_interval": ["low", "ratio"], "bilevel_delta_formulas": ["max_error"]}
"""Columns of a table that are tried; the mean of the others."""


@pytest.fixture(scope="module")
def run() -> BilevelTidy:
    return BilevelTidy(Path("results/reference/tidy"), PUBLISHED)


@pytest.mark.parametrize("name", STUDY.tables)
def test_the_keys_of_a_table_name_one_line(name: str, run: BilevelTidy) -> None:
    table = STUDY.table(name).build(run)
    assert table.how
    assert not table.frame.duplicated(list(table.keys)).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.tables)
def test_a_number_depends_on_the_rows_behind_it_and_on_no_others(
    name: str, run: BilevelTidy
) -> None:
    Lineage(STUDY, name, run, VALUES).check(COLUMNS.get(name, ["mean"]))


def test_published_numbers_are_found_in_their_file(run: BilevelTidy) -> None:
    table = STUDY.table("bilevel_onepoint").build(run)
    published = run.published("bilevel_onepoint")
    seen = 0
    for line in records(table.frame):
        rows = table.published_rows(line, published)
        if pd.isna(line["published"]):
            assert rows == []
            continue
        assert published.loc[rows, "published"].tolist() == [line["published"]]
        seen += 1
    assert seen
