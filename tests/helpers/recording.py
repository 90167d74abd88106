"""CUDA graphs on a CPU: a step is recorded operation by operation, and repeated on its tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_READS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")


class EmulatedGraph(TorchDispatchMode):
    """Operations with the tensors that they were carried out on.

    What a CUDA graph cannot do is an error: to read a number, or to make a tensor whose size is
    one. As with a CUDA graph, what Python does between the operations is not repeated.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.name().removeprefix("aten::").partition(".")[0]
        if name in _READS:
            raise RuntimeError(f"{name} while a step is recorded")
        given = _tensors((args, kwargs))
        if func._schema.is_mutable:
            self._before += [(each, each.clone()) for each in given]
        result = func(*args, **kwargs)
        # A view of what is there before is one afterwards, too.
        kept = {each.untyped_storage().data_ptr() for each in given}
        made = [each for each in _tensors(result) if each.untyped_storage().data_ptr() not in kept]
        self._made.append((func, args, kwargs, made))
        return result

    def undo(self) -> None:
        """Take back what the recorded step has done: to record is not to carry out."""
        with torch.no_grad():
            for tensor, values in reversed(self._before):
                tensor.copy_(values)
        self._before.clear()

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, made in self._made:
                result = func(*args, **kwargs)
                fresh = [each for each in _tensors(result) if not _among(each, (args, kwargs))]
                for old, new in zip(made, fresh, strict=True):
                    old.copy_(new)


class EmulatedRecorder:
    """Attributes count, over all recorders of the class, the steps that could be recorded."""

    records = 0

    def warm_up(self, step: Callable[[], None]) -> None:
        step()

    def record(self, step: Callable[[], None]) -> EmulatedGraph:
        # To record draws no random numbers either.
        graph = EmulatedGraph()
        with torch.random.fork_rng(devices=[]), graph:
            step()
        graph.undo()
        type(self).records += 1
        return graph


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _among(tensor: Tensor, tree: Any) -> bool:
    own = tensor.untyped_storage().data_ptr()
    return any(each.untyped_storage().data_ptr() == own for each in _tensors(tree))
