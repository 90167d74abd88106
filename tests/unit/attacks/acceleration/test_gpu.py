"""Which parts of a network become one operation on a GPU, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from advlearn.attacks import acceleration
from advlearn.attacks.acceleration import accelerated, gpu
from advlearn.attacks.acceleration.fused import FusedConv2d, suits
from advlearn.learners import networks
from advlearn.settings.network import ResnetSettings


@pytest.fixture
def _as_if_there_was_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda _: object())


class Functions(nn.Module):
    """The usual way of writing a network in functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.last = nn.Linear(8 * 2 * 2, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.max_pool2d(functional.relu(self.conv1(images)), 2)
        hidden = functional.max_pool2d(self.conv2(hidden), (2, 2), stride=2).relu()
        logits: Tensor = self.last(torch.flatten(hidden, 1))
        return logits


def conv(before: int = 4, after: int = 4, kernel: int = 3, **options: object) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, **options)  # type: ignore[arg-type]


class Shared(nn.Module):
    """What ReLU reads is needed elsewhere too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv()

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.conv(images)
        return hidden.relu() + hidden  # type: ignore[no-any-return]


PATTERNS: list[tuple[nn.Module, list[tuple[bool, bool]]]] = [
    (nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()), [(True, True)]),
    (nn.Sequential(conv(), nn.MaxPool2d(2, 2), nn.ReLU(inplace=True)), [(True, True)]),
    (nn.Sequential(conv(), nn.ReLU(), conv(), nn.ReLU()), [(True, False), (True, False)]),
    (nn.Sequential(nn.Sequential(conv()), nn.Sequential(nn.ReLU())), [(True, False)]),
    (nn.Sequential(conv(), nn.MaxPool2d(2)), [(False, False)]),
    (nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(3, 2)), [(True, False)]),
    (nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)), [(True, False)]),
    (nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2, padding=1)), [(True, False)]),
    (nn.Sequential(conv(), nn.ReLU6()), [(False, False)]),
    (Functions(), [(True, True), (True, True)]),
    (Shared(), [(False, False)]),
    (nn.Sequential(conv(groups=2), nn.ReLU(), nn.MaxPool2d(2)), []),
]


def count(kind: type[nn.Module], network: nn.Module) -> int:
    return sum(type(module) is kind for module in network.modules())


@pytest.mark.usefixtures("_as_if_there_was_triton")
@pytest.mark.parametrize(("model", "patterns"), PATTERNS)
def test_patterns(model: nn.Module, patterns: list[tuple[bool, bool]]) -> None:
    fast = gpu.rewritten(model.eval())
    found = [one for one in fast.modules() if isinstance(one, FusedConv2d)]
    assert [(one.relu, one.pool) for one in found] == patterns
    for kind, place in ((nn.ReLU, 0), (nn.MaxPool2d, 1)):
        before, left = (count(kind, network) for network in (model, fast))
        assert left == max(0, before - sum(pattern[place] for pattern in patterns))


@pytest.mark.parametrize(
    "module",
    [
        conv(groups=4),
        conv(dilation=2),
        conv(padding_mode="circular", padding=1),
        conv(padding="same"),
        conv(stride=(1, 2)),
        conv(stride=5),
        conv(kernel=9),
        conv(after=128),
        conv(before=17),
        conv().double(),
        nn.ConvTranspose2d(4, 4, 3),
    ],
)
def test_other_convolutions_are_left_to_the_library(module: nn.Module) -> None:
    assert suits(conv())
    assert not suits(module)


def test_a_convolution_that_somebody_listens_to_is_left_alone() -> None:
    heard = conv()
    heard.register_forward_hook(lambda *_: None)
    assert not suits(heard)


def test_without_triton_the_network_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda _: None)
    monkeypatch.setitem(acceleration._REWRITINGS, "cpu", gpu.rewritten)
    model = Functions().eval()
    assert accelerated(model, torch.rand(2, 1, 8, 8)) is model


class Wrong(torch.autograd.Function):
    """The identity, with a gradient of twice the size in the first pixel of each image."""

    @staticmethod
    def forward(ctx: object, images: Tensor) -> Tensor:
        return images.clone()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        wrong = gradients[0].clone()
        wrong[..., 0, 0] *= 2
        return wrong


def test_a_wrong_gradient_never_passes() -> None:
    torch.manual_seed(0)
    model, sample = Functions().eval(), torch.rand(3, 1, 8, 8).round()

    class Cheat(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = model(Wrong.apply(images))  # type: ignore[no-untyped-call]
            return logits

    assert acceleration._same_logits(model, Cheat(), sample)
    assert not acceleration._same_gradients(model, Cheat(), sample)
    assert acceleration._same_gradients(model, model, sample)


def test_networks_are_compared_in_float32_and_precision_is_as_before() -> None:
    with torch.backends.cudnn.flags(allow_tf32=True):
        with acceleration._float32():
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32


def residual() -> tuple[nn.Module, Tensor]:
    settings = ResnetSettings(name="resnet", widths=(4, 8))
    return networks.build(settings, (3, 16, 16), 4), torch.rand(2, 3, 16, 16)


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("made", [lambda: (Functions(), torch.rand(2, 1, 8, 8).round()), residual])
def test_networks_keep_logits_and_gradients(
    made: Callable[[], tuple[nn.Module, Tensor]],
    device: torch.device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(acceleration._REWRITINGS, device.type, gpu.rewritten)
    torch.manual_seed(0)
    model, images = made()
    model, images = model.to(device).eval(), images.to(device)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = accelerated(model, images)
    assert any(isinstance(one, FusedConv2d) for one in fast.modules())
    assert not any(isinstance(one, FusedConv2d) for one in model.modules())
    assert not any(isinstance(one, nn.BatchNorm2d) for one in fast.modules())
    torch.testing.assert_close(fast(images), model(images))
    assert acceleration._same_gradients(model, fast, images)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    # Other weights in the same network: another copy.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    again = accelerated(model, images)
    torch.testing.assert_close(again(images), model(images))


@pytest.mark.gpu
def test_where_kernels_cannot_be_built_the_network_is_used_as_it_is(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from advlearn.attacks.acceleration import kernels

    class Failing:
        def __getitem__(self, _: object) -> Callable[..., None]:
            def launch(*_: object, **__: object) -> None:
                raise kernels.TritonError("no compiler")

            return launch

    monkeypatch.setattr(kernels, "forward", Failing())
    monkeypatch.setitem(acceleration._REWRITINGS, device.type, gpu.rewritten)
    model = Functions().eval().to(device)
    images = torch.rand(2, 1, 8, 8, device=device)
    with pytest.raises(RuntimeError, match="cannot be built"):
        gpu.rewritten(model.requires_grad_(False))(images)
    assert accelerated(model, images) is model


@pytest.mark.usefixtures("_as_if_there_was_triton")
def test_without_a_pattern_the_modules_stay() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    assert gpu.rewritten(model) is model
