"""Arrays of the caller's on their way in and out: numpy or torch, of the network's type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advlearn.learners.batches import in_batches
from advlearn.metrics.logits import check_labels, logits_of
from advlearn.support.errors import UserError

_AT_ONCE = 250


@dataclass(frozen=True)
class Given:
    """Checked inputs of an attack.

    Attributes:
        images: (n, ...) on the network's device, of its floating type.
        as_numpy: whether results go back as numpy arrays.
    """

    images: Tensor
    as_numpy: bool

    def back(self, result: Tensor) -> Any:
        """``result`` in the kind of array in which the inputs came."""
        return result.detach().cpu().numpy() if self.as_numpy else result


def given(model: Any, inputs: Any) -> Given:
    """Check a network and its inputs.

    Raises:
        UserError: no network, no array, no floating numbers, those of another type than the
            network's weights, or a tensor on another device.
    """
    if not isinstance(model, nn.Module):
        raise UserError(
            "the model must be a torch.nn.Module from inputs (n, ...) to logits (n, classes)",
            where=f"argument model, a {type(model).__name__}",
            remedy="wrap a function in a module whose forward calls it",
        )
    images = tensor(inputs, "inputs")
    if not images.is_floating_point():
        raise UserError(
            "inputs must be floating numbers",
            where=f"argument inputs, dtype {images.dtype}",
            remedy="convert 8-bit pixels by inputs.astype('float32') / 255, or .float() / 255",
        )
    weights = next((each for each in model.parameters() if each.is_floating_point()), None)
    if weights is not None and weights.dtype != images.dtype:
        name = str(weights.dtype).removeprefix("torch.")
        raise UserError(
            f"the inputs are {images.dtype}, the network's weights {weights.dtype}",
            where="argument inputs",
            remedy=f"convert one of the two, for example inputs.astype('{name}') or .to({name!r})"
            if isinstance(inputs, np.ndarray)
            else f"convert one of the two, for example inputs.to({weights.dtype})",
        )
    if isinstance(inputs, np.ndarray):
        device = torch.device("cpu") if weights is None else weights.device
        return Given(images.to(device), as_numpy=True)
    if weights is not None and weights.device != images.device:
        raise UserError(
            f"the inputs are on {images.device}, the network is on {weights.device}",
            where="argument inputs",
            remedy=f"move them by inputs.to({str(weights.device)!r})",
        )
    return Given(images, as_numpy=False)


def classes(values: Any, images: Tensor, name: str) -> Tensor:
    """Class numbers int64 (n,) on the device of the images; any whole numbers are taken.

    Raises:
        UserError: no array, no whole numbers, another length, or a number below 0.
    """
    found = tensor(values, name)
    if found.dtype == torch.bool or found.is_floating_point() or found.is_complex():
        raise UserError(
            f"{name} must be whole numbers, one class an input",
            where=f"argument {name}, dtype {found.dtype}",
            remedy=f"number the classes from 0, for example {name}.astype('int64')",
        )
    found = found.to(images.device, torch.int64)
    check_labels(found, len(images))
    return found


def masks(values: Any, images: Tensor, name: str) -> Tensor:
    """Label sets, bool (n, c), on the device of the images.

    Raises:
        UserError: no array, no truth values, or not one row an input.
    """
    found = tensor(values, name)
    if found.dtype != torch.bool or found.ndim != 2 or len(found) != len(images):
        raise UserError(
            f"{name} must be truth values (n, c): a row an input, a column a label",
            where=f"argument {name}, dtype {found.dtype}, shape {tuple(found.shape)},"
            f" {len(images)} inputs",
            remedy=f"pass {name}.astype(bool) of that shape",
        )
    return found.to(images.device)


def tensor(values: Any, name: str) -> Tensor:
    """A tensor that shares no memory with what the caller may write into.

    Raises:
        UserError: neither a numpy array nor a tensor, or of no numbers.
    """
    if isinstance(values, Tensor):
        return values.detach().clone()
    if isinstance(values, np.ndarray):
        try:
            return torch.from_numpy(np.array(values, order="C"))
        except TypeError as error:
            raise UserError(
                f"{name} cannot become a tensor: {error}".replace("np.ndarray", "arrays"),
                where=f"argument {name}, dtype {values.dtype}",
                remedy="give floating or whole numbers in the byte order of this machine",
            ) from error
    raise UserError(
        f"{name} must be a numpy array or a torch tensor",
        where=f"argument {name}, a {type(values).__name__}",
        remedy="convert it by numpy.asarray or torch.as_tensor",
    )


def predictions(network: nn.Module, images: Tensor) -> Tensor:
    """The most likely class of each image, int64 (n,)."""
    found = torch.zeros(len(images), dtype=torch.int64, device=images.device)

    def predict(part: slice) -> None:
        found[part] = logits_of(network, images[part]).argmax(1)

    in_batches(len(images), _AT_ONCE, predict)
    return found


def on_arrays(deviation: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Any]:
    """A deviation of logits (n, k) and labels that takes numpy arrays and tensors alike."""

    @wraps(deviation)
    def called(logits: Any, labels: Any) -> Any:
        values = tensor(logits, "logits")
        if not values.is_floating_point() or values.ndim != 2:
            raise UserError(
                "logits must be floating numbers (n, classes)",
                where=f"argument logits, dtype {values.dtype}, shape {tuple(values.shape)}",
                remedy="give a row an input and a column a class",
            )
        numbers = tensor(labels, "labels")
        if numbers.is_floating_point() or numbers.dtype == torch.bool:
            raise UserError(
                "labels must be whole numbers",
                where=f"argument labels, dtype {numbers.dtype}",
                remedy="number the classes from 0",
            )
        found = deviation(values, numbers.to(values.device, torch.int64))
        return found.cpu().numpy() if isinstance(logits, np.ndarray) else found

    return called
