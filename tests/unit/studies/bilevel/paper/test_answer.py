"""The answer of study 3 follows its tables."""

from __future__ import annotations

import pytest

from advlearn.report.claims import Verdict
from advlearn.studies.bilevel.paper.answer import answer, findings
from advlearn.studies.bilevel.paper.checks import ABSTRACT_CLAIM, checks
from advlearn.studies.bilevel.schema import BilevelTidy
from tests.helpers.lineage import with_table


def still(run: BilevelTidy, names: list[str]) -> BilevelTidy:
    """The run with value functions of some data sets that stay at 0."""
    frame = run["bilevel_staircase"].copy()
    frame.loc[frame["dataset"].isin(names), "value"] = 0.0
    changed = with_table(run, "bilevel_staircase", frame)
    assert isinstance(changed, BilevelTidy)
    return changed


def test_the_count_is_that_of_the_value_functions(full: BilevelTidy) -> None:
    found, check = answer(full), checks(full)[ABSTRACT_CLAIM]
    assert (found.held, found.total) == (check.cases - check.violations, check.cases)
    assert found.verdict is Verdict.HOLDS
    assert found.number is not None
    assert found.number.mean == 1
    assert found.number.low == pytest.approx(0.025 ** (1 / check.cases))


def test_the_verdict_follows_the_count(full: BilevelTidy) -> None:
    names = list(full["bilevel_staircase"]["dataset"].unique())
    assert answer(still(full, names[:1])).verdict is Verdict.NOT_DECIDED
    nothing = answer(still(full, names))
    assert (nothing.verdict, nothing.held) == (Verdict.REFUTED, 0)


def test_what_is_proved_stands_apart_from_what_is_claimed(full: BilevelTidy) -> None:
    found = findings(full)
    assert len(found.primary[1]) == 1
    assert len(found.secondary[1]) == len(checks(full)) - 1
    assert any("value functions" in text for text in found.meaning)
    assert all("proved" in row[1] or "checked" in row[1] for row in found.secondary[1])


def test_the_least_run_has_an_answer(small: BilevelTidy) -> None:
    assert findings(small).answer.total == checks(small)[ABSTRACT_CLAIM].cases
