from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advlearn.report.multiplicity import benjamini_hochberg, holm
from advlearn.support.errors import UserError

Adjust = Callable[[list[float]], np.ndarray]
BOTH = pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=25)


def holm_rejects(p: list[float], level: float) -> set[int]:
    """Holm's procedure as he states it: from the smallest, until one is too large."""
    rejected = set()
    for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[index] > level / (len(p) - step):
            break
        rejected.add(index)
    return rejected


def benjamini_hochberg_rejects(p: list[float], level: float) -> set[int]:
    """Their procedure: all up to the largest i with p_(i) <= i level / m."""
    order = sorted(range(len(p)), key=p.__getitem__)
    last = max((i for i, index in enumerate(order, 1) if p[index] <= i * level / len(p)), default=0)
    return set(order[:last])


def test_textbook() -> None:
    # Holm's rule by hand, and the fifteen p-values of Benjamini and Hochberg (1995), section 4.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    published += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert (holm(published) <= 0.05).sum() == 3
    assert (benjamini_hochberg(published) <= 0.05).sum() == 4


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_what_is_rejected_is_what_the_procedures_reject(p: list[float], level: float) -> None:
    for adjust, rejects in ((holm, holm_rejects), (benjamini_hochberg, benjamini_hochberg_rejects)):
        adjusted = adjust(p)
        # A value at the level itself is a matter of rounding.
        if not np.isclose(adjusted, level, rtol=1e-9).any():
            assert set(np.flatnonzero(adjusted <= level)) == rejects(p, level)


@given(P_VALUES)
def test_benjamini_hochberg_is_that_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), rel=1e-12)


@BOTH
@given(p=P_VALUES, data=st.data())
def test_monotone_not_below_and_in_any_order(
    adjust: Adjust, p: list[float], data: st.DataObject
) -> None:
    adjusted = adjust(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    order = data.draw(st.permutations(range(len(p))))
    assert adjust([p[each] for each in order]).tolist() == adjusted[order].tolist()
    # A correction for the whole family is at least as strict as one for the rate of false ones.
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()


@BOTH
def test_one_test_is_its_own_family_and_none_is_none(adjust: Adjust) -> None:
    assert adjust([0.03]).tolist() == [0.03]
    assert adjust([]).tolist() == []


@BOTH
@pytest.mark.parametrize("wrong", [float("nan"), -0.01, 1.01, float("inf")])
def test_what_is_no_p_value_is_named(adjust: Adjust, wrong: float) -> None:
    with pytest.raises(UserError, match=r"lies in \[0, 1\]\n.*1 of 3, counted from 0") as caught:
        adjust([0.5, wrong, 0.1])
    assert str(wrong) in caught.value.where


@BOTH
def test_a_table_of_p_values_is_no_family(adjust: Callable[[object], np.ndarray]) -> None:
    with pytest.raises(UserError, match=r"shape \(1, 2\)"):
        adjust([[0.5, 0.1]])


def test_the_given_values_are_kept() -> None:
    p = np.array([0.04, 0.01])
    benjamini_hochberg(p), holm(p)
    assert p.tolist() == [0.04, 0.01]
