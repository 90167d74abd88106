"""The forest plot of the claims."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from advlearn.report.claims import Verdict
from advlearn.report.style import PAGE_HEIGHT, PAGE_WIDTH, figure_style
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.paper.figures import claims
from advlearn.studies.selective.paper.figures.claims import Row, forest
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.readable import assert_readable

FAMILIES = {"first": "The primary family", "second": "Secondary claims"}
GAIN = Row("H1", "a gain", "first", 0.056, 0.028, 0.084, 0.056, Verdict.HOLDS)
LOSS = Row(
    "C1", "a loss of clean accuracy", "second", -0.010, -0.015, -0.005, 0.005, Verdict.REFUTED
)
ONE_SEED = Row("A1", "one seed", "second", 0.02, nan, nan, 0.028, Verdict.NOT_TESTABLE)
NOT_RUN = Row("R5", "never measured", "second", nan, nan, nan, 0.056, Verdict.NOT_TESTABLE)
FAR = Row("D1", "far beyond the axis", "second", -0.9, -0.95, -0.85, 0.005, Verdict.REFUTED)


def drawn(*rows: Row) -> Figure:
    with figure_style():
        figure = forest(rows, FAMILIES)
        assert_readable(figure)
    width, height = figure.get_size_inches()
    assert width == PAGE_WIDTH
    assert height <= PAGE_HEIGHT
    # What is said at the margins does not reach into the panel of the effects.
    left, axis, right = figure.axes
    frame = axis.get_window_extent()
    assert all(text.get_window_extent().x1 <= frame.x0 for text in left.texts)
    assert all(text.get_window_extent().x0 >= frame.x1 for text in right.texts)
    return figure


def line(figure: Figure, label: str) -> np.ndarray:
    (found,) = (each for each in figure.axes[1].lines if each.get_label() == label)
    return np.asarray(found.get_xydata(), dtype=float)


def test_effects_are_drawn_in_smallest_effects_of_interest() -> None:
    figure = drawn(GAIN, LOSS)
    assert line(figure, "H1")[0, 0] == pytest.approx(1)
    assert line(figure, "H1 ci")[:, 0] == pytest.approx([0.5, 1.5])
    assert line(figure, "C1")[0, 0] == pytest.approx(-2)
    assert line(figure, "C1 ci")[:, 0] == pytest.approx([-3, -1])
    band: Any = figure.axes[1].patches[0]
    assert (band.get_x(), band.get_width()) == pytest.approx((-1, 2))


def test_margins_have_claims_effects_and_verdicts() -> None:
    left, _, right = drawn(LOSS, GAIN).axes
    assert [text.get_text() for text in left.texts] == [
        "The primary family",
        "H1  a gain",
        "Secondary claims",
        "C1  a loss of clean accuracy",
    ]
    assert [text.get_text() for text in right.texts] == [
        "+0.056 [+0.028, +0.084]",
        "holds",
        "−0.010 [−0.015, −0.005]",
        "refuted",
    ]
    heights = {text.get_text(): text.get_position()[1] for text in (*left.texts, *right.texts)}
    assert heights["H1  a gain"] == heights["holds"]
    assert heights["C1  a loss of clean accuracy"] == heights["refuted"]


def test_effects_without_interval_and_without_number() -> None:
    figure = drawn(GAIN, ONE_SEED, NOT_RUN)
    assert line(figure, "A1")[0, 0] == pytest.approx(0.02 / 0.028)
    assert not [each for each in figure.axes[1].lines if str(each.get_label()).startswith("R5")]
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert texts == ["+0.056 [+0.028, +0.084]", "holds", "+0.020", "not testable", "not testable"]


def test_what_lies_beyond_the_axis_is_an_arrow() -> None:
    figure = drawn(GAIN, FAR)
    (arrow,) = (each for each in figure.axes[1].lines if each.get_label() == "D1")
    assert arrow.get_marker() == "<"
    low, high = figure.axes[1].get_xlim()
    assert low <= line(figure, "D1")[0, 0] <= high
    assert "−0.900 [−0.950, −0.850]" in [text.get_text() for text in figure.axes[2].texts]


@pytest.mark.parametrize("words", ["c" * 10, "c" * 40, "one claim of many words " * 7])
def test_many_claims_and_long_ones(words: str) -> None:
    rows = [GAIN._replace(id=f"H{i}", words=words) for i in range(10)]
    rows += [LOSS._replace(id=f"N{i}", words="a claim of a usual length " * 3) for i in range(30)]
    figure = drawn(*rows)
    places = [text.get_position()[1] for text in figure.axes[0].texts]
    assert all(first < second for first, second in pairwise(places))


def test_one_claim() -> None:
    drawn(NOT_RUN)


def test_the_claims_of_a_run(full: SelectiveTidy) -> None:
    with figure_style():
        figure = claims.draw(full)
        assert_readable(figure)
    frame = verdicts(full).frame
    frame = frame[frame["family"] != "standard"].set_index("claim")
    for claim, effect, smallest in frame[["mean", "smallest"]].dropna().itertuples():
        scaled = effect / smallest
        shown = line(figure, str(claim))[0, 0]
        if abs(scaled) <= figure.axes[1].get_xlim()[1]:
            assert shown == pytest.approx(scaled)
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert [text for text in texts if text in set(Verdict)] == list(frame["verdict"])
    assert figure.axes[0].texts[1].get_text().startswith("H1  ")
