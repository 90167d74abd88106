from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

from advlearn.report.labels import BLUE, ORANGE, Look
from advlearn.report.panels import grid
from advlearn.report.placing import End, Name, apart, drop_covered, name_ends, name_points
from advlearn.report.style import figure_style


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.0, 1.0], [0.0, 1.0]),
        ([1.0, 1.0], [0.9, 1.1]),
        ([1.1, 1.0], [1.15, 0.95]),
        ([1.0, 1.0, 1.0, 5.0], [0.8, 1.0, 1.2, 5.0]),
        # The first two are pushed onto the third, and all three move.
        ([1.0, 1.0, 1.15], [0.85, 1.05, 1.25]),
        ([], []),
    ],
)
def test_places_are_moved_apart(places: list[float], expected: list[float]) -> None:
    assert apart(places, 0.2) == pytest.approx(expected)


@pytest.mark.parametrize("places", [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.4, 0.5, 1.3]])
def test_places_that_are_moved_apart_stay_between(places: list[float]) -> None:
    moved = sorted(apart(places, 0.2, (0.0, 1.0)))
    assert moved[0] >= 0
    assert moved[-1] <= 1
    assert np.diff(moved).min() >= 0.2 - 1e-9


def test_where_there_is_no_room_the_gap_is_kept() -> None:
    assert apart([0.5, 0.5, 0.5], 1.0, (0.0, 1.0)) == pytest.approx([0.0, 1.0, 2.0])


def test_lines_are_named_at_their_ends() -> None:
    looks = [Look(BLUE, "o", "-", name) for name in ("first", "second", "low", "absent")]
    with figure_style():
        figure, panels = grid(1, 1, height=2, head=0.2)
        axis = panels[0, 0]
        axis.set(xlim=(0, 1), ylim=(0, 1))
        heights = (0.9, 0.9, 0.2, float("nan"))
        name_ends([(axis, [End(y, look) for y, look in zip(heights, looks, strict=True)])])
        figure.draw_without_rendering()
        texts = {text.get_text(): text for text in axis.texts if text.get_text()}
        boxes = {name: text.get_window_extent() for name, text in texts.items()}
        frame = axis.get_window_extent()
    assert list(texts) == ["first", "second", "low", "absent"]
    assert all(box.x0 > frame.x1 and box.x1 <= figure.bbox.x1 for box in boxes.values())
    middle = {name: (box.y0 + box.y1) / 2 for name, box in boxes.items()}
    assert middle["first"] > middle["second"] > middle["low"] > middle["absent"]
    low = axis.transData.transform((0, 0.2))[1]
    assert middle["low"] == pytest.approx(low, abs=1.5)
    assert not any(a.overlaps(b) for a in boxes.values() for b in boxes.values() if a is not b)
    # Each has the mark of its line in front, and a leader where the line is drawn.
    assert [line.get_marker() for line in axis.lines] == ["o"] * 4
    assert len([text for text in axis.texts if not text.get_text()]) == 3


def test_names_have_the_colour_of_their_lines_as_far_as_it_is_dark_enough() -> None:
    with figure_style():
        _, panels = grid(1, 1, height=2, head=0.2)
        axis = panels[0, 0]
        name_ends([(axis, [End(0.5, Look(ORANGE, "o", "-", "pale"))])])
    (text,) = (text for text in axis.texts if text.get_text())
    assert text.get_color() != ORANGE
    assert axis.lines[0].get_color() == ORANGE


def test_names_avoid_what_is_written_already_and_have_their_own_colours() -> None:
    with figure_style():
        _, panels = grid(1, 1, height=2, head=0.2)
        axis = panels[0, 0]
        axis.set(xlim=(0, 1), ylim=(0, 1))
        remark = axis.text(0.52, 0.5, "a remark", va="center")
        names = [Name("name", 0.5, 0.5, "#123456"), Name("other", 0.2, 0.2)]
        first, second = name_points(axis, names, np.zeros((0, 2)), color=BLUE)
        assert not first.get_window_extent().overlaps(remark.get_window_extent())
    assert (first.get_color(), second.get_color()) == ("#123456", BLUE)


def test_names_do_not_lie_on_one_another_nor_on_marks() -> None:
    _, panels = grid(1, 1, height=2, head=0.2)
    axis = panels[0, 0]
    marks = np.array([[x, 0.5] for x in np.linspace(0.3, 0.7, 40)])
    axis.set(xlim=(0, 1), ylim=(0, 1))
    names = [Name("first", 0.5, 0.5), Name("second", 0.5, 0.5), Name("third", 0.52, 0.5)]
    texts = name_points(axis, names, marks)
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    places = axis.transData.transform(marks)
    assert not any(box.contains(*place) for box in boxes for place in places)


def test_leaders_do_not_cross() -> None:
    _, panels = grid(1, 1, height=2, head=0.2)
    axis = panels[0, 0]
    axis.set(xlim=(0, 1), ylim=(0, 1))
    # Ends near one another at the right edge, whose names have room on the left alone.
    ends = [(0.99, height) for height in (0.55, 0.62, 0.5)]
    names = [Name("a long name", *end) for end in ends]
    marks = np.array([[x, y] for _, y in ends for x in np.linspace(0.5, 0.99, 12)])
    texts = name_points(axis, names, marks)
    lines = []
    for end, text in zip(ends, texts, strict=True):
        own = axis.transData.transform(end)
        lines.append(Path([own, own + np.multiply(text.xyann, axis.figure.dpi / 72)]))
    pairs = [(a, b) for i, a in enumerate(lines) for b in lines[:i]]
    assert not any(a.intersects_path(b) for a, b in pairs)


def test_covered_names_are_dropped_the_later_ones_first() -> None:
    _, panels = grid(1, 1, height=2, head=0.2)
    axis = panels[0, 0]
    texts = [
        axis.text(0.5, 0.5, "large"),
        axis.text(0.51, 0.5, "small"),
        axis.text(0.1, 0.1, "far"),
    ]
    assert [text.get_text() for text in drop_covered(axis, texts)] == ["large", "far"]
    assert [text.get_text() for text in axis.texts] == ["large", "far"]
