"""Names beside the points of a panel, so that a figure needs few legend entries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, BboxBase, ScaledTranslation

from advlearn.report.colours import ink
from advlearn.report.labels import Look
from advlearn.report.panels import QUIET
from advlearn.report.style import SMALL

_SIDES = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
_STEPS = (4.0, 9.0, 16.0, 26.0, 38.0)  # points from a mark to its name
_LEADER = {"arrowstyle": "-", "lw": 0.4, "color": QUIET, "shrinkA": 0, "shrinkB": 0}
_ALONG = np.linspace(0.2, 1, 9)  # of the way from a point to its name
_AIR = 3.0  # pixels round a name
_ACROSS = ("left", "center", "right")
_UP = ("bottom", "center", "top")
_LEVEL = 1.2 * SMALL  # points from one name at the ends of lines to the next
_TO_MARK, _TO_NAME = 9.0, 14.0  # points from a panel to the mark of a name and to the name
NAME_OF = "_name of "
"""Begins the label of a mark that stands before the name of a line, and is none of the data."""


class Name(NamedTuple):
    """A name of a point in the coordinates of the data, perhaps in a colour of its own."""

    text: str
    x: float
    y: float
    colour: str | None = None


def name_points(
    axis: Axes, names: Iterable[Name], marks: np.ndarray, **style: Any
) -> list[Annotation]:
    """Write each name beside its point, where it covers least; other texts of the panel stay free.

    The layout of the figure is settled first: whatever changes it must be drawn by then.

    Args:
        axis: a panel with its limits set.
        names: what to name; earlier ones have the better places.
        marks: (n, 2) further points that names should not cover.
        **style: of the texts.
    """
    _settle(axis)
    frame = axis.get_window_extent().padded(_AIR)
    places = axis.transData.transform(np.reshape(marks, (-1, 2)))
    texts: list[Annotation] = []
    leaders: list[Path] = []
    taken: list[BboxBase] = [text.get_window_extent() for text in axis.texts if text.get_text()]
    for name in names:
        own = axis.transData.transform((name.x, name.y))
        colour = {"color": name.colour} if name.colour else {}
        text = _beside(axis, name, name.text, **{**style, **colour})
        ways = [(dx, dy, step) for step in _STEPS for dx, dy in _SIDES]

        def cost(
            way: tuple[int, int, float], text: Annotation = text, own: np.ndarray = own
        ) -> float:
            box, led = _moved(text, way), way[2] > _STEPS[0]
            outside = not (frame.x0 <= box.x0 and box.x1 <= frame.x1) or not (
                frame.y0 <= box.y0 and box.y1 <= frame.y1
            )
            covered = sum(box.contains(*place) for place in places) + 2 * box.contains(*own)
            hidden = sum(box.overlaps(other) for other in taken)
            centre = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2
            between = own + np.outer(_ALONG, centre - own)
            crossed = sum(any(other.contains(*at) for at in between) for other in taken)
            if led:
                line = Path([own, own + _offset(axis, way)])
                crossed += sum(line.intersects_path(other) for other in leaders)
            away = np.hypot(*(places[:, None] - between).transpose(2, 0, 1)).min(axis=1)
            touched = int((away < _AIR).sum()) if led else 0
            return 1000 * outside + 100 * hidden + 10 * crossed + covered + touched + way[2] / 20

        best = min(ways, key=cost)
        taken.append(_moved(text, best))
        if best[2] > _STEPS[0]:
            leaders.append(Path([own, own + _offset(axis, best)]))
            leader = _beside(axis, name, "", arrowprops=_LEADER)
            leader.xyann = text.xyann
        texts.append(text)
    return texts


class End(NamedTuple):
    """The end of a line.

    Attributes:
        y: height in the coordinates of the data; NaN for a line that the panel does not have.
        look: how the line is drawn, and its name.
    """

    y: float
    look: Look


def name_ends(panels: Iterable[tuple[Axes, Sequence[End]]]) -> None:
    """Write the names of lines right of their panels, at the heights at which the lines end.

    In front of each name stands the mark of its line. Names that would lie on one another move
    apart, and a thin line leads from each to its end. The layout of the figure is settled first:
    whatever changes it must be drawn by then.

    Args:
        panels: each panel with its limits set, and the ends of its lines.
    """
    written = [(axis, [_End(axis, end) for end in ends]) for axis, ends in panels if ends]
    if written:
        _settle(written[0][0])
    for axis, ends in written:
        _move_apart(axis, ends)


class _End:
    """Mark, name and leader of one line."""

    def __init__(self, axis: Axes, end: End) -> None:
        self.axis = axis
        low, high = sorted(axis.get_ylim())
        self.known = math.isfinite(end.y)
        self.y = min(max(end.y, low), high) if self.known else low
        look = end.look
        where = self._right_by(_TO_MARK, 0.0)
        (self.mark,) = axis.plot(
            1, self.y, look.marker, color=look.colour, ms=3.5, transform=where, clip_on=False,
            label=f"{NAME_OF}{look.label}",
        )  # fmt: skip
        self.name: Text = axis.text(
            1, self.y, look.label, transform=self._right_by(_TO_NAME, 0.0), va="center",
            fontsize=SMALL, color=ink(look.colour),
        )  # fmt: skip

    def _right_by(self, x: float, y: float) -> Any:
        figure = self.axis.get_figure(root=True)
        assert figure is not None  # a panel belongs to a figure
        shift = ScaledTranslation(x / 72, y / 72, figure.dpi_scale_trans)
        return self.axis.get_yaxis_transform() + shift

    def move(self, up: float) -> None:
        """Move mark and name up by so many points."""
        self.mark.set_transform(self._right_by(_TO_MARK, up))
        self.name.set_transform(self._right_by(_TO_NAME, up))
        if not self.known:
            return
        leader = self.axis.annotate(
            "", (1, self.y), xycoords=self.axis.get_yaxis_transform(),
            xytext=(_TO_MARK - 3.0, up), textcoords="offset points", arrowprops=_LEADER,
        )  # fmt: skip
        leader.set_in_layout(False)


def _move_apart(axis: Axes, ends: Sequence[_End]) -> None:
    figure = axis.get_figure(root=True)
    assert figure is not None  # a panel belongs to a figure
    # Of lines that end together the first one's name stands highest.
    ends = ends[::-1]
    points = 72 / figure.dpi
    frame = axis.get_window_extent()
    wished = [axis.transData.transform((0, end.y))[1] * points for end in ends]
    between = (frame.y0 * points, frame.y1 * points)
    for end, place, wish in zip(ends, apart(wished, _LEVEL, between), wished, strict=True):
        end.move(place - wish)


def drop_covered(axis: Axes, texts: Sequence[Text]) -> list[Text]:
    """Remove each text that would lie on an earlier one; those that stay."""
    _settle(axis)
    stay: list[Text] = []
    boxes: list[Bbox] = []
    for text in texts:
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in boxes):
            text.remove()
        else:
            stay.append(text)
            boxes.append(box)
    return stay


def _settle(axis: Axes) -> None:
    figure = axis.get_figure(root=True)
    assert figure is not None  # a panel belongs to a figure
    figure.draw_without_rendering()


def _offset(axis: Axes, way: tuple[int, int, float]) -> np.ndarray:
    """From a point to where its leader ends, in pixels."""
    figure = axis.get_figure(root=True)
    assert figure is not None  # a panel belongs to a figure
    dx, dy, step = way
    return np.array([dx, dy]) * step * figure.dpi / 72


def _moved(text: Annotation, way: tuple[int, int, float]) -> Bbox:
    dx, dy, step = way
    text.set(ha=_ACROSS[1 - dx], va=_UP[1 - dy])
    text.xyann = (dx * step, dy * step)
    return text.get_window_extent().padded(_AIR)


def _beside(axis: Axes, name: Name, text: str, **options: Any) -> Annotation:
    found = axis.annotate(
        text, (name.x, name.y), xytext=(0, 0), textcoords="offset points", **options
    )
    found.set_in_layout(False)
    return found


def apart(
    places: Sequence[float], gap: float, between: tuple[float, float] | None = None
) -> list[float]:
    """Places on a line moved as little as need be until each is ``gap`` from the next.

    Args:
        places: in any order; the result has the same one.
        gap: least distance, above 0.
        between: where all lie, as far as there is room; anywhere by default.
    """
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)[order]
    # Neighbours that are too near share their middle, as pools that grow until none touch.
    pools: list[list[float]] = []  # middle of the members' wishes, number of members
    for place in moved:
        pools.append([place, 1.0])
        while len(pools) > 1:
            (low, m), (high, n) = pools[-2:]
            if high - low >= gap * (m + n) / 2:
                break
            pools[-2:] = [[(low * m + high * n) / (m + n), m + n]]
    result = [middle + gap * (i - (n - 1) / 2) for middle, n in pools for i in range(int(n))]
    if between is not None:
        steps = gap * np.arange(len(result))
        highest = between[1] - steps[::-1]
        result = list(np.maximum(np.minimum(result, highest), between[0] + steps))
    return [result[int(place)] for place in np.argsort(order, kind="stable")]
