from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from advlearn.report.labels import BLUE, Look
from advlearn.report.panels import (
    columns_for,
    decade_ticks,
    draw_lines,
    few_note,
    flow,
    grid,
    last_in_rows,
    limits,
    log_span,
    lowest,
)


def test_limits() -> None:
    low, high = limits([0.9695, 0.9705])
    assert high - low >= 0.02  # noise is not blown up
    assert limits([0.0, 1.0]) == pytest.approx((-0.03, 1.03))
    low, high = limits([0.0])
    assert -0.01 < low < 0  # no room for accuracies below zero
    assert high >= 0.02
    low, high = limits([1.0])
    assert 1 < high < 1.01
    assert limits([float("nan")]) == (0.0, 1.0)
    low, high = limits([0.2, 0.3])
    assert low < 0.2
    assert high > 0.3


def test_logarithmic_limits() -> None:
    low, high = log_span([1.0, 1.1])
    assert high / low == pytest.approx(5)
    assert low < 1.0 < 1.1 < high
    low, high = log_span([0.1, 10, 0, float("nan")])
    assert (low, high) == pytest.approx((0.1 / 1.15, 11.5))
    assert log_span([])[0] > 0


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(1, 4, 1), (4, 4, 4), (5, 4, 3), (6, 4, 3), (7, 4, 4), (8, 4, 4), (9, 5, 3), (10, 5, 5)],
)
def test_columns_leave_few_cells_free(count: int, most: int, expected: int) -> None:
    assert columns_for(count, most) == expected


def test_panels_that_flow_have_no_empty_cell_and_ticks_below_each_column() -> None:
    figure, panels = flow(5, 3, height=1.0, head=0.2, share="all")
    assert panels.shape == (2, 3)
    assert len(figure.axes) == 5
    assert panels[1, 2] is None
    figure.draw_without_rendering()
    assert lowest(panels) == [panels[1, 0], panels[1, 1], panels[0, 2]]
    assert last_in_rows(panels) == [panels[0, 2], panels[1, 1]]
    ticks = [axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in figure.axes]
    assert ticks == [False, False, True, True, True]


@pytest.mark.parametrize("span", [(2.4, 4.1), (19.0, 26.0), (0.9, 5.2), (1.0, 400.0), (1e-4, 1e4)])
def test_a_logarithmic_axis_has_two_to_six_numbers(span: tuple[float, float]) -> None:
    figure, panels = grid(1, 1, height=1.5, head=0.3)
    axis = panels[0, 0]
    axis.set(xscale="log", xlim=span)
    decade_ticks(axis.xaxis)
    figure.draw_without_rendering()
    seen = [tick for tick in axis.get_xticks() if span[0] <= tick <= span[1]]
    assert 2 <= len(seen) <= 6


def test_lines_have_their_seeds_as_dots_and_say_where_they_end() -> None:
    table = pd.DataFrame(
        {"x": [1, 2, 2], "kind": ["a", "a", "b"], "mean": [0.2, 0.4, np.nan], "n": [30, 5, 0]}
    ).assign(ci_low=0.1, ci_high=0.5)
    seeds = pd.DataFrame({"x": [1, 1, 2], "kind": "a", "value": [0.1, 0.3, 0.4]})
    looks = {name: Look(BLUE, "o", "-", name) for name in "ab"}
    _, panels = grid(1, 1, height=1.5, head=0.3)
    axis = panels[0, 0]
    assert draw_lines(axis, table, "x", looks, "kind", seeds) == {"a": 0.4}
    dots = [line for line in axis.lines if line.get_label() == "seeds"]
    assert [list(np.asarray(line.get_ydata())) for line in dots] == [[0.1, 0.3, 0.4]]
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    assert [list(np.asarray(line.get_ydata())) for line in hollow] == [[0.4]]
    assert few_note(table) == "hollow: fewer than 10 images"
    assert few_note(table[table["n"] != 5]) == ""
