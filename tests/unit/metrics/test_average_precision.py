import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from advlearn.metrics.average_precision import (
    class_average_precision,
    mean_average_precision,
    sample_average_precision,
)


@given(st.integers(1, 30), st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**31 - 1))
def test_equals_scikit_learn_with_and_without_ties(n: int, c: int, levels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    # Few levels give many ties.
    scores = draw.integers(0, levels, (n, c)).astype(np.float32)
    relevant = draw.random((n, c)) < 0.4
    expected = [
        average_precision_score(relevant[:, j], scores[:, j]) if relevant[:, j].any() else np.nan
        for j in range(c)
    ]
    found = class_average_precision(scores, relevant)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    of_images = [
        average_precision_score(relevant[i], scores[i]) for i in range(n) if relevant[i].any()
    ]
    if of_images:
        assert mean_average_precision(scores, relevant) == pytest.approx(np.nanmean(expected))
        assert sample_average_precision(scores, relevant) == pytest.approx(np.mean(of_images))


def test_perfect_worst_and_by_hand() -> None:
    relevant = np.array([[True, False], [False, True], [True, False]])
    scores = np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0]])
    # The second class: its one image comes last of three.
    np.testing.assert_allclose(class_average_precision(scores, relevant), [1, 1 / 3])
    assert mean_average_precision(scores, relevant) == pytest.approx(2 / 3)


def test_a_class_without_images_is_left_out_and_nothing_warns() -> None:
    relevant = np.array([[True, False], [False, False]])
    scores = np.array([[1.0, 2.0], [0.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(class_average_precision(scores, relevant)).tolist() == [False, True]
        assert mean_average_precision(scores, relevant) == 1
        # The image without a label does not count: the other has its label second.
        assert sample_average_precision(scores, relevant) == 0.5
        assert np.isnan(mean_average_precision(scores, np.zeros((2, 2), dtype=bool)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        class_average_precision(np.array([[bad]]), np.array([[True]]))


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shape"):
        class_average_precision(np.zeros((2, 3)), np.zeros((3, 2), dtype=bool))
