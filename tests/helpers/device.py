"""Made-up devices, for code that runs on a GPU otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from advlearn.learners import batches


@dataclass
class MadeUpMemory:
    """A device with ``bytes_free`` on which a pass needs ``bytes_each`` an image.

    Attributes:
        measured: how many calls were made to read their need.
    """

    bytes_free: int
    bytes_each: int
    measured: list[int] = field(default_factory=list)
    images: int = 0

    def free(self) -> int:
        return self.bytes_free

    def peak(self, call: Callable[[], object]) -> int:
        self.images = 0
        call()
        self.measured.append(self.images)
        return self.bytes_each * self.images

    def attach(self, network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let ``network`` be on this device; what it is shown is counted."""

        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.images = len(inputs[0])

        network.register_forward_pre_hook(note)
        monkeypatch.setattr(batches, "memory_of", lambda device: self)


class Narrow(nn.Module):
    """A network that runs out of the device's memory beyond ``most`` images.

    Attributes:
        sizes: numbers of images of the passes that succeeded.
    """

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most = network, most
        self.sizes: list[int] = []

    def __deepcopy__(self, memo: object) -> Narrow:
        raise TypeError("what is counted here must not be counted on a copy")

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError(f"{len(images)} images\nand more")
        self.sizes.append(len(images))
        logits: Tensor = self.network(images)
        return logits
