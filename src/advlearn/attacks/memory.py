"""What code of a user's own remembers of each image: rows that go where the image goes.

Images leave a batch at different steps, and others take their places. Tensors with a row an image
are carried with them, as entries of the batch with names of their own.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from advlearn.support.errors import UserError

Memory = dict[str, Tensor]
"""What is remembered of each image, tensors (n, ...) by name."""

_KEY = "memory "


Layout = dict[str, tuple[torch.Size, torch.dtype]]
"""Shape and type of what is remembered, by name."""


def layout(memory: Memory) -> Layout:
    """What has to stay as it is: an image that begins later finds rows for all that it brings."""
    return {name: (rows.shape, rows.dtype) for name, rows in memory.items()}


def check_memory(owner: object, memory: object, n: int, before: Layout | None = None) -> None:
    """Refuse what cannot go where the images go.

    Args:
        owner: of the user's own, which the memory is from.
        memory: what it returned or left.
        n: images.
        before: its layout before a step.

    Raises:
        UserError: no dict of tensors with ``n`` rows each, or one of another layout.
    """
    good = isinstance(memory, dict) and all(
        isinstance(name, str) and isinstance(each, Tensor) and each.shape[:1] == (n,)
        for name, each in memory.items()
    )
    if not good or not isinstance(memory, dict):
        raise wrong(owner, f"a memory that is no dict of tensors with {n} rows")
    if before is not None and layout(memory) != before:
        raise wrong(owner, "a memory of other names, shapes or types than it began with")


class Remembers(Protocol):
    """What the memory of images is from."""

    def begin(self, clean: Tensor) -> Memory:
        """The memory of images (n, ...) that begin, one row an image; may be empty."""
        ...


def begun(owner: Remembers, clean: Tensor) -> Memory:
    """The memory with which images begin; tensors of its own.

    Raises:
        UserError: no mapping of names to tensors with one row an image.
    """
    memory = owner.begin(clean.clone())
    check_memory(owner, memory, len(clean))
    return {name: values.clone() for name, values in memory.items()}


def check_like(owner: object, found: object, what: str, like: Tensor) -> None:
    """Refuse what ``owner`` returned where it has not the shape and type of ``like``.

    Raises:
        UserError: says what it is, in the words of ``what``.
    """
    if not isinstance(found, Tensor) or found.shape != like.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise wrong(owner, f"{what} of shape {shape}, wanted {tuple(like.shape)}")
    if found.dtype != like.dtype:
        raise wrong(owner, f"{what} of type {found.dtype}, wanted {like.dtype}")


def wrong(owner: object, what: str) -> UserError:
    """The error where ``owner``, of the user's own, returned ``what``."""
    name = type(owner).__qualname__
    return UserError(
        f"{name} returned {what}",
        where=f"{type(owner).__module__}.{name}",
        remedy="treat each row for itself, and keep what is to be remembered of an image in its"
        " memory alone (docs/own-attack.md)",
    )


def into_slots(memory: Memory) -> dict[str, Tensor]:
    """The memory as entries of a batch that have names of their own."""
    return {_KEY + name: values for name, values in memory.items()}


def out_of_slots(slots: dict[str, Tensor]) -> Memory:
    """The memory that is among the entries of a batch."""
    return {name[len(_KEY) :]: rows for name, rows in slots.items() if name.startswith(_KEY)}
