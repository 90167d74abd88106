"""A run of the user's own tables alone, which leaves out what needs no table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from advlearn.studies.bilevel.paper.page import page
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import write_bilevel

PUBLISHED = Path(__file__).parents[5] / "config" / "published"
STAGES = ("bilevel_onepoint", "bilevel_delta")


@pytest.fixture(scope="module")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> BilevelTidy:
    folder = tmp_path_factory.mktemp("left-out")
    write_bilevel(folder, seeds=[0], datasets=["blobs"], drawn=["blobs"], left_out=STAGES)
    return BilevelTidy(folder, PUBLISHED)


def test_what_is_made_of_them_alone_is_left_out_and_the_rest_is_made(tidy: BilevelTidy) -> None:
    assert tidy.left_out == list(STAGES)
    made = STUDY.drawn("tables", tidy.left_out)
    named = {name for names in STUDY.optional.values() for name in names}
    assert made == [name for name in STUDY.tables if name not in named]
    for name in made:
        assert len(STUDY.table(name).build(tidy).frame), name
    for name in STUDY.drawn("figures", tidy.left_out):
        assert STUDY.figure(name).draw(tidy).axes, name


def test_what_reads_the_results_of_an_optional_stage_alone_is_left_out_with_it(
    full: BilevelTidy,
) -> None:
    """Nothing else is: it would have nothing to show, or be missing without need."""
    read = {}
    for kind in ("tables", "figures"):
        for name in STUDY.drawn(kind):
            tidy = BilevelTidy(full.folder, PUBLISHED)
            STUDY.table(name).build(tidy) if kind == "tables" else STUDY.figure(name).draw(tidy)
            tables = {path.stem for path in tidy.opened} & set(tidy.schema.tables)
            read[name] = {tidy.schema.stage_of(table) for table in tables}
    for stage in STAGES:
        alone = {name for name, stages in read.items() if stages == {stage}}
        assert alone == set(STUDY.optional[stage])


def test_a_table_without_rows_is_refused_where_its_stage_was_run(
    tidy: BilevelTidy, tmp_path: Path
) -> None:
    shutil.copy(tidy.folder / "bilevel_onepoint.csv", tmp_path)
    record = {"run": "x", "seeds": [0], "datasets": {}, "left_out": ["bilevel_delta"]}
    (tmp_path / "bilevel_study.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UserError, match="no rows"):
        BilevelTidy(tmp_path, PUBLISHED)["bilevel_onepoint"]


def test_the_page_says_nothing_of_them(tidy: BilevelTidy) -> None:
    made = page(tidy)
    text = " ".join(made.sentences)
    assert "certified radius" in text
    assert "random moves" not in text
    assert "One changed point" not in text
    assert not made.warning
    assert len(made.comparisons[1]) == 4
    frame = STUDY.table("bilevel_claims").build(tidy).frame.set_index("claim")
    assert frame["n"]["proved-formulas"] == 0
    assert not frame.index.str.startswith(("grows", "three-way", "symmetric")).any()
