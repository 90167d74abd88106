"""Attacks on the top k as their description reads: one image at a time, one loop each.

Written from the description alone (preset ``authors``), to test and to time advlearn against. As in
most research code the parameters of the network collect gradients that nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Plain:
    """The outcome for one image: success, steps made, and the image the loop ended at."""

    success: bool
    steps: int
    image: Tensor


def descent(
    model: nn.Module,
    image: Tensor,
    relevant: Tensor,
    specified: Tensor,
    k: int,
    method: str,
    learning_rate: float,
    iterations: int,
    alpha: float = 1e-4,
    momentum: float = 0.9,
) -> Plain:
    """T_kMIA or T_kML-AP-U on one image (1, ...); both masks are bool (c,)."""
    z = 2 * image - 1
    delta = torch.zeros_like(z, requires_grad=True)
    optimiser = torch.optim.SGD([delta], lr=learning_rate, momentum=momentum, weight_decay=alpha)
    wanted = [j for j in range(len(relevant)) if relevant[j] and specified[j]]
    others = [j for j in range(len(relevant)) if relevant[j] and not specified[j]]
    kept, steps = z, 0
    for step in range(iterations):
        kept, steps = (torch.tanh(z + delta).detach() + 1) / 2, step
        f = model((torch.tanh(z + delta) + 1) / 2)[0]
        top = f.detach().argsort(descending=True)[:k].tolist()
        if not any(j in top for j in wanted):
            return Plain(True, steps, kept)
        if method == "tkmia":
            away = f[wanted].max() - f
            lambda1 = away.sort(descending=True).values[len(f) - k - 1]
            loss = lambda1 + (away - lambda1).relu().sum() / (len(f) - k)
            ahead = f - f[others].min()
            lambda2 = ahead.sort(descending=True).values[k - 1]
            loss = loss + lambda2 + (ahead - lambda2).relu().sum() / k
        else:
            away = f[wanted + others].max() - f
            level = away.sort(descending=True).values[len(f) - k - 1]
            loss = level + (away - level).relu().sum() / (len(f) - k)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Plain(False, steps + 1, kept)


def kfool(
    model: nn.Module, image: Tensor, relevant: Tensor, specified: Tensor, k: int, iterations: int
) -> Plain:
    """kFool on one image."""
    z = 2 * image - 1
    r = torch.zeros_like(z)
    wanted = [j for j in range(len(relevant)) if relevant[j] and specified[j]]
    anchor = -1
    for step in range(iterations):
        u = torch.tanh(z + r).requires_grad_(True)
        f = model((u + 1) / 2)[0]
        order = f.detach().argsort(descending=True).tolist()
        if anchor < 0:
            anchor = next(j for j in order if relevant[j])
        if not any(j in order[:k] for j in wanted):
            return Plain(True, step, ((u + 1) / 2).detach())
        own = torch.autograd.grad(f[anchor], u, retain_graph=True)[0]
        w, size = torch.zeros_like(z), torch.zeros(())
        for j in order[: k + 1]:
            if j != anchor:
                difference = torch.autograd.grad(f[j], u, retain_graph=True)[0] - own
                w += difference / difference.norm()
                size += (f[j] - f[anchor]).detach() / difference.norm()
        last = ((u + 1) / 2).detach()
        r = r + size.abs() * w / w.norm()
    return Plain(False, iterations, last)
