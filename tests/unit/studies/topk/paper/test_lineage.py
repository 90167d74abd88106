"""The rows behind the numbers of study 2's tables, in the shipped run."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.studies.topk.schema import SCHEMA
from advlearn.studies.topk.study import STUDY
from tests.helpers.lineage import Lineage
from tests.helpers.topk_run import open_topk

REFERENCE = Path(__file__).parents[5] / "results" / "reference" / "tidy"
VALUES = {
    "topk_metrics": ["value"],
    "topk_images": "l2 linf delta_tkacc delta_p delta_map delta_ndcg iterations".split(),
    "topk_models": ["value"],
    "topk_search": ["asr", "l2"],
    "topk_transfer": ["value"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.tables)
def test_a_number_depends_on_the_rows_behind_it_and_on_no_others(name: str) -> None:
    Lineage(STUDY, name, open_topk(REFERENCE), VALUES).check()


def test_the_share_of_relevant_labels_depends_on_all_attacks() -> None:
    run = open_topk(REFERENCE)
    table = STUDY.table("topk_cardinality").build(run)
    # An attack that fails on some images.
    line = table.frame.query("metric == 'l2' and method == 'kfool'").iloc[0].to_dict()
    (successes,), (attacks,) = table.source_rows(line, "mean"), table.source_rows(line, "density")
    assert set(successes.rows) < set(attacks.rows)
    rows = run["topk_images"].loc[attacks.rows]
    assert line["density"] == pytest.approx(rows["n_relevant"].mean() / 10)
    assert rows.loc[successes.rows, "success"].all()
    assert len(successes.rows) == rows["success"].sum()


def test_every_tidy_table_names_the_rule_that_made_it() -> None:
    written = {path.name.split(".")[0] for path in REFERENCE.glob("topk_*")}
    made = {name for name in written if SCHEMA.stage_of(name)}
    assert made == written - {"topk_choices", "topk_study"}
    assert {SCHEMA.stage_of(name) for name in made} <= set(STUDY.stages)
