"""The shipped figures and the pictures of the pages keep the rules of docs/figures.md."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pytest

from advlearn.report.labels import Labels
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH, figure_style
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.studies import studies
from advlearn.studies.base import Study
from benchmarks import report, scaling_page, summary
from tests.helpers.drawn import pixels
from tests.helpers.readable import assert_readable

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "results" / "reference"
NAMES = [name for study in studies() for name in study.figures]


@pytest.fixture(scope="module")
def shipped() -> dict[str, tuple[Study, object]]:
    """Each study and its shipped run, opened once."""
    found = chosen_studies(SHIPPED / "tidy", None)
    return {each.name: (each, open_tidy(each, SHIPPED / "tidy", PUBLISHED)) for each in found}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shipped_figures_are_readable(shipped: dict[str, tuple[Study, object]], name: str) -> None:
    study, run = shipped[name.partition("_")[0]]
    with figure_style():
        assert_readable(study.figure(name).draw(run))


@pytest.mark.parametrize("name", NAMES)
def test_shipped_files_have_the_width_at_which_they_are_used(name: str) -> None:
    width, height, _ = pixels(SHIPPED / "paper" / "figures" / f"{name}.png")
    assert width in (round(300 * COLUMN_WIDTH), round(300 * PAGE_WIDTH))
    assert height <= 9 * 300


def test_the_picture_of_the_performance_is_readable() -> None:
    frames = report.read(ROOT / "benchmarks" / "results")
    with figure_style():
        assert_readable(summary.figure(report._lines(frames)))


def test_the_picture_of_the_scaling_is_readable() -> None:
    stages = scaling_page.read(ROOT / "benchmarks" / "results" / "scaling.csv")
    with figure_style(), mpl.rc_context({"text.parse_math": True}):
        assert_readable(scaling_page.figure(stages))


LABELS = [
    (f"{study.name}.{name}", value)
    for study in studies()
    for name, value in vars(import_module(f"{study.package}.paper.labels")).items()
    if isinstance(value, Labels)
]


@pytest.mark.parametrize(("name", "labels"), LABELS, ids=[name for name, _ in LABELS])
def test_things_of_one_kind_are_told_apart_without_colour(name: str, labels: Labels) -> None:
    looks = {each: labels.look(each) for each in labels if each in labels._looks}
    for (first, a), (second, b) in combinations(looks.items(), 2):
        assert (a.marker, a.line) != (b.marker, b.line), (first, second)
