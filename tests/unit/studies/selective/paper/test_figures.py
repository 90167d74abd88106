from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH, figure_style, save_figure
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.drawn import pixels
from tests.helpers.readable import assert_readable
from tests.helpers.selective_run import PUBLISHED, with_arrays, with_table

pytestmark = pytest.mark.slow


def draw(name: str, run: SelectiveTidy) -> Figure:
    found: Figure = STUDY.figure(name).draw(run)
    return found


@pytest.mark.parametrize("name", STUDY.figures)
def test_every_figure_of_every_run(folder: Path, tmp_path: Path, name: str) -> None:
    with figure_style():
        paths = save_figure(draw(name, SelectiveTidy(folder, PUBLISHED)), tmp_path / name)
    assert sorted(path.suffix for path in paths) == [".pdf", ".png", ".svg"]
    assert all(path.stat().st_size > 2000 for path in paths)
    width, height, rows = pixels(tmp_path / f"{name}.png")
    assert width in (round(COLUMN_WIDTH * 300), round(PAGE_WIDTH * 300))
    assert height <= 9 * 300
    assert rows > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.figures)
def test_same_bytes_on_a_second_run(smoke_folder: Path, tmp_path: Path, name: str) -> None:
    for run in ("first", "second"):
        with figure_style():
            save_figure(draw(name, SelectiveTidy(smoke_folder, PUBLISHED)), tmp_path / run / name)
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / run / f"{name}{suffix}" for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.figures)
def test_nothing_is_cut_and_legends_cover_no_data(full: SelectiveTidy, name: str) -> None:
    with figure_style():
        assert_readable(draw(name, full))


def test_style_of_the_user_does_not_matter(smoke: SelectiveTidy, tmp_path: Path) -> None:
    import matplotlib as mpl

    for size in (7, 20):
        with mpl.rc_context({"font.size": size, "axes.facecolor": "red"}), figure_style():
            save_figure(draw("selective_fig1_fgsm", smoke), tmp_path / str(size) / "f")
    assert (tmp_path / "7" / "f.png").read_bytes() == (tmp_path / "20" / "f.png").read_bytes()


def test_no_example_images(smoke: SelectiveTidy) -> None:
    arrays = {
        "clean": np.zeros((1, 1, 8, 8)),
        "label": np.zeros(1),
        "clean_prediction": np.zeros(1),
    }
    tidy = with_arrays(smoke, "selective_examples", arrays)
    with pytest.raises(UserError, match="no adversarial example images"):
        draw("selective_examples", tidy)


def test_colour_images(smoke: SelectiveTidy) -> None:
    images = np.random.default_rng(0).uniform(size=(2, 3, 8, 8))
    arrays = {
        "clean": images,
        "label": np.array([1, 2]),
        "clean_prediction": np.array([1, 2]),
        "adversarial_fgsm": images[::-1],
        "prediction_fgsm": np.array([2, 2]),
    }
    tidy = with_arrays(smoke, "selective_examples", arrays)
    with figure_style():
        figure = draw("selective_examples", tidy)
    assert [axis.get_xlabel() for axis in figure.axes[:4]] == ["1 ✓", "2 ✓", "2 ✗", "2 ✓"]


def test_run_without_maps(smoke: SelectiveTidy) -> None:
    tidy = with_table(smoke, "selective_embedding", smoke["selective_embedding"].head(0))
    with figure_style():
        figure = draw("selective_embedding", tidy)
    assert "no two-dimensional map" in figure.texts[0].get_text()
