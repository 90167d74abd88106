"""What every drawn figure must satisfy."""

from __future__ import annotations

import zlib
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def pixels(path: Path) -> tuple[int, int, int]:
    """Width, height and number of different rows of an 8-bit PNG."""
    data = path.read_bytes()
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    position, content = 8, b""
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            content += data[position + 8 : position + 8 + length]
        position += 12 + length
    raw = zlib.decompress(content)
    stride = len(raw) // height
    return width, height, len({raw[i * stride + 1 : (i + 1) * stride] for i in range(height)})


def assert_nothing_cut(figure: Figure) -> None:
    """All texts lie on the page, and no legend of the figure covers a panel."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    page = figure.bbox.padded(1)  # one pixel of grace for rounding
    texts = list(figure.texts)
    axes = [axis for axis in figure.axes if axis.get_visible()]
    for axis in axes:
        texts += [axis.title, axis.xaxis.label, axis.yaxis.label]
        for side in (axis.xaxis, axis.yaxis):
            # Ticks outside the limits have labels too, but nobody draws them.
            low, high = sorted(side.get_view_interval())
            ticks = [tick for tick in side.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label1 for tick in ticks]
    for text in texts:
        if text.get_text() and text.get_visible():
            box = text.get_window_extent(renderer)
            assert page.containsx(box.x0), text.get_text()
            assert page.containsx(box.x1), text.get_text()
            assert page.containsy(box.y0), text.get_text()
            assert page.containsy(box.y1), text.get_text()
    for legend in figure.legends:
        box = legend.get_window_extent(renderer)
        assert page.containsx(box.x0)
        assert page.containsx(box.x1)
        for axis in axes:
            assert not box.overlaps(axis.get_window_extent(renderer))


def assert_texts_apart(figure: Figure) -> None:
    """No text that is written into a panel, or names its ticks, is cut off or lies on another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = figure.bbox.padded(1)
    boxes: list[tuple[str, Bbox]] = []
    for axis in figure.axes:
        texts: list[Text] = [*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label]
        texts += [axis._left_title] if hasattr(axis, "_left_title") else []
        legend = axis.get_legend()
        texts += [*legend.get_texts(), legend.get_title()] if legend else []
        for side in (axis.xaxis, axis.yaxis) if axis.axison else ():
            low, high = sorted(side.get_view_interval())
            texts += [
                tick.label1
                for tick in side.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
        boxes += [
            (text.get_text(), text.get_window_extent())
            for text in texts
            if text.get_text().strip() and text.get_visible()
        ]
    for text in figure.texts:
        boxes.append((text.get_text(), text.get_window_extent()))
    for name, box in boxes:
        assert page.x0 <= box.x0, name
        assert box.x1 <= page.x1, name
        assert page.y0 <= box.y0, name
        assert box.y1 <= page.y1, name
    for number, (name, box) in enumerate(boxes):
        for other, second in boxes[:number]:
            shared = Bbox.intersection(box, second)
            # A pixel of grace: the air above and below letters counts as part of them.
            if shared is not None and min(shared.width, shared.height) > 1:
                raise AssertionError(f"{name!r} lies on {other!r}")
