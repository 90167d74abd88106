"""The tables of the search against its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from advlearn.studies.selective.paper.search import (
    agreement,
    compared,
    counts,
    resolution,
    sensitivity,
)
from advlearn.studies.selective.paper.tables import open_choices, universes
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import weights
from advlearn.studies.selective.search.questions import BASELINES, column_of
from tests.helpers.searched import PUBLISHED, rows
from tests.helpers.selective_run import with_table


@pytest.fixture(scope="module")
def chanced(full: SelectiveTidy) -> SelectiveTidy:
    """The run with two finalists by chance, one of them left after two seeds."""
    frame = full["selective_universes"]
    more = pd.DataFrame([*rows(5), *rows(6, seeds=(0,)), *rows(6, seeds=(1,), status="stopped")])
    return with_table(
        full, "selective_universes", pd.concat([frame, more.assign(chosen_by="random")])
    )


def test_how_near_one_run_comes_to_its_own_universe(full: SelectiveTidy) -> None:
    spread = {4: (0.02, 0.01), 7: (0.04, 0.03), 9: (0.06, 0.02)}
    steps = (-1.0, 0.0, 1.0)  # three seeds, whose standard deviation is the step
    parts = []
    for universe, deviations in spread.items():
        for row, step in zip(rows(universe, seeds=(0, 1, 2)), steps, strict=True):
            for name, deviation in zip(("at_fgsm", "at_pgd"), deviations, strict=True):
                row[f"{name}_whitebox"] = row[f"{name}_transfer"] = 0.3 + step * deviation
            parts.append(row)
    frame = pd.DataFrame([*parts, *rows(11, seeds=(0, 1))])
    found = resolution(with_table(full, "selective_universes", frame))
    assert found is not None
    assert (found.universes, found.fgsm, found.pgd) == pytest.approx((3, 0.04, 0.02))
    drawn = np.random.default_rng(0).normal(0, (0.04, 0.02), (200_000, 2))
    inside = (np.abs(drawn) < 0.01).all(axis=1).mean()
    assert found.within == pytest.approx(inside, abs=0.003)
    few = with_table(full, "selective_universes", pd.DataFrame(rows(11, seeds=(0, 1))))
    assert resolution(few) is None


def test_a_line_is_the_mean_of_its_seeds_beside_the_published_value(full: SelectiveTidy) -> None:
    frame = compared(full)
    tidy = full["selective_universes"]
    second = tidy[tidy["stage"] == "second"]
    expected = weights(tidy, PUBLISHED).set_index(["universe", "protocol"])["weight"]
    assert len(frame) == 4 * 2 * 6
    for line in frame.to_dict("records"):
        mine = second[second["universe"] == line["universe"]]
        share = mine[column_of(line["quantity"], line["protocol"])].mean()
        assert line["mean"] == pytest.approx(share)
        assert line["difference"] == pytest.approx(share - PUBLISHED[line["quantity"]])
        assert line["weight"] == pytest.approx(expected[line["universe"], line["protocol"]])
    for _, part in frame.groupby(["universe", "protocol"]):
        assert set(part["largest_difference"]) == {part["difference"].abs().max()}
    assert frame["weight"].is_monotonic_decreasing
    assert list(frame["quantity"][:6]) == list(BASELINES)


def test_the_foremost_are_shown_below_the_published_values(full: SelectiveTidy) -> None:
    table = universes.build(full)
    heavy, near = table.groups
    assert heavy.title.startswith("The heaviest: ")
    assert near.title.startswith("The nearest")
    for group in (heavy, near):
        assert group.rows[0][:3] == ["published", "", "0.9701"]
        assert all(len(row) == len(table.columns) for row in group.rows)
    assert near.rows[1][0] == "0"
    assert near.rows[1][-2] == "0.000"
    line = dict(table.frame.iloc[0])
    (source,) = table.source_rows(line, "mean")
    behind = full["selective_universes"].iloc[source.rows]
    assert set(behind["universe"]) == {line["universe"]}
    assert set(behind["stage"]) == {"second"}


def test_counts_say_what_became_of_the_draws(chanced: SelectiveTidy) -> None:
    assert counts(chanced) == {
        "draws": 16,
        "measured": 4,
        "stopped": 11,
        "failed": 1,
        "finalists": 6,
        "confirmed": 5,
    }
    (note,) = [note for note in universes.build(chanced).notes if note.startswith("Of 16 draws")]
    assert "4 were measured to the end; 11 were left" in note


def test_chance_says_what_the_first_stage_would_have_lost(chanced: SelectiveTidy) -> None:
    likely, random = agreement(chanced).to_dict("records")
    assert (likely["universes"], likely["measured"]) == (4, 4)
    assert likely["rank_correlation"] == pytest.approx(1)
    # Draw 5 is as near as the nearest, and the first stage had left it.
    assert (random["universes"], random["measured"]) == (2, 1)
    assert random["weight"] > 0.3
    assert np.isnan(random["rank_correlation"])
    assert likely["weight"] + random["weight"] == pytest.approx(1)


def test_a_wider_discrepancy_spreads_the_weight(full: SelectiveTidy) -> None:
    frame = sensitivity(full)
    assert list(frame["discrepancy"]) == [0.05, 0.1, 0.25, 0.5]
    assert frame["effective"].is_monotonic_increasing
    assert frame["heaviest"].is_monotonic_decreasing


def test_the_weights_of_a_question_sum_to_one(full: SelectiveTidy) -> None:
    table = open_choices.build(full)
    sums = table.frame.groupby("question").sum(numeric_only=True)
    np.testing.assert_allclose(sums, 1)
    assert table.groups[0].title == "model"
    assert {"weight", "weight_discrepancy_0.25", "prior"} <= set(table.frame.columns)
    assert all(len(row) == len(table.columns) for group in table.groups for row in group.rows)


def test_where_none_was_measured_to_its_end_the_table_has_what_is_known(
    full: SelectiveTidy,
) -> None:
    left = pd.DataFrame(
        [
            *rows(5, seeds=(0,), stage="first", status="stopped"),
            *rows(6, seeds=(0,), stage="first", status="stopped"),
        ]
    )
    left.loc[left["universe"] == 5, ["at_pgd_whitebox", "at_pgd_transfer"]] = np.nan
    table = universes.build(with_table(full, "selective_universes", left))
    assert len(table.frame) == 2 * 5 + 2 * 6
    assert table.frame.loc[table.frame["universe"] == 5, "largest_difference"].isna().all()
    (group,) = table.groups
    assert [row[0] for row in group.rows] == ["published", "6", "6", "5", "5"]
