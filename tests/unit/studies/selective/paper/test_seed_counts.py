"""Blocks of a run that have fewer seeds than others: tables say how many each has."""

from __future__ import annotations

import pytest

from advlearn.studies.selective.paper.answer import answer
from advlearn.studies.selective.paper.tables.baselines import headline_rows
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.study import STUDY
from tests.helpers.selective_run import with_table

pytestmark = pytest.mark.slow


def fewer(run: SelectiveTidy, universe: str, seeds: int) -> SelectiveTidy:
    """The run with the first seeds of a universe alone."""
    for name in ("selective_metrics", "selective_strength"):
        frame = run[name]
        run = with_table(
            run, name, frame[(frame["universe"] != universe) | (frame["seed"] < seeds)]
        )
    return run


@pytest.mark.parametrize("name", ["baselines", "table1_fgsm", "table3_overall", "strength"])
def test_the_caption_and_each_block_say_their_seeds(name: str, full: SelectiveTidy) -> None:
    build = STUDY.table(f"selective_{name}").build
    whole = build(full)
    assert "ver 3 seeds" in whole.caption
    assert not [group.title for group in whole.groups if "seed" in group.title]
    table = build(fewer(full, "standard", 1))
    assert "ver 1 to 3 seeds" in table.caption
    for group in table.groups:
        assert group.title.endswith(", 1 seed" if "standard" in group.title else ", 3 seeds")


def test_a_row_that_fails_on_a_seed_is_in_the_range(full: SelectiveTidy) -> None:
    table = STUDY.table("selective_controls").build(fewer(full, "standard", 2))
    assert "over 2 to 3 seeds" in table.caption
    assert {group.title.rpartition(", ")[2] for group in table.groups} == {"2 seeds", "3 seeds"}


def test_what_rests_on_the_primary_universe_counts_its_seeds(full: SelectiveTidy) -> None:
    assert headline_rows(full)[0][3] == "reproduced (mean of 3 seeds)"
    assert answer(full).data.endswith("3 seeds")
    few = fewer(full, "small", 2)
    assert headline_rows(few)[0][3] == "reproduced (mean of 2 seeds)"
    assert answer(few).data.endswith(", 2 seeds")
    assert headline_rows(fewer(full, "small", 1))[0][3] == "reproduced (one seed)"
    claims = STUDY.table("selective_claims").build(few)
    assert "mean over 2 to 3 seeds" in claims.caption
    assert claims.groups[0].title.endswith(", 2 seeds")
