"""The rows named as those behind a number are those that it depends on, seen by changing them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.studies.selective.search.questions import MEASURED
from advlearn.studies.selective.study import STUDY
from tests.helpers.lineage import Lineage
from tests.helpers.selective_run import PUBLISHED

pytestmark = pytest.mark.slow

REFERENCE_RUN = Path("results/reference/tidy")
VALUES = {
    "selective_metrics": ["value"],
    "selective_strength": ["robust", "robust_so_far"],
    "selective_universes": list(MEASURED),
}
COLUMNS = {
    "selective_predictions": ["width"],
    "selective_dbscan": ["mean", "subset"],
    "selective_controls": ["mean", "difference_subset", "difference_all", "difference_none"],
    "selective_strength": [
        "clean",
        "whitebox",
        "worst_case",
        "excess",
        "adds_square",
        "adds_apgd_cross_entropy",
    ],
}
"""Columns whose numbers are tried; the mean by default."""


@pytest.fixture(scope="module")
def run() -> SelectiveTidy:
    return SelectiveTidy(REFERENCE_RUN, PUBLISHED)


def test_every_tidy_table_has_the_rule_of_its_rows() -> None:
    shipped = {path.name.split(".")[0] for path in REFERENCE_RUN.glob("selective_*")}
    later = {name for name, table in SCHEMA.tables.items() if not table.required}
    about = {SCHEMA.record.removesuffix(".json"), SCHEMA.choices}
    assert shipped | later == {*SCHEMA.tables, *SCHEMA.arrays} | about
    assert all(SCHEMA.stage_of(name) in STUDY.stages for name in shipped - about)


@pytest.mark.parametrize("name", STUDY.tables)
def test_keys_name_one_line(name: str, run: SelectiveTidy) -> None:
    table = STUDY.table(name).build(run)
    assert table.sources
    assert table.how
    assert not table.frame.duplicated(list(table.keys)).any()


# The weights of the open choices are made of all rows: there are no others.
@pytest.mark.parametrize("name", [name for name in STUDY.tables if "open_choices" not in name])
def test_a_number_depends_on_the_rows_behind_it_and_on_no_others(
    name: str, run: SelectiveTidy, full: SelectiveTidy
) -> None:
    # Of the shipped run many strong attacks add nothing, so that one row more changes nothing.
    run = full if name == "selective_strength" else run
    Lineage(STUDY, name, run, VALUES).check(COLUMNS.get(name, ["mean"]))


def test_controls_are_behind_differences_alone(run: SelectiveTidy) -> None:
    table = STUDY.table("selective_controls").build(run)
    differences = [f"difference_{control}" for control in ("subset", "all", "none")]
    pooled = table.frame[table.frame["setting"] == "pooled"].dropna(subset=differences)
    line = dict(pooled.iloc[0])
    assert [part.role for part in table.source_rows(line, "mean")] == ["values"]
    for control, words in (("subset", "equal size"), ("all", "all"), ("none", "clean images")):
        values, own = table.source_rows(line, f"difference_{control}_low")
        assert values.role == "values"
        assert words in own.role


def test_what_chose_a_setting_is_behind_its_line(run: SelectiveTidy) -> None:
    table = STUDY.table("selective_table3_overall").build(run)
    # What the plausible set predicts has the setting of each universe, and none of its own.
    reproduced = table.frame[table.frame["primary"] != "predicted"]
    line = dict(reproduced[reproduced["algorithm"] == "dbscan"].iloc[0])
    values, tried = table.source_rows(line, "mean")
    assert table.source_rows(line, "validation_average") == [tried]
    metrics = run["selective_metrics"]
    assert set(metrics.loc[values.rows, "setting"]) == {line["setting"]}
    assert set(metrics.loc[tried.rows, "split"]) == {"validation"}
    assert metrics.loc[tried.rows, "setting"].nunique() > 1
    classic = dict(table.frame[table.frame["algorithm"] == "classic"].iloc[0])
    assert [part.role for part in table.source_rows(classic, "mean")] == ["values"]


def test_published_numbers_are_found_in_their_files(run: SelectiveTidy) -> None:
    seen = 0
    for name in STUDY.tables:
        table = STUDY.table(name).build(run)
        if not table.published:
            assert "published" not in table.frame
            continue
        published = run.published(name)
        for _, line in table.frame.iterrows():
            found = published.loc[table.published_rows(dict(line), published), "published"]
            expected = [] if pd.isna(line["published"]) else [line["published"]]
            assert found.tolist() == expected
            seen += len(expected)
    assert seen > 100
