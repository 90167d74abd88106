"""A run without the search for the universe of the published numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advlearn.report.style import figure_style
from advlearn.stages.figures import figures
from advlearn.stages.tables import tables
from advlearn.studies.selective.paper.page import page
from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.studies.selective.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.selective_run import PUBLISHED, write_run, write_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["mnist", "fashion-mnist"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("left-out") / "tidy"
    write_run(folder, dataset=request.param, seeds=[0, 1], reductions=["pca"])
    empty = SelectiveTidy(folder, PUBLISHED)["selective_universes"].iloc[:0]
    write_table(folder, "selective_universes", empty)
    return folder


@pytest.fixture
def tidy(folder: Path) -> SelectiveTidy:
    record = folder / SCHEMA.record
    study = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**study, "left_out": ["confirm"]}), encoding="utf-8")
    return SelectiveTidy(folder, PUBLISHED)


def test_what_is_made_of_the_search_alone_is_left_out_and_the_rest_is_made(
    tidy: SelectiveTidy,
) -> None:
    for name in STUDY.drawn("tables", tidy.left_out):
        assert len(STUDY.table(name).build(tidy).frame), name
    with figure_style():
        for name in STUDY.drawn("figures", tidy.left_out):
            assert STUDY.figure(name).draw(tidy).axes, name
    made = page(tidy)
    assert made.sentences
    assert "Search" not in [section.title for section in made.sections]
    # No universe is known to have a fixed number of steps, or one that follows the size.
    assert not [sentence for sentence in made.sentences if "curves" in sentence]
    table = STUDY.table("selective_table1_fgsm").build(tidy)
    assert table.groups[0].title.startswith("Predicted for one run more of small")


def test_what_an_earlier_run_drew_of_it_goes(tidy: SelectiveTidy, tmp_path: Path) -> None:
    old = ("selective_universes.csv", "selective_open_choices.md", "selective_table1_fgsm.tex")
    for name in (*old, "topk_claims.csv", "notes.txt"):
        (tmp_path / name).write_text("made before")
    tables(tidy=tidy.folder, out=tmp_path, published=PUBLISHED)
    left = {path.name for path in tmp_path.iterdir() if path.read_text() == "made before"}
    assert left == {"topk_claims.csv", "notes.txt"}
    assert not (tmp_path / old[0]).exists()
    assert not (tmp_path / old[1]).exists()
    assert (tmp_path / old[2]).exists()
    (tmp_path / "selective_choices.svg").touch()
    figures(tidy=tidy.folder, out=tmp_path, published=PUBLISHED)
    assert not (tmp_path / "selective_choices.svg").exists()
    assert (tmp_path / "selective_claims.svg").exists()


def test_what_reads_the_search_alone_is_left_out_with_it(tmp_path: Path) -> None:
    """Nothing else is: it would have nothing to show, or be missing without need."""
    write_run(tmp_path / "tidy", seeds=[0, 1], reductions=["pca"])
    alone = set()
    with figure_style():
        for kind in ("tables", "figures"):
            for name in STUDY.drawn(kind):
                run = SelectiveTidy(tmp_path / "tidy", PUBLISHED)
                part = STUDY.table(name) if kind == "tables" else STUDY.figure(name)
                part.build(run) if kind == "tables" else part.draw(run)
                if {path.stem for path in run.opened} & set(SCHEMA.tables) == {
                    "selective_universes"
                }:
                    alone.add(name)
    assert alone == set(STUDY.optional["confirm"])


def test_a_search_without_rows_is_refused_where_it_was_run(folder: Path) -> None:
    record = folder / SCHEMA.record
    study = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**study, "left_out": []}), encoding="utf-8")
    with pytest.raises(UserError, match="no rows"):
        SelectiveTidy(folder, PUBLISHED)["selective_universes"]
