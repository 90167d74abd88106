"""The marks of figures whose data are known."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from advlearn.report.drawn import COLUMNS, described, marks
from advlearn.report.labels import BLUE, GREY, VERMILION, Look
from advlearn.report.panels import grid, legend, legend_entries
from advlearn.report.placing import End, name_ends


@pytest.fixture
def figure() -> Figure:
    figure, panels = grid(1, 2, height=1, head=0.4, share="all")
    left, right = panels[0]
    left.plot([1, 2, 3], [0.1, 0.2, 0.4], color=BLUE)
    left.plot([1, 2], [5, 6], "o", color=VERMILION)
    left.vlines([1], [0.05], [0.15], color=BLUE)
    left.axhline(0.3, color=GREY, label="published")
    left.set_title("left")
    left.set_ylabel("accuracy")
    right.scatter([1, 2], [3, 4], color=[BLUE, VERMILION])
    right.text(0, 0, "words")
    right.set_xlabel("k")
    legend(
        figure,
        legend_entries([Look(BLUE, "none", "-", "ours"), Look(VERMILION, "o", "none", "theirs")]),
    )
    return figure


def test_every_mark_has_a_row_with_its_series(figure: Figure) -> None:
    frame = marks(figure)
    assert tuple(frame) == COLUMNS
    line = frame[(frame["mark"] == "line") & (frame["series"] == "ours")]
    assert line["x"].tolist() == [1, 2, 3]
    assert line["y"].tolist() == [0.1, 0.2, 0.4]
    assert set(line["panel"]) == {1}
    assert set(line["title"]) == {"left"}
    assert set(line["y_axis"]) == {"accuracy"}
    dots = frame[(frame["panel"] == 1) & (frame["mark"] == "point")]
    assert (dots["series"] == "theirs").all()
    assert dots["y"].tolist() == [5, 6]
    scattered = frame[frame["panel"] == 2]
    assert dict(zip(scattered["series"], scattered["y"], strict=True)) == {"ours": 3, "theirs": 4}
    assert set(scattered["x_axis"]) == {"k"}


def test_segments_have_two_ends_and_lines_across_one_coordinate(figure: Figure) -> None:
    frame = marks(figure)
    arm = frame[frame["mark"] == "segment"].iloc[0]
    assert (arm["x"], arm["y"], arm["x_end"], arm["y_end"]) == (1, 0.05, 1, 0.15)
    assert arm["series"] == "ours"
    across = frame[frame["series"] == "published"]
    assert across["x"].isna().all()
    assert across["y"].tolist() == [0.3, 0.3]


def test_bars_end_where_they_are_read_and_ticks_lend_their_names() -> None:
    figure, panels = grid(1, 1, height=1, head=0.4)
    axis = panels[0, 0]
    axis.barh([0, 1], [0.25, 0.75], label="weight")
    axis.plot([0.5, 0.6], [0, 1], "o", label="prior")
    axis.set_yticks([0, 1], ["Adam", "SGD"])
    axis.set_xlabel("weight")
    frame = marks(figure)
    bars = frame[frame["mark"] == "bar"]
    assert bars["x_end"].tolist() == [0.25, 0.75]
    assert bars["y"].tolist() == ["Adam", "SGD"]
    assert set(bars["series"]) == {"weight"}
    assert frame.loc[frame["series"] == "prior", "y"].tolist() == ["Adam", "SGD"]
    assert "prior from 0.500 to 0.600" in described(figure, frame)


def test_cells_of_a_map_have_their_value_and_photographs_have_none() -> None:
    figure, panels = grid(1, 2, height=1, head=0.4)
    image = panels[0, 0].imshow(np.array([[1.0, 2.0], [3.0, np.nan]]))
    figure.colorbar(image)
    panels[0, 1].imshow(np.zeros((2, 2)))
    panels[0, 1].set_xticks([])
    frame = marks(figure)
    assert set(frame["panel"]) == {1}
    cells = dict(zip(zip(frame["x"], frame["y"], strict=True), frame["value"], strict=True))
    assert cells == {(0, 0): 1, (1, 0): 2, (0, 1): 3}
    mesh, panels = grid(1, 1, height=1, head=0.4)
    panels[0, 0].pcolormesh([0, 2, 4], [0, 1], [[5.0, 6.0]])
    frame = marks(mesh)
    assert frame[["x", "y", "value"]].to_numpy().tolist() == [[1, 0.5, 5], [3, 0.5, 6]]


def test_names_at_the_ends_of_lines_name_them_and_are_no_marks() -> None:
    figure, panels = grid(1, 1, height=1, head=0.4)
    axis = panels[0, 0]
    axis.plot([1, 2], [3, 4], color=BLUE)
    name_ends([(axis, [End(4, Look(BLUE, "o", "-", "ours"))])])
    frame = marks(figure)
    assert frame["series"].tolist() == ["ours", "ours"]
    assert frame["y"].tolist() == [3, 4]


def test_what_is_seen_is_said(figure: Figure) -> None:
    text = described(figure, marks(figure))
    assert text.startswith(
        "2 panels: left. Horizontal: k. Vertical: accuracy. Values: ours from 0.0500"
    )
    assert "theirs from 4.00 to 6.00" in text
    assert described(Figure(), marks(Figure())) == "0 panels."


def test_hidden_panels_have_no_rows(figure: Figure) -> None:
    figure.axes[1].set_visible(False)
    assert set(marks(figure)["panel"]) == {1}
