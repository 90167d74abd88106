"""Many networks of one architecture side by side: one call where there was one for each.

A small network keeps a GPU waiting for the next call most of the time; a hundred of them in one
call do not. On a CPU the gain is small (docs/performance.md), and the last digits differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

State = Mapping[str, Tensor]


class Stack(nn.Module):
    """Networks of one architecture, each with weights and buffers of its own.

    The parameters and buffers of the module have a first axis of members, so that an optimiser
    that works element by element trains all of them at once. Dropout draws a mask of its own for
    each member. Batch normalisation is each member's own.

    Args:
        network: the architecture; its own weights are not used.
        states: state of each member, at least one; all on one device.
    """

    def __init__(self, network: nn.Module, states: Sequence[State]) -> None:
        super().__init__()
        # In a list: the shared architecture is no part of this module's state.
        self._architecture = [deepcopy(network)]
        self._keys: dict[str, str] = {}
        trained = {key for key, _ in network.named_parameters()}
        for key in network.state_dict():
            values = torch.stack([state[key].detach() for state in states])
            # A point separates modules in PyTorch and cannot stand in a name.
            own = key.replace(".", "/")
            self._keys[own] = key
            if key in trained:
                self.register_parameter(own, nn.Parameter(values))
            else:
                self.register_buffer(own, values)

    def __len__(self) -> int:
        """Number of members."""
        return len(next(iter(self.state_dict().values())))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the first members, each on images of its own.

        Args:
            images: (m, n, c, h, w) with m from 1 to the number of members.

        Returns:
            (m, n, classes).
        """
        (architecture,) = self._architecture
        architecture.train(self.training)
        m = len(images)
        tensors = {self._keys[own]: value[:m] for own, value in self._tensors()}

        def call(own: dict[str, Tensor], batch: Tensor) -> Tensor:
            logits: Tensor = functional_call(architecture, own, (batch,))
            return logits

        logits: Tensor = torch.vmap(call, randomness="different")(tensors, images)
        return logits

    def states(self) -> list[dict[str, Tensor]]:
        """State of each member, copies under the names of the architecture."""
        found = [(self._keys[own], value.detach()) for own, value in self._tensors()]
        return [{key: value[i].clone() for key, value in found} for i in range(len(self))]

    def _tensors(self) -> list[tuple[str, Tensor]]:
        return [*self.named_parameters(), *self.named_buffers()]


class FlatStack(nn.Module):
    """A stack as one network for attacks: the images of all members one after another.

    Member ``i`` classifies the images from ``i n`` on; the number of images is a multiple of the
    number of members.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, images: Tensor) -> Tensor:
        """Logits (m n, classes) of images (m n, c, h, w)."""
        logits: Tensor = self.stack(images.unflatten(0, (len(self.stack), -1)))
        return logits.flatten(0, 1)
