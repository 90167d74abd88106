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

from advlearn.support.errors import UserError

State = Mapping[str, Tensor]


class Stack(nn.Module):
    """Networks of one architecture, each with weights and buffers of its own.

    The parameters and buffers of the module have a first axis of members, so that an optimiser
    that works element by element trains all of them at once. Dropout draws a mask of its own for
    each member, at a rate of its own. Batch normalisation is each member's own.

    Args:
        network: the architecture; its own weights are not used.
        states: state of each member, at least one; all on one device.
        dropout: rate in [0, 1) of each member, of all its layers of dropout; by default, or where
            it is None, that of the architecture.

    Raises:
        UserError: a rate of dropout for an architecture that has none.
    """

    def __init__(
        self,
        network: nn.Module,
        states: Sequence[State],
        dropout: Sequence[float | None] | None = None,
    ) -> None:
        super().__init__()
        # In a list: the shared architecture is no part of this module's state.
        self._architecture = [deepcopy(network)]
        self._keys: dict[str, str] = {}
        self._rates: dict[str, str] = {}
        trained = {key: parameter.requires_grad for key, parameter in network.named_parameters()}
        for key in network.state_dict():
            values = torch.stack([state[key].detach() for state in states])
            # A point separates modules in PyTorch and cannot stand in a name.
            own = key.replace(".", "/")
            self._keys[own] = key
            if key in trained:
                self.register_parameter(own, nn.Parameter(values, requires_grad=trained[key]))
            else:
                self.register_buffer(own, values)
        self._register_rates(dropout or [None] * len(states))

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
        names = self._keys | self._rates
        tensors = {names[own]: value[:m] for own, value in self._tensors()}

        def call(own: dict[str, Tensor], batch: Tensor) -> Tensor:
            logits: Tensor = functional_call(architecture, own, (batch,))
            return logits

        logits: Tensor = torch.vmap(call, randomness="different")(tensors, images)
        return logits

    def states(self) -> list[dict[str, Tensor]]:
        """State of each member, copies under the names of the architecture."""
        return [self._state(i) for i in range(len(self))]

    def network(self, i: int) -> nn.Module:
        """Member ``i`` as a network of its own, a copy in evaluation mode."""
        made = deepcopy(self._architecture[0])
        made.load_state_dict(self._state(i))
        device = next(iter(self.state_dict().values())).device
        return made.to(device).eval()

    def _state(self, i: int) -> dict[str, Tensor]:
        return {
            self._keys[own]: value.detach()[i].clone()
            for own, value in self._tensors()
            if own in self._keys
        }

    def _register_rates(self, dropout: Sequence[float | None]) -> None:
        """Let each member have rates of its own, a buffer for each layer of dropout."""
        (architecture,) = self._architecture
        layers = [(n, m) for n, m in architecture.named_modules() if type(m) is nn.Dropout]
        if not layers and any(dropout):
            raise UserError(
                "a network without layers of dropout is to be trained with dropout",
                where=f"rates {list(dropout)} of the members of a stack",
                remedy="build the architecture with a rate above 0, or leave the rates out",
            )
        like = next(self.parameters())
        for name, layer in layers:
            architecture.set_submodule(name, _Dropout(layer.p))
            rates = [layer.p if rate is None else rate for rate in dropout]
            own = f"rate of {name}".replace(".", "/")
            self._rates[own] = f"{name}.rate"
            values = torch.tensor(rates, dtype=like.dtype, device=like.device)
            self.register_buffer(own, values, persistent=False)

    def _tensors(self) -> list[tuple[str, Tensor]]:
        return [*self.named_parameters(), *self.named_buffers()]


class FlatStack(nn.Module):
    """A stack as one network for attacks: the images of all members one after another.

    Member ``i`` classifies the images from ``i n`` on; the number of images is a multiple of the
    number of members.

    Args:
        stack: the networks.
        members: how many of them, the first; by default all.
    """

    def __init__(self, stack: Stack, members: int | None = None) -> None:
        super().__init__()
        self.stack, self._members = stack, len(stack) if members is None else members

    def forward(self, images: Tensor) -> Tensor:
        """Logits (m n, classes) of images (m n, c, h, w)."""
        logits: Tensor = self.stack(images.unflatten(0, (self._members, -1)))
        return logits.flatten(0, 1)


def stackable(network: nn.Module, images: Tensor) -> bool:
    """Whether a network does the same in a stack as alone, tried on a few images.

    Not every network does: one that looks at the numbers in its input, whose layers share weights,
    or that puts new tensors in the place of its buffers.

    Args:
        network: any network; it is not changed, and no number is drawn for good.
        images: (n, c, h, w) on its device.
    """
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    if len(names) > len(list(network.parameters())):
        return False
    devices = [images.device] if images.device.type == "cuda" else []
    try:
        alone, both = deepcopy(network), torch.stack([images, images])
        with torch.random.fork_rng(devices=devices):
            stack = Stack(network, [network.state_dict()] * 2)
            alone.train()(images.clone())
            stack.train()(both).sum().backward()
            expected, found = alone.eval()(images.clone()), stack.eval()(both)[1]
            pairs = [(expected, found), *_paired(alone.state_dict(), stack.states()[1])]
            return all(torch.allclose(*pair, rtol=1e-3, atol=1e-3) for pair in pairs)
    except Exception:  # noqa: BLE001 (whatever a user's code raises)
        return False


def _paired(one: State, other: State) -> list[tuple[Tensor, Tensor]]:
    return [(value, other[key]) for key, value in one.items()]


class _Dropout(nn.Module):
    """Dropout whose rate is a tensor, so that the members of a stack can have their own."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(rate), persistent=False)
        self.rate: Tensor

    def forward(self, values: Tensor) -> Tensor:
        """``values`` in evaluation; else a share ``rate`` of them zero, the others scaled up."""
        if not self.training:
            return values
        kept = torch.rand_like(values) >= self.rate
        return values * kept / (1 - self.rate)
