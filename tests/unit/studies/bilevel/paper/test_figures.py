"""Figures of study 3 on made-up runs of known structure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.report.captions import FOLDER, caption
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH, figure_style, save_figure
from advlearn.studies.bilevel.paper.page import headline_rows
from advlearn.studies.bilevel.paper.verdict import sentences
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from tests.helpers.drawn import pixels
from tests.helpers.readable import assert_readable
from tests.helpers.spoiled import replace_columns

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", STUDY.figures)
def test_every_figure_has_a_caption(name: str) -> None:
    found = caption(FOLDER, "bilevel", name)
    assert found.title
    assert not found.title.endswith(".")
    assert found.text.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.figures)
def test_every_figure(
    full: BilevelTidy, whole: BilevelTidy, small: BilevelTidy, tmp_path: Path, name: str
) -> None:
    with figure_style():
        for tidy in (full, whole, small):
            assert_readable(STUDY.figure(name).draw(tidy))
        for run in ("first", "second"):
            save_figure(STUDY.figure(name).draw(small), tmp_path / run / name)
    width, height, rows = pixels(tmp_path / "first" / f"{name}.png")
    assert width in (round(COLUMN_WIDTH * 300), round(PAGE_WIDTH * 300))
    assert height <= 9 * 300
    assert rows > 20
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / run / f"{name}{suffix}" for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


def test_what_was_tried_in_vain_is_not_drawn(
    small: BilevelTidy, copy: Path, published: Path
) -> None:
    """An attack that never succeeded and a graph that gives no few clusters have empty rows."""
    keys = {"dataset": "blobs", "seed": 0, "kind": "attacked", "method": "split"}
    values = {
        "sandwich": {**keys, "weights": "fixed", "gamma": 1.0},
        "defence": {"dataset": "blobs", "parameter": "phi", "value": 0.7, "chosen": 0},
    }
    for name, row in values.items():
        frame = pd.read_csv(copy / f"bilevel_{name}.csv")
        more = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
        more.to_csv(copy / f"bilevel_{name}.csv", index=False)
    tidy = BilevelTidy(copy, published)
    assert len(tidy["bilevel_defence"]) == len(small["bilevel_defence"]) + 1
    assert headline_rows(tidy) == headline_rows(small)
    assert sentences(tidy) == sentences(small)
    with figure_style():
        for name in ("bilevel_sandwich", "bilevel_defence"):
            before, after = (
                [
                    line.get_xydata().tolist()
                    for axis in STUDY.figure(name).draw(run).axes
                    for line in axis.lines
                ]
                for run in (small, tidy)
            )
            np.testing.assert_equal(after, before)


def test_gamma_of_the_attacks_that_is_not_recorded(copy: Path, published: Path) -> None:
    path = copy / "bilevel_study.json"
    study = json.loads(path.read_text())
    study["datasets"] = {"blobs": {}}
    path.write_text(json.dumps(study))
    tidy = BilevelTidy(copy, published)
    row = headline_rows(tidy)[1][0]
    assert [row[2], row[5]] == ["–", "2.00"]  # the gamma with the largest certified radius
    with figure_style():
        for name in STUDY.figures:
            assert_readable(STUDY.figure(name).draw(tidy))


def test_unknown_truth_and_a_solution_that_does_not_move(copy: Path, published: Path) -> None:
    replace_columns(copy, "defence", ari_truth=np.nan)
    replace_columns(copy, "path", ari_truth=np.nan)
    replace_columns(copy, "calmness", change=0.0)
    tidy = BilevelTidy(copy, published)
    with figure_style():
        for name in ("bilevel_defence", "bilevel_clusterpath", "bilevel_calmness"):
            assert_readable(STUDY.figure(name).draw(tidy))
        texts = [
            text.get_text()
            for axis in STUDY.figure("bilevel_defence").draw(tidy).axes
            for text in axis.texts
        ]
    assert texts == ["no true classes known"]
    assert not any("ARI to the truth" in text for text in sentences(tidy))
