"""How many images go through a network in one pass: as many as the device has room for.

On a CPU that is a number of the caller's, small enough for the cache; more is not faster. A GPU is
slow in small batches, because each operation has to be launched: there a pass is made on a few
images, its need of memory is read, and what is free is shared out, or this job's share of all where
several are on one GPU. No result depends on it beyond the rounding of the network; sizes are powers
of two, so that the same GPU has the same rounding whatever little of its memory is in use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from advlearn.support import gpu
from advlearn.support.errors import UserError

SAMPLE = 16
"""Images on which the need of a pass is measured."""
CEILING = 16_384
"""Most images in one pass: a GPU is as fast with fewer long before."""

_SHARE = 0.7
"""Share of the room that is used: the allocator cuts it into pieces that do not all fit."""
_KEPT = 48
"""What an attack keeps of an image beside the pass, in images: iterate, bounds, gradients."""
# Measured once a network: adversarial training attacks the same one at every step.
_NEEDS: WeakKeyDictionary[nn.Module, dict[Hashable, int]] = WeakKeyDictionary()

T = TypeVar("T")


class Memory(Protocol):
    """The memory of a device."""

    def free(self) -> int:
        """Bytes that can still be allocated."""
        ...

    def total(self) -> int:
        """Bytes of the device."""
        ...

    def held(self) -> int:
        """Bytes of them that this process uses."""
        ...

    def peak(self, call: Callable[[], object]) -> int:
        """Bytes that ``call`` needs at the same time, beyond what is held before it."""
        ...


class CudaMemory:
    """The memory of a GPU as torch allocates it.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def free(self) -> int:
        """What the driver has left, and what torch has reserved and does not use."""
        left, _ = torch.cuda.mem_get_info(self._device)
        reserved = torch.cuda.memory_reserved(self._device)
        return int(left + reserved - torch.cuda.memory_allocated(self._device))

    def total(self) -> int:
        """What the device has, in use or not."""
        return int(torch.cuda.get_device_properties(self._device).total_memory)

    def held(self) -> int:
        """What the tensors of this process take."""
        return int(torch.cuda.memory_allocated(self._device))

    def peak(self, call: Callable[[], object]) -> int:
        """As in :class:`Memory`; ``call`` is made twice."""
        # The first call also allocates what the libraries keep for good.
        call()
        torch.cuda.reset_peak_memory_stats(self._device)
        held = torch.cuda.memory_allocated(self._device)
        call()
        return int(torch.cuda.max_memory_allocated(self._device) - held)


def memory_of(device: torch.device) -> Memory | None:
    """The memory that bounds batches on this device; None on a CPU, where the cache does."""
    return CudaMemory(device) if device.type == "cuda" else None


def images_at_once(
    network: nn.Module,
    sample: Tensor,
    *,
    on_cpu: int,
    gradient: bool,
    asked: int | None = None,
) -> int:
    """Images in one pass through ``network``: on a GPU a power of two up to :data:`CEILING`.

    On a CPU no pass is made to find it.

    Args:
        network: in evaluation mode, on its device.
        sample: a few images (m, ...) like those to come; the first :data:`SAMPLE` are used.
        on_cpu: the number on a CPU.
        gradient: whether the pass goes back to the images.
        asked: the number that the caller or the configuration asks for; it wins.

    Raises:
        UserError: ``asked`` is below 1, or the device has no room for one image.
    """
    if asked is not None:
        if asked < 1:
            raise UserError(
                "a batch has at least one image",
                where=f"batch_size {asked}",
                remedy="give a whole number from 1, or leave batch_size out",
            )
        return asked
    parameter = next(network.parameters(), None)
    device = sample.device if parameter is None else parameter.device
    memory = memory_of(device)
    if memory is None or not len(sample):
        return on_cpu
    needs = _NEEDS.setdefault(network, {})
    kind = (sample.shape[1:], sample.dtype, device, gradient)
    if kind not in needs:
        few = sample[:SAMPLE].to(device)

        def need(size: int) -> int:
            return -(-memory.peak(lambda: _pass(network, few[:size], gradient)) // size)

        kept = _KEPT * few[0].numel() * few.element_size()
        needs[kind] = max(1, halving(len(few), need) + kept)
    fits = max(1, min(CEILING, int(_SHARE * _room(memory)) // needs[kind]))
    return 1 << (fits.bit_length() - 1)


def forward(network: nn.Module, images: Tensor, work: Callable[[int], T], on_cpu: int = 500) -> T:
    """``work(size)`` for forward passes alone, with as many images in one as the device has room.

    Args:
        network: in evaluation mode, on its device.
        images: (n, ...), on any device.
        work: does all of it with passes of ``size`` images; begins again with half the size where
            that does not fit.
        on_cpu: the size on a CPU.

    Raises:
        UserError: a single image does not fit into the device's memory.
    """
    size = images_at_once(network, images[:SAMPLE], on_cpu=on_cpu, gradient=False)
    return halving(max(1, min(size, len(images))), work)


def halving(size: int, work: Callable[[int], T]) -> T:
    """``work(size)``; where that does not fit into the device's memory, with half the size.

    Args:
        size: images in one pass, at least 1.
        work: called with the size; it goes on where a call before has failed, or begins again.

    Raises:
        UserError: a single image does not fit.
    """
    while True:
        try:
            return work(size)
        except torch.OutOfMemoryError as error:
            full = str(error).partition("\n")[0]
        # Out of the handler: the traceback holds on to the tensors of the pass that failed.
        if size <= 1:
            raise UserError(
                "the device's memory is too small for a single image",
                where=full,
                remedy="end other programs on the device, use smaller images or a smaller network,"
                " or set 'device: cpu'",
            )
        size //= 2
        print(f"the device's memory is full: on with batches of {size}", file=sys.stderr)


def in_batches(n: int, size: int, work: Callable[[slice], object], first: int = 0) -> None:
    """Call ``work`` with one part of the images after the other.

    Args:
        n: number of images.
        size: images in one part, halved where ``work`` runs out of the device's memory.
        work: does nothing that lasts before all that needs memory is done: a part may come again,
            in halves.
        first: image to begin with.

    Raises:
        UserError: a single image does not fit into the device's memory.
    """
    done = first

    def go_on(size: int) -> None:
        nonlocal done
        while done < n:
            part = slice(done, min(done + size, n))
            work(part)
            done = part.stop

    halving(min(size, n), go_on)


def _room(memory: Memory) -> int:
    """Bytes that this job may still take.

    What others have taken by now bounds it only where they took more than their shares: a job's
    batches do not depend on which jobs began before it.
    """
    return min(memory.free(), int(gpu.share() * memory.total()) - memory.held())


def _pass(network: nn.Module, images: Tensor, gradient: bool) -> None:
    """One pass without any check: what is wrong with a network is said where it is used."""
    point = images.detach().clone().requires_grad_(gradient)
    with torch.set_grad_enabled(gradient):
        logits = network(point)
    if isinstance(logits, Tensor) and logits.requires_grad:
        # Some attacks ask for several gradients of one forward pass.
        torch.autograd.grad(logits.sum(), point, retain_graph=True)
