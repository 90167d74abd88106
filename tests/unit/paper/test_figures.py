from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import advlearn.paper.figures as package
from advlearn.paper.figures import FIGURES
from advlearn.paper.save import save_figure
from advlearn.paper.style import COLUMN_WIDTH, figure_style, limits
from advlearn.paper.tidy import Tidy
from advlearn.support.errors import UserError
from tests.unit.paper.synthetic import PUBLISHED

REPORT = Path(__file__).parents[3] / "workflow" / "report"


def test_every_module_is_registered() -> None:
    modules = {path.stem for path in Path(package.__path__[0]).glob("*_*.py")} - {"__init__"}
    assert modules == set(FIGURES)


def _pixels(path: Path) -> tuple[int, int, int]:
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


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_every_run(folder: Path, tmp_path: Path, name: str) -> None:
    with figure_style():
        paths = save_figure(FIGURES[name].draw(Tidy(folder, PUBLISHED)), tmp_path / name)
    assert sorted(path.suffix for path in paths) == [".pdf", ".png", ".svg"]
    assert all(path.stat().st_size > 2000 for path in paths)
    width, height, rows = _pixels(tmp_path / f"{name}.png")
    assert width == round(COLUMN_WIDTH * 300)
    assert height <= 9 * 300
    assert rows > 20


@pytest.mark.parametrize("name", FIGURES)
def test_same_bytes_on_a_second_run(smoke_folder: Path, tmp_path: Path, name: str) -> None:
    for run in ("first", "second"):
        with figure_style():
            save_figure(FIGURES[name].draw(Tidy(smoke_folder, PUBLISHED)), tmp_path / run / name)
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / run / f"{name}{suffix}" for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_and_legends_cover_no_data(full: Tidy, name: str) -> None:
    with figure_style():
        figure = FIGURES[name].draw(full)
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


def test_style_of_the_user_does_not_matter(smoke: Tidy, tmp_path: Path) -> None:
    import matplotlib as mpl

    for size in (7, 20):
        with mpl.rc_context({"font.size": size, "axes.facecolor": "red"}), figure_style():
            save_figure(FIGURES["selective_fig1_fgsm"].draw(smoke), tmp_path / str(size) / "f")
    assert (tmp_path / "7" / "f.png").read_bytes() == (tmp_path / "20" / "f.png").read_bytes()


def test_no_example_images(smoke_folder: Path) -> None:
    tidy = Tidy(smoke_folder, PUBLISHED)
    tidy.__dict__["examples"] = {
        "clean": np.zeros((1, 1, 8, 8)),
        "label": np.zeros(1),
        "clean_prediction": np.zeros(1),
    }
    with pytest.raises(UserError, match="no adversarial example images"):
        FIGURES["selective_examples"].draw(tidy)


def test_colour_images(smoke_folder: Path) -> None:
    tidy = Tidy(smoke_folder, PUBLISHED)
    images = np.random.default_rng(0).uniform(size=(2, 3, 8, 8))
    tidy.__dict__["examples"] = {
        "clean": images,
        "label": np.array([1, 2]),
        "clean_prediction": np.array([1, 2]),
        "adversarial_fgsm": images[::-1],
        "prediction_fgsm": np.array([2, 2]),
    }
    with figure_style():
        figure = FIGURES["selective_examples"].draw(tidy)
    assert [axis.get_xlabel() for axis in figure.axes[:4]] == ["1 ✓", "2 ✓", "2 ✗", "2 ✓"]


def test_run_without_maps(smoke_folder: Path) -> None:
    tidy = Tidy(smoke_folder, PUBLISHED)
    tidy.__dict__["embedding"] = tidy.embedding.head(0)
    with figure_style():
        figure = FIGURES["selective_embedding"].draw(tidy)
    assert "no two-dimensional map" in figure.texts[0].get_text()


def test_limits() -> None:
    low, high = limits([0.9695, 0.9705])
    assert high - low >= 0.02  # noise is not blown up
    assert limits([0.0, 1.0]) == pytest.approx((-0.03, 1.03))
    low, high = limits([0.0])
    assert -0.01 < low < 0  # no room for accuracies below zero
    assert high >= 0.02
    low, high = limits([1.0])
    assert 1 < high < 1.01
    assert limits([float("nan")]) == (0.0, 1.0)
    low, high = limits([0.2, 0.3])
    assert low < 0.2
    assert high > 0.3


@pytest.mark.parametrize("name", FIGURES)
def test_captions_of_the_workflow_report(name: str) -> None:
    entry = FIGURES[name]
    caption = " ".join((REPORT / f"{name}.rst").read_text(encoding="utf-8").split())
    assert caption == f"**{entry.title}.** {entry.caption}"
