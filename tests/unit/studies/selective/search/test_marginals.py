import numpy as np
import pytest

from advlearn.studies.selective.search.likelihood import weights
from advlearn.studies.selective.search.marginals import marginals
from advlearn.studies.selective.search.questions import QUESTIONS
from advlearn.studies.selective.search.space import draws
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED, frame, rows

FIRST = [rows(i, stage="first", seeds=(0,)) for i in range(64)]


def test_marginals_and_priors_sum_to_one() -> None:
    table = frame(*FIRST, *(rows(i) for i in (0, 2, 5)))
    found = marginals(table, weights(table, PUBLISHED))
    assert set(found["question"]) == {*QUESTIONS, "steps_are", "protocol"}
    sums = found.groupby("question")[["weight", "prior"]].sum()
    np.testing.assert_allclose(sums, 1)


def test_the_prior_is_the_share_among_all_draws() -> None:
    table = frame(*FIRST, rows(3))
    found = marginals(table, weights(table, PUBLISHED)).set_index(["question", "answer"])
    answers = [draw.answers for draw in draws(0, 64)]
    adam = sum(each["optimiser"] == "adam" for each in answers)
    assert found.loc[("optimiser", "adam"), "prior"] == adam / 64
    asked = [each for each in answers if each["clean_steps"]]
    two = sum(each["clean_steps"] == "2" for each in asked)
    assert found.loc[("clean_steps", "2"), "prior"] == pytest.approx(two / len(asked))
    following = sum(each["adversarial_steps"].endswith("epoch") for each in answers)
    assert found.loc[("steps_are", "following the size"), "prior"] == following / 64


def test_the_weight_is_that_of_the_universes_with_the_answer() -> None:
    far = {name: min(1.0, share * 1.1) for name, share in AT_THE_PUBLISHED.items()}
    table = frame(*FIRST, rows(1), rows(4, far))
    weighted = weights(table, PUBLISHED)
    by_universe = weighted.groupby("universe")["weight"].sum()
    found = marginals(table, weighted).set_index(["question", "answer"])["weight"]
    one, four = (draws(i, 1)[0].answers for i in (1, 4))
    assert one["epsilon"] == four["epsilon"] == "0.5 in pixels"
    assert found["epsilon", "0.5 in pixels"] == pytest.approx(1)
    assert one["batch"] != four["batch"]
    assert found["batch", one["batch"]] == pytest.approx(by_universe[1])
    by_protocol = weighted.groupby("protocol")["weight"].sum()
    assert found["protocol", "transfer"] == pytest.approx(by_protocol["transfer"])


def test_nothing_has_weight_where_nothing_was_measured() -> None:
    table = frame(*(rows(i, {}, stage="first", seeds=(0,), status="stopped") for i in range(8)))
    found = marginals(table, weights(table.reindex(columns=frame(*FIRST).columns), PUBLISHED))
    assert (found["weight"] == 0).all()
