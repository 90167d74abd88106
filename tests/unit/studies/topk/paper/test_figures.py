"""Study 2's figures on made-up runs of known structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.report.captions import caption
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH, figure_style, save_figure
from advlearn.report.writers import write_table
from advlearn.studies.topk.paper.figures.examples import ranked
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.study import STUDY
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv
from tests.helpers.drawn import pixels
from tests.helpers.readable import assert_readable
from tests.helpers.topk_run import open_topk

pytestmark = pytest.mark.slow

REPORT = Path(__file__).parents[5] / "workflow" / "report"


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.figures)
def test_every_figure(full: TopkTidy, small: TopkTidy, tmp_path: Path, name: str) -> None:
    draw = STUDY.figure(name).draw
    with figure_style():
        for run in (full, small):
            assert_readable(draw(run))
        for time in ("first", "second"):
            save_figure(draw(small), tmp_path / time / name)
    width, height, rows = pixels(tmp_path / "first" / f"{name}.png")
    assert width in (round(COLUMN_WIDTH * 300), round(PAGE_WIDTH * 300))
    assert height <= 9 * 300
    assert rows > 20
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / time / f"{name}{suffix}" for time in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.figures)
def test_figures_of_hostile_names(named: TopkTidy, tmp_path: Path, name: str) -> None:
    with figure_style():
        figure = STUDY.figure(name).draw(named)
        assert_readable(figure)
        save_figure(figure, tmp_path / name)


@pytest.mark.slow
def test_tables_of_hostile_names(named: TopkTidy, tmp_path: Path) -> None:
    for name in STUDY.tables:
        write_table(STUDY.table(name).build(named), tmp_path / name)
    models = read_csv(tmp_path / "topk_models.csv")
    found = set(models["metric"].str.removeprefix("class_ap:"))
    assert found >= set(named.study.class_names)


@pytest.mark.parametrize("name", STUDY.figures)
def test_captions(name: str) -> None:
    title, text = caption(REPORT, "topk", name)
    assert title
    assert text.endswith(".")


def test_ranked_labels_show_where_the_specified_went() -> None:
    logits = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    specified = np.zeros(10, bool)
    assert ranked(logits, specified, 3) == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
    specified[9] = True
    assert ranked(logits, specified, 3) == [(1, 0), (2, 1), (3, 2), (4, 3), (10, 9)]
    assert len(ranked(logits, np.ones(10, bool), 3)) == 8
    assert ranked(logits, specified, 10)[-1] == (8, 7)


def test_no_examples(small: TopkTidy) -> None:
    run = open_topk(small.folder)
    arrays = run.arrays("topk_examples")
    arrays.update({name: array[:0] for name, array in arrays.items()})
    with pytest.raises(UserError, match="no adversarial example images"):
        STUDY.figure("topk_examples").draw(run)
