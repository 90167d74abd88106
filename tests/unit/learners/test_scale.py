"""Networks that see (pixels - mean) / deviation: attacked, stacked, stored and made cheaper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks.acceleration import accelerated, gpu
from advlearn.attacks.acceleration.cpu import NarrowConv2d
from advlearn.attacks.acceleration.fused import FusedConv2d
from advlearn.attacks.robustness import robust_verdicts
from advlearn.learners.networks import build
from advlearn.learners.networks.scale import Scale
from advlearn.learners.networks.stack import Stack
from advlearn.learners.networks.weights import load_network, save_networks
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings

SHAPE, CLASSES = (1, 8, 8), 4
KINDS = pytest.mark.parametrize(
    "plain",
    [
        NetworkSettings(hidden=(9, 7), dropout=0.2),
        NetworkSettings(name="cnn", channels=(4, 5), hidden=(6,), dropout=0.2),
    ],
    ids=["mlp", "cnn"],
)
SCALES = pytest.mark.parametrize(("mean", "deviation"), [(0.1307, 0.3081), (0.5, 0.5), (0.0, 2.0)])


def pair(plain: NetworkSettings, mean: float, deviation: float) -> tuple[nn.Module, nn.Module]:
    """A network without a scale, and one with it and the same weights."""
    torch.manual_seed(0)
    without = build(plain, SHAPE, CLASSES).eval()
    scaled = plain.model_copy(update={"input_mean": mean, "input_deviation": deviation})
    network = build(scaled, SHAPE, CLASSES).eval()
    state = dict(zip(network.state_dict(), without.state_dict().values(), strict=True))
    network.load_state_dict(state)
    return without, network


def images(n: int = 30) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(n, *SHAPE, generator=generator)
    return pixels, torch.randint(0, CLASSES, (n,), generator=generator)


@KINDS
@SCALES
def test_it_sees_scaled_pixels(plain: NetworkSettings, mean: float, deviation: float) -> None:
    without, network = pair(plain, mean, deviation)
    pixels, _ = images()
    expected = without((pixels - mean) / deviation)
    assert torch.equal(network(pixels), expected)
    assert not torch.allclose(without(pixels), expected)
    assert sum(p.numel() for p in network.parameters()) == sum(
        p.numel() for p in without.parameters()
    )


@KINDS
def test_attacks_stay_in_pixels(plain: NetworkSettings) -> None:
    """The step is a sign: the same image as in the network's own units, where epsilon is wider."""
    mean, deviation, epsilon = 0.1307, 0.3081, 0.1
    without, network = pair(plain, mean, deviation)
    pixels, labels = images()
    found = attacks.build(FgsmSettings(epsilon=epsilon)).run(network, pixels, labels, 0)
    point = ((pixels - mean) / deviation).requires_grad_(True)
    loss = nn.functional.cross_entropy(without(point), labels, reduction="sum")
    (slope,) = torch.autograd.grad(loss, point)
    expected = (point + epsilon / deviation * slope.sign()).detach() * deviation + mean
    torch.testing.assert_close(found, expected.clamp(0, 1), rtol=0, atol=1e-6)


def test_the_cheaper_network_on_a_cpu_has_the_same_gradients() -> None:
    _, network = pair(NetworkSettings(name="cnn", channels=(4,), hidden=(6,)), 0.1307, 0.3081)
    pixels, _ = images()
    fast = accelerated(network, pixels[:16])
    assert any(isinstance(module, NarrowConv2d) for module in fast.modules())
    assert any(isinstance(module, Scale) for module in fast.modules())
    found, expected = (_gradient(each, pixels) for each in (fast, network))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(fast(pixels), network(pixels))
    # The equivalent is what verdicts are made with.
    settings = PgdSettings(epsilon=0.1, steps=5, random_start=False)
    verdicts = robust_verdicts(network, pixels, network(pixels).argmax(1), settings, 0)
    crafted = attacks.build(settings).run(network, pixels, network(pixels).argmax(1), 0)
    held = network(crafted).argmax(1) == network(pixels).argmax(1)
    assert bool((verdicts.robust <= held).all())


def test_the_cheaper_network_on_a_gpu_keeps_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda _: object())
    _, network = pair(NetworkSettings(name="cnn", channels=(4,), hidden=(6,)), 0.1307, 0.3081)
    fast = gpu.rewritten(network)
    (fused,) = (one for one in fast.modules() if isinstance(one, FusedConv2d))
    seen: list[Tensor] = []

    def plain(images: Tensor) -> Tensor:
        seen.append(images)
        return torch.zeros(len(images), 4, 4, 4)

    # No kernel runs here: what reaches the first convolution is what counts.
    monkeypatch.setattr(fused, "forward", plain)
    pixels, _ = images()
    fast(pixels)
    torch.testing.assert_close(seen[0], (pixels - 0.1307) / 0.3081)


@KINDS
def test_it_is_stacked_like_any_other(plain: NetworkSettings) -> None:
    networks = [pair(plain, mean, 0.4)[1] for mean in (0.3, 0.3)]
    with torch.no_grad():
        for parameter in networks[1].parameters():
            parameter.mul_(1.5)
    stack = Stack(networks[0], [network.state_dict() for network in networks]).eval()
    pixels, _ = images()
    found = stack(pixels.expand(2, *pixels.shape))
    for own, network in zip(found, networks, strict=True):
        torch.testing.assert_close(own, network(pixels))


def test_weights_without_a_scale_are_stored_as_before(tmp_path: Path) -> None:
    settings = NetworkSettings(hidden=(3,))
    state = build(settings, SHAPE, CLASSES).state_dict()
    assert list(state) == ["1.weight", "1.bias", "3.weight", "3.bias"]
    save_networks(tmp_path / "weights", {"classifier": state}, settings, SHAPE, CLASSES)
    with safe_open(tmp_path / "weights", framework="pt") as archive:
        header = json.loads(archive.metadata()["advlearn"])
    assert header["architecture"] == {
        "name": "mlp",
        "hidden": [3],
        "channels": [16, 32],
        "dropout": 0.0,
    }


@KINDS
@SCALES
def test_the_scale_comes_back_with_the_weights(
    plain: NetworkSettings, mean: float, deviation: float, tmp_path: Path
) -> None:
    settings = plain.model_copy(update={"input_mean": mean, "input_deviation": deviation})
    _, network = pair(plain, mean, deviation)
    path = tmp_path / "weights"
    save_networks(path, {"classifier": network.state_dict()}, settings, SHAPE, CLASSES)
    pixels, _ = images()
    assert torch.equal(load_network(path)(pixels), network(pixels))


@pytest.mark.parametrize("values", [{"input_mean": 0.5}, {"input_deviation": 0.5}])
def test_a_network_of_the_users_own_sees_pixels(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="of your own sees pixels"):
        NetworkSettings.model_validate({"name": "ours:linear", **values})
    NetworkSettings(name="ours:linear", input_mean=0.0, input_deviation=1.0)


def _gradient(network: nn.Module, pixels: Tensor) -> Tensor:
    point = pixels.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(network(point).square().sum(), point)
    return found
