"""Measures at a cut-off: closed forms, scikit-learn, ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score
from torch import Tensor

from advlearn.metrics import ranking
from advlearn.support.errors import UserError


def batch(n: int = 200, c: int = 9, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, c, generator=generator)
    relevant = torch.rand(n, c, generator=generator) < torch.rand(n, 1, generator=generator)
    relevant[:, 0] |= ~relevant.any(1)
    return logits, relevant


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_measures_are_those_of_scikit_learn_and_of_their_definition(k: int) -> None:
    logits, relevant = batch()
    top = ranking.top_k_mask(logits, k)
    for row in range(len(logits)):
        order = np.argsort(-logits[row].numpy())
        hits = relevant[row].numpy()[order][:k]
        n_relevant = int(relevant[row].sum())
        # Of labels outside the top k scikit-learn must see none that is relevant.
        scores = logits[row].numpy()
        ap = (
            average_precision_score(hits, scores[order][:k]) * hits.sum() / min(n_relevant, k)
            if hits.any()
            else 0.0
        )
        expected = {
            "p": hits.mean(),
            "map": ap,
            "ndcg": ndcg_score([relevant[row].numpy()], [scores], k=k),
            "tkacc": float(
                set(np.flatnonzero(relevant[row])) <= set(order[:k])
                if k > n_relevant
                else set(order[:k]) <= set(np.flatnonzero(relevant[row]))
            ),
        }
        found = ranking.measures(logits, relevant, k)[row]
        for column, name in enumerate(ranking.MEASURES):
            assert float(found[column]) == pytest.approx(expected[name], abs=1e-7), name
        assert set(np.flatnonzero(top[row])) == set(order[:k])


def test_each_function_is_its_column() -> None:
    logits, relevant = batch(20)
    functions = (
        ranking.topk_accuracy,
        ranking.precision_at_k,
        ranking.average_precision_at_k,
        ranking.ndcg_at_k,
    )
    columns = ranking.measures(logits, relevant, 3).unbind(1)
    for function, column in zip(functions, columns, strict=True):
        assert torch.equal(function(logits, relevant, 3), column)


def test_a_known_ranking() -> None:
    # Ranked 2, 0, 3, 1; relevant 0, 3, 1: hits at ranks 2 and 3 of the top 3.
    logits = torch.tensor([[3.0, 1.0, 4.0, 2.0]])
    relevant = torch.tensor([[True, True, False, True]])
    found = ranking.measures(logits, relevant, 3)[0].tolist()
    gain = [1.0, 1 / np.log2(3), 0.5]
    expected = [0.0, 2 / 3, (1 / 2 + 2 / 3) / 3, (gain[1] + gain[2]) / sum(gain)]
    assert found == pytest.approx(expected)


def test_equal_logits_keep_the_order_of_the_labels() -> None:
    logits = torch.tensor([[1.0, 2.0, 2.0, 1.0]])
    assert ranking.ranking(logits).tolist() == [[1, 2, 0, 3]]
    assert ranking.top_k_mask(torch.zeros(1, 40), 3).nonzero()[:, 1].tolist() == [0, 1, 2]


def test_without_relevant_labels_nothing_is_found_and_nothing_missed() -> None:
    found = ranking.measures(torch.randn(2, 5), torch.zeros(2, 5, dtype=torch.bool), 2)
    assert found.tolist() == [[1, 0, 0, 0]] * 2


@settings(max_examples=50)
@given(st.integers(1, 7), st.integers(0, 10_000), st.floats(-100, 100))
def test_measures_stay_in_range_and_look_at_the_ranking_alone(k: int, seed: int, by: float) -> None:
    logits, relevant = batch(10, 7, seed)
    found = ranking.measures(logits.double(), relevant, k)
    assert bool(((found >= 0) & (found <= 1 + 1e-12)).all())
    assert torch.equal(ranking.measures(3 * logits.double() + by, relevant, k), found)
    assert torch.equal(ranking.top_k_mask(logits, k).sum(1), torch.full((10,), k))
    # The best possible ranking has every measure 1.
    best = ranking.measures(relevant.double(), relevant, k)
    torch.testing.assert_close(best[:, [0, 2, 3]], torch.ones(10, 3, dtype=torch.float64))


@pytest.mark.parametrize("k", [0, 6])
def test_k_outside_the_labels_is_an_error(k: int) -> None:
    with pytest.raises(UserError, match="k must be"):
        ranking.measures(torch.zeros(1, 5), torch.ones(1, 5, dtype=torch.bool), k)
    with pytest.raises(UserError, match="k must be"):
        ranking.top_k_mask(torch.zeros(1, 5), k)


def test_no_images() -> None:
    assert ranking.measures(torch.zeros(0, 5), torch.zeros(0, 5, dtype=torch.bool), 2).shape == (
        0,
        4,
    )
