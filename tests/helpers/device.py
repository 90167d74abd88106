"""Made-up devices, for code that runs on a GPU otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from advlearn.learners import batches
from advlearn.support.finite import deferred_checks


@dataclass
class MadeUpMemory:
    """A device with ``bytes_free`` on which a pass needs ``bytes_each`` an image.

    Attributes:
        bytes_held: what this process uses of it.
        bytes_others: what other processes use.
        measured: how many calls were made to read their need.
    """

    bytes_free: int
    bytes_each: int
    bytes_held: int = 0
    bytes_others: int = 0
    measured: list[int] = field(default_factory=list)
    images: int = 0

    def free(self) -> int:
        return self.bytes_free

    def total(self) -> int:
        return self.bytes_free + self.bytes_held + self.bytes_others

    def held(self) -> int:
        return self.bytes_held

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

    Args:
        network: the network.
        most: images that fit.
        after: passes after which that begins.

    Attributes:
        sizes: numbers of images of the passes that succeeded.
    """

    def __init__(self, network: nn.Module, most: int, after: int = 0) -> None:
        super().__init__()
        self.network, self.most, self.after = network, most, after
        self.sizes: list[int] = []

    def __deepcopy__(self, memo: object) -> Narrow:
        raise TypeError("what is counted here must not be counted on a copy")

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most and len(self.sizes) >= self.after:
            raise torch.OutOfMemoryError(f"{len(images)} images\nand more")
        self.sizes.append(len(images))
        logits: Tensor = self.network(images)
        return logits


class Waits(TorchDispatchMode):
    """Counts what would wait for a GPU: reading a number, and results whose size is a number.

    Attributes:
        between: how many there were between two looks, by operation.
        at_looks: how many there were else.
        operations: of any kind, between two looks.
    """

    _READS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")
    _INDICES = ("index", "index_put", "index_put_", "_index_put_impl_")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.between: Counter[str] = Counter()
        self.at_looks: Counter[str] = Counter()
        self.operations = 0
        for name in ("cpu", "numpy", "tolist"):
            monkeypatch.setattr(Tensor, name, self._counted(name, getattr(Tensor, name)))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.name().removeprefix("aten::").partition(".")[0]
        self.operations += deferred_checks() is not None
        if name in self._READS or (name in self._INDICES and _masks(args[1])):
            self._note(name)
        return func(*args, **(kwargs or {}))

    def _note(self, name: str) -> None:
        (self.at_looks if deferred_checks() is None else self.between)[name] += 1

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._note(name)
            return original(*args, **kwargs)

        return call


def _masks(indices: list[Tensor | None]) -> bool:
    return any(each is not None and each.dtype == torch.bool for each in indices)
