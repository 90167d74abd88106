"""The comparison of closed forms with brute force, and that it notices a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.deviations import delta as forms
from advlearn.deviations.checks import brute_force, check_formulas, formulas, labels_of


def test_brute_force_is_the_frobenius_norm_of_the_membership_matrices() -> None:
    table = np.array([[3, 1, 0], [2, 0, 4]])
    before, after = labels_of(table)
    y, z = np.eye(2, dtype=int)[before], np.eye(3, dtype=int)[after]
    assert brute_force(table) == 34 == pytest.approx(np.linalg.norm(y @ y.T - z @ z.T) ** 2)


def test_every_closed_form_is_exact_on_new_cases() -> None:
    found = check_formulas(60, seed=11)
    assert {check.max_error for check in found} == {0.0}
    assert [check.cases for check in found if check.formula != "two_clusters"] == [60] * 17
    names = [check.formula for check in found]
    assert names == formulas()
    assert {f"three_clusters_{name}" for name in forms.PATTERNS} < set(names)


@pytest.mark.parametrize(
    ("function", "line"), [("two_clusters", "two_clusters"), ("from_table", "contingency")]
)
def test_a_wrong_closed_form_is_noticed(
    monkeypatch: pytest.MonkeyPatch, function: str, line: str
) -> None:
    right = getattr(forms, function)
    monkeypatch.setattr(forms, function, lambda *given: right(*given) + 2)
    found = {check.formula: check.max_error for check in check_formulas(5, seed=0)}
    assert found[line] == 2.0


def test_the_seed_alone_decides_the_cases() -> None:
    assert check_formulas(5, seed=3) == check_formulas(5, seed=3)
