"""Names beside the points of a panel, so that a figure needs few legend entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, BboxBase

from advlearn.report.panels import QUIET

_SIDES = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
_STEPS = (4.0, 9.0, 16.0, 26.0)  # points from a mark to its name
_LEADER = {"arrowstyle": "-", "lw": 0.4, "color": QUIET, "shrinkA": 0, "shrinkB": 0}
_AIR = 2.0  # pixels round a name
_ACROSS = ("left", "center", "right")
_UP = ("bottom", "center", "top")


class Name(NamedTuple):
    """A name of a point in the coordinates of the data."""

    text: str
    x: float
    y: float


def name_points(
    axis: Axes, names: Iterable[Name], marks: np.ndarray, **style: Any
) -> list[Annotation]:
    """Write each name beside its point, where it covers least.

    The layout of the figure is settled first: whatever changes it must be drawn by then.

    Args:
        axis: a panel with its limits set.
        names: what to name; earlier ones have the better places.
        marks: (n, 2) further points that names should not cover.
        **style: of the texts.
    """
    _settle(axis)
    frame, places = axis.get_window_extent(), axis.transData.transform(np.reshape(marks, (-1, 2)))
    texts: list[Annotation] = []
    taken: list[BboxBase] = []
    for name in names:
        own = axis.transData.transform((name.x, name.y))
        text = _beside(axis, name, name.text, **style)
        ways = [(dx, dy, step) for step in _STEPS for dx, dy in _SIDES]

        def cost(
            way: tuple[int, int, float], text: Annotation = text, own: np.ndarray = own
        ) -> float:
            box = _moved(text, way)
            outside = not (frame.x0 <= box.x0 and box.x1 <= frame.x1) or not (
                frame.y0 <= box.y0 and box.y1 <= frame.y1
            )
            covered = sum(box.contains(*place) for place in places) + 2 * box.contains(*own)
            hidden = sum(box.overlaps(other) for other in taken)
            return 1000 * outside + 100 * hidden + covered + way[2] / 100

        best = min(ways, key=cost)
        taken.append(_moved(text, best))
        if best[2] > _STEPS[0]:
            leader = _beside(axis, name, "", arrowprops=_LEADER)
            leader.xyann = text.xyann
        texts.append(text)
    return texts


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


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places on a line moved as little as need be until each is ``gap`` from the next.

    Args:
        places: in any order; the result has the same one.
        gap: least distance, above 0.
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
    return [result[int(place)] for place in np.argsort(order, kind="stable")]
