from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks.acceleration import _folded, accelerated
from advlearn.attacks.acceleration.cpu import NarrowConv2d
from advlearn.learners import networks
from advlearn.settings.network import ResnetSettings
from tests.helpers.networks import layers


def gradient(model: nn.Module, images: Tensor) -> Tensor:
    point = images.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(model(point).square().sum(), point)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, 1), (3, 2, 1), (4, 2, 1), (5, 3, 2), (3, 2, 0), ((3, 5), (2, 1), (0, 2)), (1, 2, 0)],
)
def test_narrow_convolution_has_the_gradient_of_torch(
    channels: int, kernel: int, stride: int, padding: int
) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(channels, 6, kernel, stride=stride, padding=padding).double()
    images = torch.rand(4, channels, 11, 10, dtype=torch.float64)
    narrow = NarrowConv2d(plain)
    torch.testing.assert_close(narrow(images), plain(images))
    torch.testing.assert_close(gradient(narrow, images), gradient(plain, images))


class Own(nn.Module):
    """A network that is no Sequential, has a residual path and flattens by `flatten`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.body = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.last = nn.Linear(8 * 16, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.body(self.first(images)).flatten(1))
        return logits


class Viewer(Own):
    """Needs contiguous activations: channels_last makes its `view` fail."""

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.body(self.first(images))
        logits: Tensor = self.last(hidden.view(hidden.shape[0], -1))
        return logits


class Reader(Own):
    """Reads the weights as they lie in memory, so channels_last makes it another function."""

    def forward(self, images: Tensor) -> Tensor:
        offset = self.first.weight.as_strided((1,), (1,), 1)
        return super().forward(images) + 10 * offset


def test_own_networks_keep_logits_and_gradients() -> None:
    torch.manual_seed(0)
    model, images = Own().eval(), torch.rand(5, 3, 8, 8)
    fast = accelerated(model, images)
    assert fast is not model
    assert isinstance(fast.first, NarrowConv2d)
    torch.testing.assert_close(fast(images), model(images))
    torch.testing.assert_close(gradient(fast, images), gradient(model, images))


class Branching(Own):
    """What it computes depends on the size of the batch, so that it has no one graph."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = super().forward(images) if len(images) else self.last(images.flatten(1))
        return logits


class Twice(Own):
    """One convolution before two normalisations: its weights cannot take in either."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images)
        logits: Tensor = self.last((self.body(hidden) + self.other(hidden)).flatten(1))
        return logits


class Slicing(Own):
    """Builds a module while it computes, which no graph can name."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.body[1:](self.body[:1](self.first(images))).flatten(1))
        return logits


def seen(model: nn.Module) -> nn.Module:
    """With statistics that normalisation does not start with."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, -2, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return model.eval()


def normalisations(model: nn.Module, images: Tensor) -> int:
    """How many batch normalisations are computed."""
    count = 0

    def add(*_: object) -> None:
        nonlocal count
        count += 1

    hooks = [
        module.register_forward_hook(add)
        for module in model.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    model(images)
    for hook in hooks:
        hook.remove()
    return count


@pytest.mark.parametrize(("kind", "left"), [(Branching, 1), (Twice, 2), (Slicing, 1)])
def test_normalisation_that_cannot_be_folded_stays(kind: type[Own], left: int) -> None:
    torch.manual_seed(0)
    model, images = seen(kind()), torch.rand(5, 3, 8, 8)
    fast = accelerated(model, images)
    assert fast is not model
    assert normalisations(fast, images) == left
    torch.testing.assert_close(fast(images), model(images))
    torch.testing.assert_close(gradient(fast, images), gradient(model, images))


def test_normalisation_goes_into_the_convolution() -> None:
    torch.manual_seed(0)
    settings = ResnetSettings(name="resnet", widths=(8, 16))
    model = seen(networks.build(settings, (3, 8, 8), 4)).double()
    images = torch.rand(5, 3, 8, 8, dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded = _folded(model)
    assert normalisations(model, images) > 0
    assert normalisations(folded, images) == 0
    torch.testing.assert_close(folded(images), model(images))
    torch.testing.assert_close(gradient(folded, images), gradient(model, images))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("kind", [Viewer, Reader])
def test_what_does_not_stand_a_rewriting_is_used_as_it_is(kind: type[Own]) -> None:
    torch.manual_seed(0)
    model = kind().eval()
    assert accelerated(model, torch.rand(5, 3, 8, 8)) is model


def test_sequential_pools_before_relu_and_leaves_the_original_alone() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    ).eval()
    # Constant patches make ties in the pooling windows.
    images = torch.rand(6, 1, 8, 8).round()
    fast = accelerated(model, images)
    assert [type(layer) for layer in layers(fast)][1:3] == [nn.MaxPool2d, nn.ReLU]
    assert [type(layer) for layer in model][1:3] == [nn.ReLU, nn.MaxPool2d]
    assert all(parameter.requires_grad for parameter in model.parameters())
    torch.testing.assert_close(gradient(fast, images), gradient(model, images))


def test_no_rewriting_in_float64() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).double()
    assert accelerated(model, torch.rand(2, 1, 8, 8, dtype=torch.float64)) is model
