"""The rows of a batch of attacks on the top k: kept, marked, filled and closed together."""

from __future__ import annotations

import torch
from torch import Tensor

from advlearn.budgets import L2Ball

State = dict[str, Tensor]
"""One row an image: the loop's own tensors and the solver's, moved and compacted together."""


def keep_nearest(state: State, image: Tensor, logits: Tensor, hit: Tensor) -> None:
    """Remember the success that is nearest to the clean image.

    Args:
        state: the rows.
        image: iterates (m, ...).
        logits: of the iterates (m, c).
        hit: which of them are successes, bool (m,).
    """
    hits = hit.nonzero().squeeze(1)
    if len(hits) == 0:
        return
    distance = L2Ball(1.0).distance(state["clean"][hits], image[hits])
    nearer = distance < state["kept_l2"][hits]
    better = hits[nearer]
    state["found"][better] = True
    state["kept"][better] = image[better]
    state["kept_logits"][better] = logits[better]
    state["kept_l2"][better] = distance[nearer]
    state["kept_step"][better] = state["step"][better]


def keep_everywhere(state: State, image: Tensor, logits: Tensor, hit: Tensor) -> None:
    """:func:`keep_nearest` without waiting for the device: all rows are gone through."""
    distance = L2Ball(1.0).distance(state["clean"], image)
    better = hit & (distance < state["kept_l2"])
    state["found"] |= better
    write(state, "kept", better, image)
    write(state, "kept_logits", better, logits)
    write(state, "kept_l2", better, distance)
    write(state, "kept_step", better, state["step"])


def write(state: State, name: str, where: Tensor, values: Tensor) -> None:
    """Overwrite the rows of ``state[name]`` that are marked in ``where``, bool (m,)."""
    chosen = where.reshape(-1, *([1] * (values.ndim - 1)))
    torch.where(chosen, values, state[name], out=state[name])


def marked(state: State) -> State:
    """The state with marks of the images that are over, and what each was at its end.

    A slot is closed when its image is over and no other has moved in.
    """
    if state:
        state |= {
            "over": torch.zeros_like(state["found"]),
            "closed": torch.zeros_like(state["found"]),
            "last": torch.empty_like(state["clean"]),
            "last_logits": torch.empty_like(state["clean_logits"]),
        }
    return state


def replace(state: State, free: Tensor, newcomers: State) -> int:
    """Put newcomers into the free slots, and mark those that stay free as closed.

    Args:
        state: the rows; their tensors stay the same objects.
        free: places, int64 (f,).
        newcomers: at most f rows, or empty.

    Returns:
        How many slots are closed now.
    """
    count = len(newcomers["row"]) if newcomers else 0
    for key, rows in newcomers.items():
        state[key][free[:count]] = rows
    state["closed"][free[count:]] = True
    return len(free) - count


def refill(state: State, free: Tensor, newcomers: State) -> None:
    """Put newcomers into the free slots, and take away those that stay free."""
    count = len(newcomers["row"]) if newcomers else 0
    for key in newcomers:
        state[key][free[:count]] = newcomers[key]
    if count < len(free):
        keep = torch.ones(len(state["row"]), dtype=torch.bool, device=free.device)
        keep[free[count:]] = False
        state.update(compacted(state, keep))


def compacted(state: State, keep: Tensor) -> State:
    """The rows that are marked in ``keep``, bool (m,)."""
    return {key: rows[keep] for key, rows in state.items()}
