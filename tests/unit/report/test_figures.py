from __future__ import annotations

from pathlib import Path

import advlearn.paper.figures as package
import numpy as np
import pytest
from advlearn.paper.figures import FIGURES
from advlearn.paper.tables import TABLES

from advlearn.report.panels import limits
from advlearn.report.save import save_figure
from advlearn.report.style import COLUMN_WIDTH, figure_style
from advlearn.report.tidy import Tidy, of_study
from advlearn.support.errors import UserError
from tests.helpers.drawn import assert_nothing_cut, pixels
from tests.helpers.selective_run import PUBLISHED

REPORT = Path(__file__).parents[3] / "workflow" / "report"


def test_every_module_is_registered() -> None:
    modules = {path.stem for path in Path(package.__path__[0]).glob("*_*.py")} - {"__init__"}
    assert modules == set(FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", of_study(FIGURES, "selective"))
def test_every_figure_of_every_run(folder: Path, tmp_path: Path, name: str) -> None:
    with figure_style():
        paths = save_figure(FIGURES[name].draw(Tidy(folder, PUBLISHED)), tmp_path / name)
    assert sorted(path.suffix for path in paths) == [".pdf", ".png", ".svg"]
    assert all(path.stat().st_size > 2000 for path in paths)
    width, height, rows = pixels(tmp_path / f"{name}.png")
    assert width == round(COLUMN_WIDTH * 300)
    assert height <= 9 * 300
    assert rows > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", of_study(FIGURES, "selective"))
def test_same_bytes_on_a_second_run(smoke_folder: Path, tmp_path: Path, name: str) -> None:
    for run in ("first", "second"):
        with figure_style():
            save_figure(FIGURES[name].draw(Tidy(smoke_folder, PUBLISHED)), tmp_path / run / name)
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / run / f"{name}{suffix}" for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.slow
@pytest.mark.parametrize("name", of_study(FIGURES, "selective"))
def test_nothing_is_cut_and_legends_cover_no_data(full: Tidy, name: str) -> None:
    with figure_style():
        assert_nothing_cut(FIGURES[name].draw(full))


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
    if name in TABLES:  # one file for the table and the figure of this name
        assert caption.startswith(f"**{entry.title}.** Figure: {entry.caption} Table: ")
    else:
        assert caption == f"**{entry.title}.** {entry.caption}"
