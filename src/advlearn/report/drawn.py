"""What a drawn figure shows, as a table and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator
from matplotlib.transforms import Transform

from advlearn.report.downloads import csv_text
from advlearn.report.numbers import format_significant
from advlearn.report.pieces import FigurePiece
from advlearn.report.placing import NAME_OF

COLUMNS = tuple("panel title x_axis y_axis series mark x y x_end y_end value".split())
"""Columns of the table of marks: panels count from 1 in reading order."""
_MOST_NAMED = 8

Look = tuple[str, ...]
"""How a mark is drawn: its colour, or colour, line and marker; nothing where it has none."""
Mark = tuple[str, str, np.ndarray]
"""Series, kind of mark, and (n, 5): x, y, where a segment or a bar ends, value of a cell."""


def marks(figure: Figure) -> pd.DataFrame:
    """Every mark of a figure in the coordinates of its axes, one row a mark.

    Points of a line have one row each; a segment (an arm of an interval, a spoke) and a bar have
    their other end in ``x_end`` and ``y_end``. A line across the whole panel has one coordinate
    alone. ``x`` and ``y`` are numbers, or the label of the tick where the axis has names. A series
    is called as in the legend, by its colour and mark. A cell of a map of colours has its value.
    Photographs and writing have no rows.

    Returns:
        Columns `COLUMNS`; columns that hold nothing are kept.
    """
    names = _names(figure)
    parts = []
    for number, axis in enumerate(_panels(figure), start=1):
        about = {
            "panel": number,
            "title": _title(axis),
            "x_axis": _label(axis.xaxis, figure, "x"),
            "y_axis": _label(axis.yaxis, figure, "y"),
        }
        for series, kind, ends in [*_marks(axis, names), *_cells(axis)]:
            x, y, x_end, y_end, value = ends.T
            parts.append(
                pd.DataFrame(
                    {
                        **about,
                        "series": series,
                        "mark": kind,
                        "x": _named(axis.xaxis, x),
                        "y": _named(axis.yaxis, y),
                        "x_end": x_end,
                        "y_end": y_end,
                        "value": value,
                    }
                )
            )
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def described(figure: Figure, frame: pd.DataFrame) -> str:
    """What is seen in a figure, for those who do not see it: panels, axes, range of each series.

    Args:
        figure: the figure.
        frame: its `marks`.
    """
    panels = _panels(figure)
    sentences = [f"{len(panels)} panels" if len(panels) != 1 else "One panel"]
    titles = [title for title in dict.fromkeys(map(_title, panels)) if title]
    if titles:
        sentences[0] += f": {_listed(titles)}"
    if frame.empty:
        return ". ".join(sentences) + "."
    for name, words in (("x_axis", "Horizontal"), ("y_axis", "Vertical")):
        labels = [label for label in dict.fromkeys(frame[name]) if label]
        if labels:
            sentences.append(f"{words}: {_listed(labels)}")
    # Where the vertical axis has no label it only sets marks apart.
    measured = "value" if frame["value"].notna().any() else "y" if frame["y_axis"].any() else "x"
    numbers = pd.to_numeric(frame[measured], errors="coerce")
    if measured != "value":  # a bar begins at zero, and its end is what is read
        numbers = numbers.where(frame["mark"] != "bar", frame[f"{measured}_end"])
    by_name = numbers.groupby(frame["series"], sort=False).agg(["min", "max"]).dropna()
    shown = [
        f"{name or 'all marks'} from {_short(least)} to {_short(most)}"
        for name, least, most in by_name.itertuples()
        if name or len(by_name) == 1
    ]
    if shown:
        sentences.append(f"Values: {_listed(shown)}")
    return ". ".join(sentences) + "."


def figure_piece(figure: Figure) -> FigurePiece:
    """What the page shows of a figure beside its picture."""
    frame = marks(figure)
    words = described(figure, frame)
    data = csv_text(frame.dropna(axis="columns", how="all"), digits=5) if len(frame) else ""
    return FigurePiece(words, data, len(frame))


def _short(value: float) -> str:
    small = 0 < abs(value) < 0.001
    return f"{value:.2g}".replace("-", "−") if small else format_significant(value)


def _panels(figure: Figure) -> list[Axes]:
    return [axis for axis in figure.axes if axis.get_visible() and axis.get_label() != "<colorbar>"]


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _MOST_NAMED
    return "; ".join(words[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _title(axis: Axes) -> str:
    found = (axis.get_title(), axis.get_title("left"), axis.get_title("right"))
    return _line(" ".join(filter(None, found)))


def _label(side: Axis, figure: Figure, name: str) -> str:
    """The label of an axis, else that of the axes that share it, else that of the figure."""
    shared = getattr(side.axes, f"get_shared_{name}_axes")().get_siblings(side.axes)
    sides = [side, *(getattr(other, f"{name}axis") for other in shared)]
    whole = (figure.get_supxlabel if name == "x" else figure.get_supylabel)()
    return _line(next(filter(None, [*(each.get_label_text() for each in sides), whole]), ""))


def _line(text: str) -> str:
    return " ".join(str(text).split())


def _names(figure: Figure) -> dict[Look, str]:
    """Names by look (colour, line and mark), and by colour alone where it is one's.

    They are those of the legends, and those that stand at the ends of lines.
    """
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
    entries = [
        (handle, text.get_text())
        for legend in filter(None, legends)
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False)
    ]
    lines = [line for axis in figure.axes for line in axis.get_lines()]
    entries += [(line, _direct(line)) for line in lines if _direct(line)]
    found: dict[Look, str] = {}
    by_colour: dict[str, set[str]] = {}
    for handle, text in entries:
        if handle is not None and (look := _look(handle)):
            found.setdefault(look, _line(text))
            by_colour.setdefault(look[0], set()).add(_line(text))
    alone: dict[Look, str] = {
        (colour,): min(names) for colour, names in by_colour.items() if len(names) == 1
    }
    return {**alone, **found}


def _direct(line: Line2D) -> str:
    """The name beside a mark that `name_ends` has set; nothing for a line of data."""
    label = str(line.get_label())
    return label.removeprefix(NAME_OF) if label.startswith(NAME_OF) else ""


def _look(artist: Artist) -> Look:
    if isinstance(artist, Line2D):
        return *_hex([artist.get_color()]), str(artist.get_linestyle()), str(artist.get_marker())
    getter: Any = getattr(artist, "get_facecolor", None)
    return _hex(np.atleast_2d(getter()) if getter else [])


def _hex(colours: Any) -> Look:
    """The first of some colours, whatever matplotlib keeps them as."""
    return (to_hex(colours[0]),) if len(colours) else ()


def _series(artist: Artist, look: Look, names: Mapping[Look, str]) -> str:
    label = str(artist.get_label())
    if label and not label.startswith("_"):
        return _line(label)
    return names.get(look, names.get(look[:1], ""))


def _marks(axis: Axes, names: Mapping[Look, str]) -> Iterator[Mark]:
    for line in axis.get_lines():
        if _direct(line):
            continue
        points = np.column_stack([np.asarray(each, float) for each in line.get_data(orig=False)])
        kind = "point" if str(line.get_linestyle()) in ("None", "none", "") else "line"
        found = _inside(axis, points, line.get_transform())
        yield _series(line, _look(line), names), kind, found
    for collection in axis.collections:
        if isinstance(collection, PathCollection):
            yield from _points(axis, collection, names)
        elif isinstance(collection, LineCollection):
            parts = [part for part in collection.get_segments() if len(part)]
            ends = np.array([[*part[0], *part[-1]] for part in parts], float).reshape(-1, 4)
            found = _inside(axis, ends, collection.get_transform())
            yield _series(collection, _hex(collection.get_edgecolor()), names), "segment", found
    for container in axis.containers:
        if isinstance(container, BarContainer):
            label = str(container.get_label())
            looks = dict.fromkeys(map(_look, container.patches))
            for look in looks:
                bars = [patch for patch in container.patches if _look(patch) == look]
                ends = np.array([_bar(patch, container.orientation) for patch in bars], float)
                series = _series(bars[0], look, names) if label.startswith("_") else label
                yield series, "bar", _inside(axis, ends, bars[0].get_data_transform())


def _bar(patch: Rectangle, orientation: str | None) -> tuple[float, float, float, float]:
    """The middle of a bar at its base, and its end."""
    x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
    if orientation == "horizontal":
        return x, y + height / 2, x + width, np.nan
    return x + width / 2, y, np.nan, y + height


def _points(axis: Axes, collection: PathCollection, names: Mapping[Look, str]) -> Iterator[Mark]:
    """The points of a collection, by colour where each has its own."""
    points = np.asarray(np.ma.filled(collection.get_offsets(), np.nan), float)
    faces: Any = collection.get_facecolor()
    colours = [to_hex(colour) for colour in faces]
    colours = colours if len(colours) == len(points) else colours[:1] * len(points)
    for colour in dict.fromkeys(colours):
        own = points[[other == colour for other in colours]]
        series = _series(collection, (colour,), names)
        yield series, "point", _inside(axis, own, collection.get_offset_transform())


def _cells(axis: Axes) -> Iterator[Mark]:
    """The cells of maps of colours; a picture on an axis without ticks is a photograph."""
    if not len(axis.get_xticks()):
        return
    meshes = [each for each in axis.collections if isinstance(each, QuadMesh)]
    for mesh in meshes:
        corners: Any = mesh.get_coordinates()
        yield _map((corners[:-1, :-1] + corners[1:, 1:]) / 2, mesh.get_array())
    for image in axis.images:
        pixels: Any = image.get_array()
        shape = pixels.shape
        if len(shape) == 2:
            left, right, bottom, top = image.get_extent()
            first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
            x, y = _middles(left, right, shape[1]), _middles(first, last, shape[0])
            yield _map(np.stack(np.meshgrid(x, y), axis=-1), pixels)


def _middles(first: float, last: float, number: int) -> np.ndarray:
    return first + (last - first) * (np.arange(number) + 0.5) / number


def _map(centres: np.ndarray, values: Any) -> Mark:
    found = np.full((centres.shape[0] * centres.shape[1], 5), np.nan)
    found[:, :2] = centres.reshape(-1, 2)
    found[:, 4] = np.ma.filled(np.ma.asarray(values, float), np.nan).ravel()
    return "", "cell", found[~np.isnan(found[:, 4])]


def _inside(axis: Axes, points: np.ndarray, transform: Transform) -> np.ndarray:
    """Points or segments as (n, 5); coordinates that are not the axes' own are missing."""
    ends = np.full((len(points), 5), np.nan)
    ends[:, : points.shape[1]] = points
    x, y = transform.contains_branch_seperately(axis.transData)
    ends[:, [0, 2]] = ends[:, [0, 2]] if x else np.nan
    ends[:, [1, 3]] = ends[:, [1, 3]] if y else np.nan
    known: np.ndarray = ends[~np.isnan(ends).all(axis=1)]
    return known


def _named(side: Axis, values: np.ndarray) -> Any:
    """Values of an axis, or the names of its ticks where every value is one of them."""
    if not isinstance(side.get_major_locator(), FixedLocator):
        return values
    places = np.asarray(side.get_ticklocs(), float)
    labels = [label.get_text() for label in side.get_ticklabels()]
    if all(label.replace(".", "").isdigit() for label in labels if label):
        return values
    names = dict(zip(np.round(places, 6), labels, strict=False))
    found = [names.get(value) for value in np.round(values, 6)]
    return values if None in found else found
