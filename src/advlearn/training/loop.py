"""Epochs of batches that resume where a killed job left off, to the same last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from advlearn.support.checkpoint import Checkpoint, SavedState

T = TypeVar("T")


class Loop:
    """The epochs and batches of one training that are still to do.

    What a kept state holds: weights and buffers of the network, the optimiser, torch's own random
    generators and those given, the number of the epoch and of the batch, and whatever the training
    puts into ``values`` and ``tensors``. States are kept between two batches, when the checkpoint
    is due.

    Args:
        network: module that is trained, on its device, at its starting weights.
        optimiser: optimiser of its parameters.
        orders: generators that are drawn from between :meth:`epochs` and :meth:`batches` alone;
            they decide the batches of an epoch.
        others: generators that are drawn from while a batch is used.
        schedule: learning rate schedule, stepped while a batch is used.
        checkpoint: where states are kept.
        name: name of the state; nothing else in the checkpoint has it.

    Attributes:
        values: numbers and lists of the training that JSON can hold.
        tensors: tensors of the training; to be changed in place or replaced here.
        ended: whether :meth:`end` was called.
        settle: called before a state is kept, so that it holds all that was done until then.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        orders: Sequence[torch.Generator],
        others: Sequence[torch.Generator] = (),
        schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
        checkpoint: Checkpoint | None = None,
        name: str = "training",
    ) -> None:
        self.values: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}
        self.settle: Callable[[], None] = lambda: None
        self._network, self._optimiser, self._schedule = network, optimiser, schedule
        self._orders, self._others = orders, others
        self._checkpoint, self._name = checkpoint or Checkpoint.off(), name
        self._device = next((p.device for p in network.parameters()), torch.device("cpu"))
        self._epoch, self._batch, self.ended = 1, 0, False
        self._drawn: list[Tensor] = []
        self._resumed = self._checkpoint.get(name)
        if self._resumed:
            self._restore(self._resumed)

    def epochs(self, count: int) -> Iterator[int]:
        """Numbers of the epochs still to do, of 1 to ``count``; a half-done one is among them."""
        while self._epoch <= count and not self.ended:
            self._drawn = [generator.get_state() for generator in self._orders]
            yield self._epoch
            self._epoch, self._batch = self._epoch + 1, 0
        self._checkpoint.drop(self._name)

    def end(self) -> None:
        """Let the epoch under way be the last; its other batches are the caller's to leave out."""
        self.ended = True

    def batches(self, batches: Sequence[T]) -> Iterator[T]:
        """The batches of this epoch that are still to do, of all its ``batches``."""
        if self._resumed:
            # Only now: redrawing the batches must not advance these.
            self._restore_generators(self._resumed)
            self._resumed = None
        for batch in batches[self._batch :]:
            yield batch
            self._batch += 1
            if self._checkpoint.due:
                self.settle()
                self._checkpoint.put(self._name, self._state())

    def _state(self) -> SavedState:
        groups = self._optimiser.state_dict()["state"]
        tensors = {
            **{f"network/{key}": value for key, value in self._network.state_dict().items()},
            **{
                f"optimiser/{number}/{key}": value
                for number, state in groups.items()
                for key, value in state.items()
                if isinstance(value, Tensor)
            },
            **{f"own/{key}": value for key, value in self.tensors.items()},
            **{f"orders/{i}": state for i, state in enumerate(self._drawn)},
            **{f"others/{i}": each.get_state() for i, each in enumerate(self._others)},
            "torch": torch.get_rng_state(),
        }
        if self._device.type == "cuda":
            tensors["cuda"] = torch.cuda.get_rng_state(self._device)
        return {
            "values": deepcopy(self.values),
            "epoch": self._epoch,
            "batch": self._batch,
            "rates": [group["lr"] for group in self._optimiser.param_groups],
            "schedule": self._schedule.state_dict() if self._schedule else None,
            **{key: value.detach().cpu().numpy().copy() for key, value in tensors.items()},
        }

    def _restore(self, part: SavedState) -> None:
        self.values = part["values"]
        self._epoch, self._batch = part["epoch"], part["batch"]
        found = {key: torch.from_numpy(value) for key, value in part.items() if "/" in key}
        self._network.load_state_dict(_below("network/", found))
        self.tensors = {key: value.to(self._device) for key, value in _below("own/", found).items()}
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in _below("optimiser/", found).items():
            number, _, name = key.partition("/")
            states.setdefault(int(number), {})[name] = value
        groups = self._optimiser.state_dict()["param_groups"]
        for group, rate in zip(groups, part["rates"], strict=True):
            group["lr"] = rate
        self._optimiser.load_state_dict({"state": states, "param_groups": groups})
        if self._schedule:
            self._schedule.load_state_dict(part["schedule"])
        for i, generator in enumerate(self._orders):
            generator.set_state(found[f"orders/{i}"])

    def _restore_generators(self, part: SavedState) -> None:
        for i, generator in enumerate(self._others):
            generator.set_state(torch.from_numpy(part[f"others/{i}"]))
        torch.set_rng_state(torch.from_numpy(part["torch"]))
        if "cuda" in part:
            torch.cuda.set_rng_state(torch.from_numpy(part["cuda"]), self._device)


def _below(prefix: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)
    }
