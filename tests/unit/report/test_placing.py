from __future__ import annotations

import numpy as np
import pytest

from advlearn.report.panels import grid
from advlearn.report.placing import Name, apart, drop_covered, name_points


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
