"""What code of a user's own remembers of each image: rows that go where the image goes.

Images leave a batch at different steps, and others take their places. Tensors with a row an image
are carried with them, as entries of the batch with names of their own.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from advlearn.support.errors import UserError

Memory = dict[str, Tensor]
"""What is remembered of each image, tensors (n, ...) by name."""

_KEY = "memory "


Layout = dict[str, tuple[torch.Size, torch.dtype]]
"""Shape of a row and type of what is remembered, by name."""


def layout(memory: Memory) -> Layout:
    """What has to stay as it is: an image that begins later finds rows for all that it brings."""
    return {name: (rows.shape[1:], rows.dtype) for name, rows in memory.items()}


def check_memory(
    owner: object, memory: object, images: Tensor, before: Layout | None = None
) -> None:
    """Refuse what cannot go where the images go.

    Args:
        owner: of the user's own, which the memory is from.
        memory: what it returned or left.
        images: (n, ...), of which it is, or what has their shape and is on their device.
        before: its layout before a step.

    Raises:
        UserError: no dict of tensors with ``n`` rows each on the images' device, or one of another
            layout.
    """
    good = isinstance(memory, dict) and all(
        isinstance(name, str)
        and isinstance(each, Tensor)
        and each.shape[:1] == images.shape[:1]
        and each.device == images.device
        for name, each in memory.items()
    )
    if not good or not isinstance(memory, dict):
        where = f"{len(images)} rows on the device {images.device}"
        raise wrong(owner, f"a memory that is no dict of tensors with {where}")
    if before is not None and layout(memory) != before:
        raise wrong(owner, "a memory of other names, shapes or types than it began with")


def kept(memory: Memory) -> Memory:
    """The same numbers in tensors of its own, as the rows of a batch are written into.

    Code of a user's own may return one tensor under two names, a view, an expanded tensor, or one
    that it goes on to use.
    """
    return {name: rows.detach().clone() for name, rows in memory.items()}


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
    check_memory(owner, memory, clean)
    return kept(memory)


def begun_twice(owner: Remembers, clean: Tensor) -> tuple[Memory, list[Memory]]:
    """The memory of images that begin together, and those of each alone.

    Raises:
        UserError: as :func:`begun`, or the layout depends on the number of images.
    """
    together, alone = begun(owner, clean), [begun(owner, one[None]) for one in clean]
    if any(layout(memory) != layout(together) for memory in alone):
        raise wrong(owner, "a memory of another layout for an image alone than in a batch")
    return together, alone


@contextmanager
def tried(owner: object) -> Iterator[None]:
    """Where code of a user's own is tried out, what it raises becomes a UserError.

    Raises:
        UserError: the error's type and words, and the last line of the user's file before it.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        kind, module = type(owner), sys.modules.get(type(owner).__module__)
        frames = traceback.extract_tb(error.__traceback__)
        lines = [each for each in frames if each.filename == getattr(module, "__file__", None)]
        line = f", line {lines[-1].lineno}: {lines[-1].line}" if lines else ""
        raise UserError(
            f"{kind.__qualname__} raised {type(error).__name__}: {error}",
            where=f"{kind.__module__}.{kind.__qualname__}{line}",
            remedy="mend it; docs/own-attack.md says what it is given and what it returns",
        ) from error


def check_like(owner: object, found: object, what: str, like: Tensor) -> None:
    """Refuse what ``owner`` returned where it has not the shape, type and device of ``like``.

    Raises:
        UserError: says what it is, in the words of ``what``.
    """
    if not isinstance(found, Tensor) or found.shape != like.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise wrong(owner, f"{what} of shape {shape}, wanted {tuple(like.shape)}")
    if found.dtype != like.dtype:
        raise wrong(owner, f"{what} of type {found.dtype}, wanted {like.dtype}")
    if found.device != like.device:
        raise wrong(owner, f"{what} on the device {found.device}, wanted {like.device}")


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
