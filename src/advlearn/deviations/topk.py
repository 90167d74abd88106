"""What attacks on the top k of a multi-label classifier want to make small, one number an image.

These are *losses*: the attacker descends. In the vocabulary of :mod:`advlearn.deviations` the
deviation to be maximised is the negative loss. Every loss takes the logits f (n, c), the relevant
labels Y and the specified labels S (both bool (n, c)) and k with 1 <= k < c, and depends on
differences of logits only, but for ``ml_cw_u_b``. Images do not interact. Where a set of labels is
empty, the term that needs it is 0.

Below, S_Y is the intersection of S and Y, R is Y without S, and f_[j] is the j-th largest logit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

TopkLoss = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""``(logits (n, c), relevant bool (n, c), specified bool (n, c), k) -> (n,)``, to be minimised."""


def tkmia(
    logits: Tensor, relevant: Tensor, specified: Tensor, k: int, surrogate: str = "average"
) -> Tensor:
    """Push S_Y out of the top k and the other relevant labels into it (T_kMIA, arXiv 2309.00007).

    The goal is ``(max_{S_Y} f - f_[k+1]) + (f_[k] - min_R f)``. Its surrogates are

    - ``average``, the paper's: f_[k+1] becomes the mean of the c - k smallest logits and f_[k] the
      mean of the k largest. By ``sum_{i<=K} s_[i] = min_l {K l + sum_i [s_i - l]_+}`` (Ogryczak and
      Tamir 2003; the paper's Lemma 4.1) this is the minimum over the two auxiliary variables
      of the paper's loss, and needs neither of them;
    - ``exact``: as it stands;
    - ``hinge``: each of the two terms, as it stands, cut off at 0;
    - ``removal``: the first term alone, as it stands. It is at most 0 exactly where S_Y is out of
      the top k, and asks nothing of R.

    Args:
        logits: f.
        relevant: Y.
        specified: S.
        k: cut-off.
        surrogate: average, exact, hinge or removal.
    """
    ordered = logits.sort(dim=1, descending=True).values
    if surrogate == "average":
        inside, outside = ordered[:, :k].mean(1), ordered[:, k:].mean(1)
    else:
        inside, outside = ordered[:, k - 1], ordered[:, k]
    targets, others = specified & relevant, relevant & ~specified
    leave = _where_any(targets, _largest(logits, targets) - outside)
    if surrogate == "removal":
        return leave
    enter = _where_any(others, inside - _smallest(logits, others))
    if surrogate == "hinge":
        leave, enter = leave.relu(), enter.relu()
    return leave + enter


def tkml_ap_u(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """``max_Y f`` minus the mean of the c - k smallest logits; does not look at S.

    The untargeted T_kML-AP (Hu et al., ICCV 2021): every relevant label leaves the top k.
    """
    outside = logits.sort(dim=1, descending=True).values[:, k:].mean(1)
    return _where_any(relevant, _largest(logits, relevant) - outside)


def ml_cw_u_a(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """``[max_Y f - min_{not Y} f]_+``: all relevant labels below all others; neither S nor k.

    The paper's ML-CW-U was never published as code; this is our reading of its predecessor, an
    untargeted hinge after Carlini and Wagner (2017) and Song et al. (2018).
    """
    return _below(logits, relevant)


def ml_cw_u_b(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """``sum_{y in Y} [f_y]_+``: every relevant label is turned off, label by label; ours."""
    return (logits.relu() * relevant).sum(1)


def ml_cw_u_c(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """:func:`ml_cw_u_a` with S_Y in place of Y: a stronger baseline that knows S; ours.

    It asks more than the top k does: that S_Y is below *all* other labels.
    """
    return _below(logits, specified & relevant)


def ml_cw_u_d(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """``[max_{S_Y} f - g_[k]]_+`` with g the logits of the labels not in S_Y; ours.

    It asks exactly what the top k does: it is 0 where k other labels are at least as large as all
    of S_Y, and there alone. Where fewer than k other labels exist, some of S_Y cannot leave, and
    the smallest of the others takes the place of g_[k].
    """
    targets = specified & relevant
    others = logits.masked_fill(targets, -torch.inf).sort(dim=1, descending=True).values
    place = (~targets).sum(1).clamp(1, k) - 1
    gap = _largest(logits, targets) - others.gather(1, place[:, None]).squeeze(1)
    return _where_any(targets, _where_any(~targets, gap)).relu()


LOSSES: dict[str, TopkLoss] = {
    "tkmia": tkmia,
    "tkml_ap_u": tkml_ap_u,
    "ml_cw_u_a": ml_cw_u_a,
    "ml_cw_u_b": ml_cw_u_b,
    "ml_cw_u_c": ml_cw_u_c,
    "ml_cw_u_d": ml_cw_u_d,
}
"""Losses by the name of the method that descends them."""


def build(method: str, surrogate: str = "average") -> TopkLoss:
    """The loss of a method of :data:`LOSSES`; ``surrogate`` concerns tkmia alone."""
    return partial(tkmia, surrogate=surrogate) if method == "tkmia" else LOSSES[method]


def _below(logits: Tensor, chosen: Tensor) -> Tensor:
    """``[max over chosen - min over the others]_+``."""
    gap = _largest(logits, chosen) - _smallest(logits, ~chosen)
    return _where_any(chosen, _where_any(~chosen, gap)).relu()


def _largest(logits: Tensor, mask: Tensor) -> Tensor:
    return logits.masked_fill(~mask, -torch.inf).amax(1)


def _smallest(logits: Tensor, mask: Tensor) -> Tensor:
    return logits.masked_fill(~mask, torch.inf).amin(1)


def _where_any(mask: Tensor, term: Tensor) -> Tensor:
    """``term`` where the set is not empty, else 0, with gradient 0."""
    return torch.where(mask.any(1), term, 0.0)
