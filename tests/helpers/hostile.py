"""Networks as a user may write them: `model: {name: "tests.helpers.hostile:NAME"}`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]


class WithTerm(nn.Module):
    """A linear classifier plus a term (n, 1) of the flattened images, the same for each class."""

    def __init__(self, shape: Shape, n_classes: int, term: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.last, self.term = nn.Linear(prod(shape), n_classes), term

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        logits: Tensor = self.last(flat)
        return logits + self.term(flat)[:, None]


class RowSums(nn.Module):
    """Looks at the sums of the rows: the gradient by the images is an expanded tensor."""

    def __init__(self, shape: Shape, n_classes: int) -> None:
        super().__init__()
        self.last = nn.Sequential(nn.Linear(shape[1], 64), nn.ReLU(), nn.Linear(64, n_classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(x.sum((1, 3)))
        return logits


class Changed(nn.Module):
    """A linear classifier with something done to images before and to logits after it."""

    def __init__(
        self,
        shape: Shape,
        n_classes: int,
        after: Callable[[Tensor], Any] = lambda logits: logits,
        before: Callable[[Tensor], Tensor] = lambda images: images,
    ) -> None:
        super().__init__()
        self.last, self.after, self.before = nn.Linear(prod(shape), n_classes), after, before

    def forward(self, x: Tensor) -> Any:
        return self.after(self.last(self.before(x).flatten(1)))


def off_grid(flat: Tensor) -> Tensor:
    """NaN for images with a pixel that is no multiple of 1/255, else 0."""
    steps = 255 * flat.detach()
    return torch.where((steps - steps.round()).abs().amax(1) > 1e-2, torch.nan, 0.0)


def plain(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), n_classes))


def still(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Finite logits, and a gradient that is NaN for every image."""
    return WithTerm(shape, n_classes, lambda flat: (flat - flat).square().sum(1).sqrt())


def dark(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Finite logits, and a gradient that is NaN for images whose first pixel is black."""
    return WithTerm(shape, n_classes, lambda flat: flat[:, 0].sqrt())


def brittle(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Logits that are finite for images of 8 bits, and NaN for all others."""
    return WithTerm(shape, n_classes, off_grid)


def unlikely(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Log-probabilities, -inf for the last class."""

    def without_last(logits: Tensor) -> Tensor:
        last = torch.arange(n_classes) == n_classes - 1
        return logits.masked_fill(last, -torch.inf).log_softmax(1)

    return Changed(shape, n_classes, without_last)


def cut_off(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Finite logits without a way back to the images."""
    return Changed(shape, n_classes, before=lambda images: images.detach())


def rowsums(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return RowSums(shape, n_classes)


def normed(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Batch normalisation, which cannot be trained on a batch of one image."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(shape), 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, n_classes),
    )


def squeezed(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Loses the batch dimension of a single image."""
    return Changed(shape, n_classes, lambda logits: logits.squeeze())


def transposed(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return Changed(shape, n_classes, lambda logits: logits.T)


def too_narrow(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return plain(settings, shape, n_classes - 1)


def with_features(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return Changed(shape, n_classes, lambda logits: (logits, logits))


def in_place(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return Changed(shape, n_classes, before=lambda images: images.sub_(0.5))


def other_size(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3, n_classes))


def weightless(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return nn.Flatten()


def frozen(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return plain(settings, shape, n_classes).requires_grad_(False)


def whole(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Logits that are whole numbers."""
    return Changed(shape, n_classes, lambda logits: logits.long())


def noisy(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Dropout that does not know of evaluation."""
    return Changed(shape, n_classes, before=lambda images: nn.functional.dropout(images, 0.5))


def sociable(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """Centres a batch, also in evaluation mode."""
    return Changed(shape, n_classes, before=lambda images: images - images.mean(0))


def stuck(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    """A buffer that is one number five times: nothing can be loaded into it."""
    network = plain(settings, shape, n_classes)
    network.register_buffer("steps", torch.zeros(1).expand(5))
    return network


class WithAuxiliary(Changed):
    """Returns a second output in training mode, as torchvision's Inception does."""

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return (logits, logits) if self.training else logits


def auxiliary(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return WithAuxiliary(shape, n_classes)


class Shared(nn.Module):
    """Two layers with the same weights."""

    def __init__(self, shape: Shape, n_classes: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Linear(prod(shape), prod(shape)) for _ in range(2))
        self.second.weight = self.first.weight
        self.last = nn.Linear(prod(shape), n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.second(self.first(x.flatten(1)).relu()).relu())
        return logits


def shared(settings: Any, shape: Shape, n_classes: int) -> nn.Module:
    return Shared(shape, n_classes)


def no_module(settings: Any, shape: Shape, n_classes: int) -> Any:
    return lambda images: images
