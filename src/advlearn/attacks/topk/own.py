"""Methods of the user's own: losses that the descent of all others descends, or steps."""

from __future__ import annotations

import torch
from torch import Tensor

from advlearn.attacks.topk.own_steps import Steps
from advlearn.attacks.topk.own_steps import try_out as try_out_steps
from advlearn.attacks.topk.targets import TopkTargets
from advlearn.deviations.topk import TopkLoss
from advlearn.settings.topk import OwnTopkMethod, TopkAttackSettings
from advlearn.support.errors import UserError
from advlearn.support.own import build_own

_ALIKE = 1e-4
"""Rounding of a loss alone and in a batch, as a share of the largest."""


def load(own: OwnTopkMethod) -> TopkLoss | Steps:
    """What the function of one's own builds from its settings: a loss, or steps.

    Raises:
        UserError: the function cannot be loaded, fails, or builds neither.
    """
    built = build_own(own.function, "method", _where(own), own.settings)
    if isinstance(built, Steps):
        return built
    if not callable(built):
        raise UserError(
            f"the method {own.function!r} is a {type(built).__name__}, no loss and no steps",
            where=_where(own),
            remedy="return a function of logits, relevant, specified and k, or an object with"
            " begin(clean) and step(now) (docs/own-attack.md)",
        )
    return _checked(own, built)


def try_out(
    method: TopkLoss | Steps, images: Tensor, targets: TopkTargets, settings: TopkAttackSettings
) -> None:
    """Refuse a method that mixes images, remembers where it may not, or cannot be computed.

    Args:
        method: from :func:`load`.
        images: the first images that are attacked, on the device of
        targets: the labels of all; the first three are used.
        settings: of the attack, with the method.

    Raises:
        UserError: see above; of a loss also one that is not finite or has no slope.
    """
    if settings.own is None:
        return
    if isinstance(method, Steps):
        try_out_steps(method, images, targets, settings.learning_rate)
    else:
        _try_out_loss(settings.own, method, targets[:3])


def _checked(own: OwnTopkMethod, loss: TopkLoss) -> TopkLoss:
    """The loss, looked at each time it is called: a number an image."""

    def checked(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
        found = loss(logits, relevant, specified, k)
        if not isinstance(found, Tensor) or found.shape != logits.shape[:1]:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise _wrong(own, f"returned {shape} for logits {tuple(logits.shape)}")
        if found.dtype != logits.dtype:
            raise _wrong(own, f"returned {found.dtype} for logits of {logits.dtype}")
        return found

    return checked


def _try_out_loss(own: OwnTopkMethod, loss: TopkLoss, few: TopkTargets) -> None:
    """Try the loss on made-up logits."""
    relevant, specified = few.relevant, few.specified
    n, n_labels = relevant.shape
    if not n:
        return
    # As large as logits are, of both signs, and the same in each process.
    wave = torch.arange(n * n_labels, dtype=torch.float32, device=relevant.device)
    logits = (wave * 0.7).sin_().mul_(3).reshape(n, n_labels).requires_grad_()
    given = logits.detach().clone(), relevant.clone(), specified.clone()
    try:
        together = loss(logits, relevant, specified, few.k)
        again = loss(logits, relevant, specified, few.k)
        rows = [slice(row, row + 1) for row in range(n)]
        alone = [loss(logits[row], relevant[row], specified[row], few.k) for row in rows]
    except UserError:
        raise
    except Exception as error:
        raise _wrong(own, f"cannot be computed: {error}") from error
    now = logits.detach(), relevant, specified
    if not all(torch.equal(before, after) for before, after in zip(given, now, strict=True)):
        raise _wrong(own, "writes into what it is given")
    if not bool(together.isfinite().all()):
        raise _wrong(own, f"is not finite: {together.tolist()}")
    if not torch.equal(together, again):
        raise _wrong(own, "is another one the next time for the same logits")
    largest = float(together.detach().abs().max())
    if not torch.allclose(together, torch.cat(alone), rtol=0, atol=_ALIKE * largest):
        raise _wrong(own, "is another one for an image alone than in a batch")
    if not together.requires_grad:
        raise _wrong(own, "has no gradient")
    (slope,) = torch.autograd.grad(together.sum(), logits, allow_unused=True)
    if slope is None or not bool(slope.isfinite().all()):
        raise _wrong(own, "has no finite gradient by the logits")


def _where(own: OwnTopkMethod) -> str:
    return f"configuration key 'topk.own', function {own.function!r}"


def _wrong(own: OwnTopkMethod, what: str) -> UserError:
    return UserError(
        f"the loss of the method {own.function!r} {what}",
        where=_where(own),
        remedy="return a tensor (n,) like the logits, each row from its own labels and logits"
        " alone (docs/own-attack.md)",
    )
