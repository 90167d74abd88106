"""Step rules of one's own: in which direction projected ascent goes, with a memory of each image.

A rule is what `name: "package.module:function"` of an attack returns. The engine owns budget, steps
and projection, and it carries the memory: wherever an image is in a batch, its memory is with it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from advlearn.attacks import memory as memory_of
from advlearn.attacks.memory import (
    Memory,
    begun_twice,
    check_like,
    check_memory,
    into_slots,
    kept,
    layout,
    out_of_slots,
    tried,
    wrong,
)
from advlearn.settings.attack import OwnAttackSettings
from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite
from advlearn.support.own import build_own


@runtime_checkable
class Rule(memory_of.Remembers, Protocol):
    """Where a step goes instead of along the gradient."""

    def direction(self, gradient: Tensor, memory: Memory) -> Tensor:
        """What takes the gradient's place, (n, ...) like it.

        It may replace tensors of ``memory`` by others of the same name, shape and type. Rows are
        images that do not know of each other, in any order and at different steps.
        """
        ...


def load(settings: OwnAttackSettings) -> Rule:
    """The rule that the function of ``settings.name`` builds from ``settings.settings``.

    Raises:
        UserError: the function cannot be imported, fails, or returns no rule.
    """
    where = f"key 'name', value {settings.name!r}"
    rule = build_own(settings.name, "attack", where, settings.settings)
    if not isinstance(rule, Rule):
        raise UserError(
            f"the attack {settings.name!r} is a {type(rule).__name__} and no step rule",
            where=where,
            remedy="return an object with begin(clean) and direction(gradient, memory)"
            " (docs/own-attack.md)",
        )
    return rule


def begun(rule: Rule | None, clean: Tensor) -> Memory:
    """The memory with which ``clean`` begin; none without a rule.

    Raises:
        UserError: no mapping of names to tensors with one row an image.
    """
    return {} if rule is None else memory_of.begun(rule, clean)


def direction(rule: Rule | None, gradient: Tensor, memory: Memory) -> Tensor:
    """Where ``rule`` goes, along the gradient without one; ``memory`` holds what it remembers.

    Raises:
        UserError: no direction of the gradient's shape, type and device, one that is not finite,
            or a memory of other names, shapes or types than it began with.
    """
    if rule is None:
        return gradient
    before = layout(memory)
    found = rule.direction(gradient.clone(), memory)
    check_like(rule, found, "a direction", gradient)
    found = found.detach()
    check_memory(rule, memory, gradient, before)
    memory.update(kept(memory))
    check_finite(found, "the directions of the attack", remedy="look for a division by 0 in it")
    return found


def try_out(rule: Rule | None, images: Tensor) -> None:
    """Refuse a rule that mixes images, or remembers elsewhere than in its memory.

    Args:
        rule: tried on made-up gradients.
        images: (n, ...), the first three are used.

    Raises:
        UserError: a direction depends on the other images of a batch or on other batches before,
            or cannot be computed.
    """
    if rule is None or not len(images):
        return
    few = images[:3]
    # As large as gradients are, of both signs, and the same in each process.
    wave = torch.arange(2 * few.numel(), dtype=few.dtype, device=few.device).mul_(0.7).sin_()
    gradients = (wave * 1e-3).reshape(2, *few.shape)
    with tried(rule):
        together, alone = begun_twice(rule, few)
        for gradient in gradients:
            expected = direction(rule, gradient, together)
            # Each image by itself, in between those of the others.
            found = [direction(rule, gradient[i : i + 1], memory) for i, memory in enumerate(alone)]
            for one, own in zip(expected, found, strict=True):
                if not torch.allclose(one, own[0], rtol=1e-3, atol=1e-6 * float(one.abs().max())):
                    raise wrong(rule, "another direction for an image alone than in a batch")


def along(rule: Rule | None, slots: dict[str, Tensor], gradient: Tensor) -> Tensor:
    """As :func:`direction`; the memory is among the entries of the batch ``slots``."""
    memory = out_of_slots(slots)
    found = direction(rule, gradient, memory)
    slots |= into_slots(memory)
    return found


def refill(rule: Rule | None, slots: dict[str, Tensor], filled: Tensor, newcomers: Tensor) -> None:
    """The memory of images that move into the places ``filled`` of a batch."""
    for name, rows in into_slots(begun(rule, newcomers)).items():
        # A copy: what a rule returns may share its storage with something else.
        slots[name] = slots[name].index_copy(0, filled, rows)
