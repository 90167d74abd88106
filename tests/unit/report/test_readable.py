"""Each rule of docs/figures.md that is measured: a figure that breaks it is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advlearn.report.labels import BLUE, GREY, SKY, VERMILION
from advlearn.report.panels import grid, legend
from advlearn.report.style import figure_style
from tests.helpers.readable import defects

Change = Callable[[Figure, Axes], object]


def found(change: Change | None = None, panels: int = 1) -> list[str]:
    with figure_style():
        figure, axes = grid(1, panels, height=1.5, head=0.4)
        for axis in axes.flat[:1]:
            axis.plot([0, 1], [0, 1], "o-", color=BLUE)
        if change is not None:
            change(figure, axes[0, -1])
        return defects(figure)


def entry(marker: str = "o", colour: str = BLUE, line: str = "-", label: str = "a") -> Line2D:
    return Line2D([], [], marker=marker, color=colour, ls=line, label=label)


def test_a_good_figure() -> None:
    assert found() == []
    assert found(lambda figure, _: legend(figure, [entry()])) == []
    assert found(lambda _, axis: axis.text(0.5, 0.5, "not run"), panels=2) == []


def _two_colours(figure: Figure, axis: Axes) -> None:
    axis.plot([0, 1], [1, 0], "o-", color=VERMILION)
    legend(figure, [entry(), entry(colour=VERMILION, label="b")])


BROKEN: dict[str, tuple[Change, int]] = {
    "5.0 inches wide": (lambda figure, _: figure.set_size_inches(5, 2), 1),
    "10.0 inches high": (lambda figure, _: figure.set_size_inches(3.4, 10), 1),
    "has 6 points": (lambda _, axis: axis.set_title("small", fontsize=6), 1),
    "'pale' is too pale": (lambda _, axis: axis.text(0.2, 0.8, "pale", color=SKY), 1),
    "is cut": (lambda _, axis: axis.text(0.9, 0.5, "far too long", in_layout=False), 1),
    "'a' lies on 'b'": (lambda _, axis: [axis.text(0.5, 0.2, each) for each in "ab"], 1),
    "lies on another panel": (
        lambda _, axis: axis.text(-1.2, 0.5, "left", transform=axis.transAxes), 2
    ),
    "is empty": (lambda *_: None, 2),
    "panel 1, '', is empty": (lambda _, axis: axis.axhline(0), 2),
    "the legend has 'a', the panels do not": (
        lambda figure, _: legend(figure, [entry(marker="s")]), 1
    ),
    "the legend has 'band', the panels do not": (
        lambda figure, _: legend(figure, [Patch(color=SKY, label="band")]), 1
    ),
    "a legend of 7 entries": (
        lambda figure, _: legend(figure, [entry(label=str(i)) for i in range(7)]), 1
    ),
    "only colour tells 'a' from 'b'": (_two_colours, 1),
    "is not of the palette": (lambda _, axis: axis.plot([0, 1], [1, 0], color="#123456"), 1),
    "the colour map jet": (lambda _, axis: axis.imshow(np.eye(2), cmap="jet"), 1),
}  # fmt: skip


@pytest.mark.parametrize("words", BROKEN)
def test_what_breaks_a_rule_is_found(words: str) -> None:
    change, panels = BROKEN[words]
    lines = found(change, panels)
    assert any(words in line for line in lines), lines


def test_points_outside_the_limits_are_no_content() -> None:
    def change(_: Figure, axis: Axes) -> None:
        axis.plot([5, 6], [5, 6], "o")
        axis.set(xlim=(0, 1), ylim=(0, 1))

    assert any("is empty" in line for line in found(change, 2))


def test_turned_texts_may_stand_beside_one_another() -> None:
    def change(_: Figure, axis: Axes) -> None:
        axis.set_xticks([0, 0.3, 0.6], ["a long name"] * 3, rotation=45, ha="right")

    assert found(change) == []


def test_grey_entries_stand_for_marks_of_every_colour() -> None:
    assert found(lambda figure, _: legend(figure, [entry(colour=GREY)])) == []
