"""What the figures of the search take from its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from advlearn.report.style import figure_style
from advlearn.studies.selective.paper.figures import choices, universes
from advlearn.studies.selective.paper.searched import Searched, searched
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import answers, weights
from advlearn.studies.selective.search.marginals import marginals, ranges
from advlearn.studies.selective.search.questions import BASELINES, column_of
from tests.helpers.readable import assert_readable
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED, frame, rows
from tests.helpers.selective_run import with_table

pytestmark = pytest.mark.slow


def search_rows(universes: int, seeds: int, *, stopped: float = 0.2) -> pd.DataFrame:
    """A second stage in which epsilon decides how near a universe is to the published baselines.

    Args:
        universes: number of draws.
        seeds: seeds of each.
        stopped: share of the universes that were not measured to their ends.
    """
    generator = np.random.default_rng(3)
    parts = []
    for universe in range(universes):
        part = rows(universe, seeds=range(seeds))
        near = 0.4 if part[0]["epsilon"] == "0.5 standardised" else 2.0
        shift = generator.normal(0, near)
        measured = generator.uniform() >= stopped
        for row in part:
            row["status"] = "measured" if measured else "stopped"
            for name, share in AT_THE_PUBLISHED.items():
                logit = np.log(share / (1 - share)) + shift + generator.normal(0, 0.1)
                logit += 0.6 * name.endswith("transfer")
                row[name] = 1 / (1 + np.exp(-logit)) if measured else np.nan
        parts.append(part)
    return frame(*parts)


@pytest.fixture(scope="module")
def run(full: SelectiveTidy) -> SelectiveTidy:
    return with_table(full, "selective_universes", search_rows(80, 3))


def best_of(run: SelectiveTidy, most: int) -> pd.DataFrame:
    found = weights(run["selective_universes"], PUBLISHED)
    found = found[np.isfinite(found["log_likelihood"])]
    best: pd.DataFrame = found.sort_values("log_likelihood", ascending=False).head(most)
    return best


def found_in(run: SelectiveTidy, most: int) -> Searched:
    found = searched(run, most=most)
    assert found is not None
    return found


def test_universes_stand_in_the_order_of_their_likelihood(run: SelectiveTidy) -> None:
    found, best = found_in(run, 20), best_of(run, 20)
    table = run["selective_universes"]
    assert found.weights == pytest.approx(best["weight"].to_numpy())
    assert found.published == pytest.approx(PUBLISHED)
    pairs: Sequence[tuple[int, str]] = list(zip(best["universe"], best["protocol"], strict=True))
    for place, (universe, protocol) in enumerate(pairs):
        mine = found.values[found.values["place"] == place]
        for quantity in BASELINES:
            expected = table.loc[table["universe"] == universe, column_of(quantity, protocol)]
            shown = mine.loc[mine["quantity"] == quantity, "value"]
            assert list(shown) == pytest.approx(list(expected))


def test_answers_and_marginals_are_those_of_the_search(run: SelectiveTidy) -> None:
    found, best = found_in(run, 20), best_of(run, 20)
    table = run["selective_universes"]
    given = ranges(answers(table)).fillna("").loc[best["universe"]]
    assert {"epsilon", "rate", "steps_are"} <= set(found.answers)
    for question in given.columns:
        assert found.answers[question] == list(given[question])
    assert found.answers["protocol"] == list(best["protocol"])
    expected = marginals(table, weights(table, PUBLISHED))
    pd.testing.assert_frame_equal(found.marginals, expected)


@pytest.mark.parametrize("name", ["selective_universes", "selective_choices"])
def test_answers_of_real_draws_have_room(run: SelectiveTidy, name: str) -> None:
    module = {"selective_universes": universes, "selective_choices": choices}[name]
    with figure_style():
        figure = module.draw(run)
        assert_readable(figure)


def test_no_universe_has_a_weight(full: SelectiveTidy, smoke: SelectiveTidy) -> None:
    stopped = with_table(full, "selective_universes", search_rows(5, 1, stopped=1.1))
    other_data = with_table(smoke, "selective_universes", search_rows(5, 1))
    for bad in (stopped, other_data):
        assert searched(bad, most=20) is None
        for draw in (universes.draw, choices.draw):
            with figure_style():
                figure = draw(bad)
                assert_readable(figure)
            assert figure.texts[0].get_text() == "no universe of this run has a weight"
