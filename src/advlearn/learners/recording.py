"""A step that is made many times, launched as one piece where the device can.

A step of a small network is a hundred operations, and to launch one takes the processor longer
than a GPU needs for it. A CUDA graph holds all operations of a step and is launched as one. It
repeats them on the same tensors: a step can be recorded only if it leaves its results in tensors
that were there before it, reads nothing back, and does the same operations every time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch
from torch import nn

WARM_UP = 1
"""Steps that are made one operation at a time before one is recorded: libraries set up then."""
WORTH = 12
"""Steps that to record one takes as long as, about ten milliseconds on one H200."""

_KNOWN = ("torch", "torchvision", "advlearn")
"""Packages of modules whose forward pass reads nothing back."""


class Graph(Protocol):
    """A recorded step."""

    def replay(self) -> None:
        """Repeat all operations of the step on the tensors that it was recorded with."""
        ...


class Recorder(Protocol):
    """What a device offers for recording."""

    def warm_up(self, step: Callable[[], None]) -> None:
        """Make a step so that the next may be recorded."""
        ...

    def record(self, step: Callable[[], None]) -> Graph:
        """Note the operations of a step without carrying them out.

        Raises:
            RuntimeError: the step does what cannot be recorded, or memory does not suffice.
        """
        ...


class CudaRecorder:
    """CUDA graphs as PyTorch records them.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _stream(device)

    def warm_up(self, step: Callable[[], None]) -> None:
        """As in :class:`Recorder`; not on the default stream, on which nothing can be recorded."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        try:
            with torch.cuda.stream(self._stream):
                step()
        finally:
            # A step that runs out of memory has operations under way as well. Its tensors are
            # given back with the error, and what is written next must not reach these operations.
            current.wait_stream(self._stream)

    def record(self, step: Callable[[], None]) -> Graph:
        """As in :class:`Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            step()
        return graph


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One stream a device: libraries keep a workspace for each for good."""
    return torch.cuda.Stream(device)


def recorder_of(device: torch.device) -> Recorder | None:
    """What records steps on this device; None on a CPU, where nothing is launched."""
    return CudaRecorder(device) if device.type == "cuda" else None


class RepeatedStep:
    """``step()`` many times: recorded after some calls, and repeated from then on.

    Args:
        step: what can be recorded (see the module); it may fail only for want of memory.
        device: on which the step computes.
        network: the network of the step. One with code of a user's own is never recorded: what
            its forward pass does cannot be known.
        after: steps that are made before one is recorded. Where most loops end within
            :data:`WORTH` steps, these are made first.
        own_code: the step has further code of a user's own and is not recorded, either.
    """

    def __init__(
        self,
        step: Callable[[], None],
        device: torch.device,
        network: nn.Module,
        after: int = WARM_UP,
        *,
        own_code: bool = False,
    ) -> None:
        self._step, self._after = step, after
        known = recordable(network) and not own_code
        self._recorder = recorder_of(device) if known else None
        self._made = 0
        self._graph: Graph | None = None

    def __call__(self) -> None:
        """One step.

        Raises:
            OutOfMemoryError: before the step has changed anything that is kept.
        """
        if self._graph is not None:
            self._graph.replay()
        elif self._recorder is None:
            self._step()
        elif self._made < self._after:
            self._recorder.warm_up(self._step)
            self._made += 1
        else:
            try:
                self._graph = self._recorder.record(self._step)
            except RuntimeError:
                # Also where a second set of the step's tensors finds no room: no error then.
                self._recorder = None
            self()


def recordable(network: nn.Module) -> bool:
    """Whether all modules of ``network`` are of PyTorch, torchvision or this package."""
    return all(
        type(module).__module__.partition(".")[0] in _KNOWN and not _hooked(module)
        for module in network.modules()
    )


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_pre_hooks or module._forward_hooks)
