"""What a GPU would have to be waited for: numbers that leave the tensors of a computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = frozenset(
    {
        torch.ops.aten._local_scalar_dense.default,  # float(), int(), bool(), item()
        torch.ops.aten.is_nonzero.default,
        torch.ops.aten.nonzero.default,  # and indexing with a mask
        torch.ops.aten.masked_select.default,
        torch.ops.aten.unique_consecutive.default,
        torch.ops.aten._unique2.default,
        torch.ops.aten.equal.default,
    }
)


class NoWaiting(TorchDispatchMode):
    """Within the block an operation that a GPU would have to be waited for is an error."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        masks = func is torch.ops.aten.index.Tensor or func is torch.ops.aten.index_put_.default
        if func in WAITS or (masks and any(_is_mask(each) for each in args[1])):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype == torch.bool
