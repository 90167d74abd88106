"""Nearest points of a hyperplane inside a box, as attacks on linearised networks need them.

Croce and Hein (2020), "Minimally distorted adversarial examples with a fast adaptive boundary
attack", section 3: for both norms the distance is the root of a piecewise linear function, which
sorting its breakpoints makes exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from advlearn.budgets.base import Box
from advlearn.support.errors import unknown_name


def step_to_hyperplane(
    points: Tensor, normals: Tensor, values: Tensor, norm: str, box: Box | None = None
) -> Tensor:
    """The shortest step from each point to ``{z : value + <normal, z - point> = 0}`` in the box.

    Where the hyperplane misses the box, every coordinate with a slope goes to its wall: the step
    leads to where the absolute value of the linear function is smallest.

    Args:
        points: (n, ...) in the box, floating.
        normals: like ``points``; a coordinate of 0 is not moved.
        values: (n,), the linear functions at the points.
        norm: linf or l2, in which the step is short.
        box: of all coordinates; [0, 1] by default.

    Returns:
        Steps like ``points``: ``points + step`` lies in the box up to rounding.

    Raises:
        UserError: no such norm.
    """
    if norm not in ("linf", "l2"):
        raise unknown_name("norm", norm, ["linf", "l2"], where=f"norm {norm!r}")
    box = box or Box()
    start, slopes = points.flatten(1).double(), normals.flatten(1).double()
    wanted = values.double()[:, None]
    # Every coordinate goes the way that brings the function to 0.
    way = -slopes.sign() * wanted.sign()
    room = torch.where(way > 0, box.high - start, start - box.low).clamp_(min=0)
    steep = slopes.abs()
    speed = steep.sign() if norm == "linf" else steep
    # After a time t, coordinate i has moved by min(t * speed_i, room_i).
    until = torch.where(speed > 0, room / speed, torch.inf)
    ends, order = until.sort(1)
    # The function falls at this rate, and has fallen by so much before each end.
    rate = (steep * speed).gather(1, order).flip(1).cumsum(1).flip(1)
    at_walls = torch.nn.functional.pad((steep * room).gather(1, order).cumsum(1)[:, :-1], (1, 0))
    fallen = at_walls + rate * ends.masked_fill(ends.isinf(), 0)
    first = (fallen < wanted.abs()).sum(1, keepdim=True).clamp_(max=ends.shape[1] - 1)
    rest, slope = wanted.abs() - at_walls.gather(1, first), rate.gather(1, first)
    time = torch.where(slope > 0, rest.clamp_(min=0) / slope, torch.inf)
    moved = torch.where(speed > 0, torch.minimum(time * speed, room), 0)
    return (way * moved).to(points.dtype).reshape(points.shape)
