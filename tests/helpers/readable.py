"""The rules of docs/figures.md that can be measured: what is wrong with a figure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Patch, StepPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from advlearn.report import labels
from advlearn.report.colours import CONTRAST, contrast
from advlearn.report.style import COLUMN_WIDTH, PAGE_HEIGHT, PAGE_WIDTH, SMALL

MOST_ENTRIES = 6
MAPS = {"Blues", "OrRd", "gray"}
"""Colour maps whose lightness grows or falls all the way."""
PALETTE = {
    labels.BLACK, labels.ORANGE, labels.SKY, labels.GREEN, labels.YELLOW, labels.BLUE,
    labels.VERMILION, labels.PURPLE,
}  # fmt: skip


def assert_readable(figure: Figure) -> None:
    """All rules; the message has a line for each defect."""
    found = defects(figure)
    assert not found, "\n".join(found)


def assert_texts_apart(figure: Figure) -> None:
    """The rules of texts alone: for parts of figures that have no data."""
    FigureCanvasAgg(figure).draw()
    found = list(_texts(figure))
    assert not found, "\n".join(found)


def defects(figure: Figure) -> list[str]:
    """What contradicts the rules, one line each."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return [
        *_size(figure),
        *_type(figure),
        *_texts(figure),
        *_panels(figure),
        *_keys(figure),
        *_colours(figure),
    ]


def _size(figure: Figure) -> Iterator[str]:
    width, height = figure.get_size_inches()
    if width not in (COLUMN_WIDTH, PAGE_WIDTH):
        yield f"{width} inches wide"
    if height > PAGE_HEIGHT:
        yield f"{height} inches high"


def _type(figure: Figure) -> Iterator[str]:
    for text, axis in texts_of(figure):
        if (points := float(text.get_fontsize())) < SMALL - 1e-6:
            yield f"{text.get_text()!r} has {points:g} points"
        # Numbers in the cells of a map stand on its colours.
        on_map = axis is not None and (axis.images or axis.collections)
        if not on_map and contrast(to_hex(text.get_color())) < CONTRAST:
            yield f"{text.get_text()!r} is too pale: {to_hex(text.get_color())}"


def texts_of(figure: Figure) -> list[tuple[Text, Axes | None]]:
    """Every text that is seen, and its panel."""
    found: list[tuple[Text, Axes | None]] = [(text, None) for text in figure.texts]
    found += [(text, None) for legend in figure.legends for text in _legend_texts(legend)]
    for axis in panels_of(figure):
        texts: list[Text] = [*axis.texts, axis.title]
        texts += [getattr(axis, f"_{side}_title") for side in ("left", "right")]
        if (legend := axis.get_legend()) is not None:
            texts += _legend_texts(legend)
        if axis.axison:
            texts += [axis.xaxis.label, axis.yaxis.label]
            for side in (axis.xaxis, axis.yaxis):
                # Ticks outside the limits have labels too, but nobody draws them.
                low, high = sorted(side.get_view_interval())
                ticks = [each for each in side.get_major_ticks() if low <= each.get_loc() <= high]
                texts += [label for each in ticks for label in (each.label1, each.label2)]
                texts.append(side.get_offset_text())
        found += [(text, axis) for text in texts]
    return [(text, axis) for text, axis in found if text.get_visible() and text.get_text().strip()]


def _legend_texts(legend: Legend) -> list[Text]:
    return [*legend.get_texts(), legend.get_title()]


def panels_of(figure: Figure) -> list[Axes]:
    return [axis for axis in figure.axes if axis.get_visible()]


def _texts(figure: Figure) -> Iterator[str]:
    """Texts that are cut, lie on one another or reach into a panel that is not theirs."""
    page = figure.bbox.padded(1)
    found = [(text, axis, text.get_window_extent()) for text, axis in texts_of(figure)]
    for text, axis, box in found:
        if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 <= box.y1 <= page.y1):
            yield f"{text.get_text()!r} is cut"
        for other in panels_of(figure):
            if other is not axis and other.axison and _shared(box, other.get_window_extent()) > 1:
                yield f"{text.get_text()!r} lies on another panel"
    corners = [(text, _corners(text, box)) for text, _, box in found]
    for (text, place), (second, other_place) in combinations(corners, 2):
        # A pixel of grace: the air above and below letters counts as part of them.
        if _depth(place, other_place) > 1:
            yield f"{text.get_text()!r} lies on {second.get_text()!r}"
    for legend in figure.legends:
        for axis in panels_of(figure):
            if _shared(legend.get_window_extent(), axis.get_window_extent()) > 1:
                yield "the legend covers a panel"


def _shared(first: Bbox, second: Bbox) -> float:
    """Pixels by which two boxes overlap, in the direction in which they overlap less."""
    shared = Bbox.intersection(first, second)
    return 0.0 if shared is None else float(min(shared.width, shared.height))


def _corners(text: Text, box: Bbox) -> np.ndarray:
    """(4, 2) the corners of a text that may be turned, from the box round it."""
    turned = text.get_rotation()
    text.set_rotation(0)
    level = text.get_window_extent()
    text.set_rotation(turned)
    angle = np.deg2rad(turned)
    along, across = (np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))
    halves = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (level.width / 2, level.height / 2)
    centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    return np.asarray(centre + halves @ np.array([along, across]))


def _depth(first: np.ndarray, second: np.ndarray) -> float:
    """Pixels by which two turned boxes overlap, in the direction in which they overlap least."""
    least = np.inf
    for box in (first, second):
        for side in (box[1] - box[0], box[2] - box[1]):
            direction = side / max(float(np.hypot(*side)), 1e-9)
            a, b = first @ direction, second @ direction
            least = min(least, min(a.max(), b.max()) - max(a.min(), b.min()))
    return float(least)


def _panels(figure: Figure) -> Iterator[str]:
    for number, axis in enumerate(panels_of(figure)):
        has_legend = axis.get_legend() is not None
        if not (axis.texts or has_legend or any(_inside(axis, each) for each in marks_of(axis))):
            yield f"panel {number}, {axis.get_title()!r}, is empty"


def marks_of(axis: Axes) -> list[Artist]:
    """What shows data; not the lines and bands across a panel, whose places are its own."""
    # In both directions the place is that of the data.
    found: list[Artist] = [*axis.images, *axis.collections]
    for mark in (*axis.lines, *axis.patches):
        where = mark.get_data_transform() if isinstance(mark, Patch) else mark.get_transform()
        if all(where.contains_branch_seperately(axis.transData)):
            found.append(mark)
    return found


def _inside(axis: Axes, mark: Artist) -> bool:
    """Whether some of a mark lies within the limits of its panel."""
    if isinstance(mark, Line2D):
        points = axis.transData.transform(np.asarray(mark.get_xydata(), dtype=float))
        frame = axis.get_window_extent().padded(1)
        return any(np.isfinite(point).all() and frame.contains(*point) for point in points)
    return True


def _keys(figure: Figure) -> Iterator[str]:
    legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in panels_of(figure)))]
    drawn = [mark for axis in panels_of(figure) for mark in (*axis.lines, *marks_of(axis))]
    for legend in legends:
        entries = list(zip(legend.legend_handles, legend.get_texts(), strict=True))
        if len(entries) > MOST_ENTRIES:
            yield f"a legend of {len(entries)} entries: name lines at their ends"
        for entry, text in entries:
            if not any(_is_key_of(entry, mark) for mark in drawn):
                yield f"the legend has {text.get_text()!r}, the panels do not"
        forms = [_form(entry) for entry, _ in entries]
        for (form, (_, text)), (second, (_, other)) in combinations(
            zip(forms, entries, strict=True), 2
        ):
            if form == second:
                yield f"only colour tells {text.get_text()!r} from {other.get_text()!r}"


def _form(entry: Any) -> tuple[object, ...]:
    """How an entry looks in grey: two patches differ by their lightness."""
    if isinstance(entry, Line2D):
        hollow = to_hex(entry.get_markerfacecolor()) == "#ffffff"
        rimmed = entry.get_markeredgecolor() != entry.get_markerfacecolor()
        size = entry.get_markersize() < 3
        return entry.get_marker(), entry.get_linestyle(), hollow, rimmed, size
    return ("patch", round(_grey(entry.get_facecolor()), 1), entry.get_hatch())


def _grey(colour: Any) -> float:
    """Lightness on white of a colour with its opacity."""
    red, green, blue, opacity = to_rgba(colour)
    return 1 - float(opacity) * (1 - (0.299 * red + 0.587 * green + 0.114 * blue))


def _is_key_of(entry: Any, mark: Any) -> bool:
    """Whether a mark looks as its entry says; a grey entry stands for all colours."""
    if not isinstance(entry, Line2D):
        faces = {to_hex(each) for each in _faces(mark)}
        return isinstance(entry, Patch) and to_hex(entry.get_facecolor()) in faces
    colour, marker, line = to_hex(entry.get_color()), entry.get_marker(), entry.get_linestyle()
    any_colour = colour == labels.GREY.lower()
    hollow = to_hex(entry.get_markerfacecolor()) == "#ffffff"
    if isinstance(mark, Line2D):
        if not np.isfinite(np.asarray(mark.get_xydata(), dtype=float)).all(axis=1).any():
            return False
        unmarked = marker in ("None", "none", None, "")
        if hollow and to_hex(mark.get_markerfacecolor()) != "#ffffff":
            return False
        if not (any_colour or to_hex(mark.get_color()) == colour):
            return False
        if unmarked:
            return mark.get_linestyle() == line
        return mark.get_marker() == marker or (any_colour and hollow)
    if isinstance(mark, PathCollection):
        style = MarkerStyle(marker)
        shape = np.shape(style.get_path().transformed(style.get_transform()).vertices)
        return any_colour and shape in {np.shape(path.vertices) for path in mark.get_paths()}
    if isinstance(mark, LineCollection):
        return colour in {to_hex(each) for each in np.atleast_2d(mark.get_colors())}
    return isinstance(mark, StepPatch) and to_hex(mark.get_edgecolor()) == colour


def _faces(mark: Any) -> list[Any]:
    if isinstance(mark, Patch):
        return [mark.get_facecolor()]
    return list(mark.get_facecolor()) if isinstance(mark, Collection) else []


def _colours(figure: Figure) -> Iterator[str]:
    known = {colour.lower() for colour in PALETTE}
    for axis in panels_of(figure):
        marks: list[Any] = [*axis.lines, *axis.collections, *axis.images, *axis.patches]
        for mark in marks:
            if getattr(mark, "get_array", lambda: None)() is not None:
                if mark.get_cmap().name not in MAPS:
                    yield f"the colour map {mark.get_cmap().name}"
                continue
            for colour in _colours_of(mark):
                red, green, blue, opacity = to_rgba(colour)
                grey = max(red, green, blue) - min(red, green, blue) < 0.02
                if opacity > 0 and not grey and to_hex(colour) not in known:
                    yield f"the colour {to_hex(colour)} is not of the palette"


def _colours_of(mark: Any) -> list[Any]:
    if isinstance(mark, Line2D):
        return [mark.get_color(), mark.get_markerfacecolor(), mark.get_markeredgecolor()]
    if isinstance(mark, Collection):
        return [*mark.get_facecolor(), *mark.get_edgecolor()]
    return [mark.get_facecolor(), mark.get_edgecolor()] if isinstance(mark, Patch) else []
