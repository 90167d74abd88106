"""Measures of a ranking of labels at a cut-off k, one number an image.

Labels are ranked by their logits, largest first; equal logits keep the order of the labels, as in
a stable sort. An image without any relevant label has precision, average precision and NDCG 0.
Source: Section 4 of the method's description; the closed forms equal scikit-learn's functions
where no two logits are equal (scikit-learn averages NDCG over ties).
"""

from __future__ import annotations

import torch
from torch import Tensor

from advlearn.metrics.logits import check_logits
from advlearn.support.errors import UserError

MEASURES = ("tkacc", "p", "map", "ndcg")
"""Columns of :func:`measures`: top-k accuracy, precision, average precision and NDCG at k."""


def ranking(logits: Tensor) -> Tensor:
    """Labels of each image from the largest logit to the smallest, int64 (n, c)."""
    return logits.argsort(dim=1, descending=True, stable=True)


def top_k_mask(logits: Tensor, k: int) -> Tensor:
    """Which labels are among the k largest logits, bool (n, c); exactly k in each row.

    Args:
        logits: (n, c).
        k: cut-off, 1 to c.

    Raises:
        UserError: k is outside 1 to c, or logits that are not finite.
    """
    _check(logits, k)
    mask = torch.zeros_like(logits, dtype=torch.bool)
    return mask.scatter_(1, ranking(logits)[:, :k], True)


def measures(logits: Tensor, relevant: Tensor, k: int) -> Tensor:
    """The four measures of each image in the order of :data:`MEASURES`, float64 (n, 4) in [0, 1].

    Args:
        logits: (n, c).
        relevant: bool (n, c).
        k: cut-off, 1 to c.

    Raises:
        UserError: k is outside 1 to c, or logits that are not finite.
    """
    _check(logits, k)
    hits = relevant.gather(1, ranking(logits)[:, :k]).double()
    # As many of the top k as can be relevant; 1 where none can, and then all sums are 0.
    possible = relevant.sum(1).clamp(max=k)
    rank = torch.arange(1, k + 1, dtype=torch.float64, device=logits.device)
    gain = 1 / (rank + 1).log2()
    found = hits.sum(1)
    at_least_one = possible.clamp(min=1)
    precision_at_hits = (hits * _running_sum(hits) / rank).sum(1)
    return torch.stack(
        [
            (found == possible).double(),
            found / k,
            precision_at_hits / at_least_one,
            (hits * gain).sum(1) / _running_sum(gain[None])[0, at_least_one - 1],
        ],
        dim=1,
    )


def topk_accuracy(logits: Tensor, relevant: Tensor, k: int) -> Tensor:
    """1 where the top k and the relevant labels contain one another as far as k allows, (n,).

    With fewer than k relevant labels all of them are in the top k, otherwise all of the top k are
    relevant. Arguments and errors as for :func:`measures`.
    """
    return measures(logits, relevant, k)[:, 0]


def precision_at_k(logits: Tensor, relevant: Tensor, k: int) -> Tensor:
    """Share of the top k that is relevant, (n,). Arguments and errors as for :func:`measures`."""
    return measures(logits, relevant, k)[:, 1]


def average_precision_at_k(logits: Tensor, relevant: Tensor, k: int) -> Tensor:
    """Sum of the precision at the rank of each hit in the top k, over min(|Y|, k), (n,).

    Its mean over images is the mean average precision at k. Arguments and errors as for
    :func:`measures`.
    """
    return measures(logits, relevant, k)[:, 2]


def ndcg_at_k(logits: Tensor, relevant: Tensor, k: int) -> Tensor:
    """Discounted gain of the hits in the top k over the largest possible one, (n,).

    A hit at rank i gains 1 / log2(i + 1). Arguments and errors as for :func:`measures`.
    """
    return measures(logits, relevant, k)[:, 3]


def _running_sum(rows: Tensor) -> Tensor:
    """Sums of the first entries of each row, (m, k)."""
    if rows.device.type == "cpu":
        return rows.cumsum(1)
    # PyTorch has no deterministic running sum for a GPU; k is small.
    sums = [rows[:, 0]]
    for column in rows[:, 1:].unbind(1):
        sums.append(sums[-1] + column)
    return torch.stack(sums, dim=1)


def _check(logits: Tensor, k: int) -> None:
    if not 1 <= k <= logits.shape[1]:
        raise UserError(
            "k must be at least 1 and at most the number of labels",
            where=f"k={k} with {logits.shape[1]} labels",
            remedy="choose another k",
        )
    check_logits(logits, len(logits))
