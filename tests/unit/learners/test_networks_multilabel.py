"""The networks of study 2: resnet, vit and torchvision's residual networks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from advlearn.learners.networks import build, torchvision_shim
from advlearn.learners.networks.imagenet_resnet import MEAN, STD
from advlearn.learners.networks.torchvision_shim import torchvision_module
from advlearn.learners.networks.weights import load_network, save_networks
from advlearn.settings.network import (
    AnyNetworkSettings,
    ImagenetResnetSettings,
    ResnetSettings,
    VitSettings,
)
from advlearn.support.errors import UserError
from tests.helpers.networks import layers

pytestmark = pytest.mark.slow

SHARED = Path(os.environ.get("ADVLEARN_SHARED", Path(__file__).parents[4] / "shared"))
RESNET = ResnetSettings(widths=(4, 6), blocks=2)
VIT = VitSettings(patch=4, width=8, depth=2, heads=2)
RESNET50 = ImagenetResnetSettings(name="resnet50", weights=None)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 24), (1, 64, 64)])
@pytest.mark.parametrize("settings", [RESNET, ResnetSettings(), VIT, VitSettings(depth=1)])
def test_logits_and_gradients_for_any_image_shape(
    settings: AnyNetworkSettings, shape: tuple[int, int, int]
) -> None:
    network = build(settings, shape, 5).eval()
    images = torch.rand(3, *shape, requires_grad=True)
    logits = network(images)
    assert logits.shape == (3, 5)
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("settings", [RESNET, VIT])
def test_logits_of_an_image_depend_on_it_alone(settings: AnyNetworkSettings) -> None:
    torch.manual_seed(0)
    network = build(settings, (1, 16, 16), 5)
    images = torch.rand(7, 1, 16, 16)
    network(images)  # running statistics other than the initial ones
    network.eval()
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-5, atol=1e-6)


def test_resnet_has_two_convolutions_a_block_and_halves_each_stage() -> None:
    network = build(ResnetSettings(widths=(4, 8, 16), blocks=2), (1, 64, 64), 3)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    # The stem, two a block, and a shortcut in the stages that change the size.
    assert len(convolutions) == 1 + 2 * 6 + 2
    assert layers(network)[:-3](torch.rand(2, 1, 64, 64)).shape == (2, 16, 4, 4)


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    block = layers(build(VIT, (1, 8, 8), 3))[1]
    torch_block = nn.MultiheadAttention(8, 2, batch_first=True)
    torch_block.load_state_dict(
        {
            "in_proj_weight": block.qkv.weight,
            "in_proj_bias": block.qkv.bias,
            "out_proj.weight": block.project.weight,
            "out_proj.bias": block.project.bias,
        }
    )
    x = torch.rand(2, 4, 8)
    normed = block.norm1(x)
    attended = x + torch_block(normed, normed, normed, need_weights=False)[0]
    expected = attended + block.perceptron(block.norm2(attended))
    torch.testing.assert_close(block(x), expected)


def test_vit_makes_a_token_a_patch_and_knows_places() -> None:
    torch.manual_seed(0)
    network = layers(build(VIT, (1, 8, 8), 3).eval())
    image = torch.rand(1, 1, 8, 8)
    assert network[0](image).shape == (1, 4, 8)
    assert layers(build(VIT, (1, 9, 8), 3))[0](torch.rand(2, 1, 9, 8)).shape == (2, 6, 8)
    tokens = torch.rand(1, 4, 8)
    after = network[1:]
    # Without the places the order of the tokens would not matter; they are all that tells it.
    torch.testing.assert_close(after(tokens.flip(1)), after(tokens))
    assert network[0].places.unique(dim=0).shape == (4, 8)


@pytest.mark.parametrize("settings", [RESNET, VIT])
def test_same_seed_same_network_and_round_trip(
    settings: AnyNetworkSettings, tmp_path: Path
) -> None:
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(build(settings, (1, 16, 16), 4))
    images = torch.rand(5, 1, 16, 16)
    first, second = (network(images) for network in networks)
    assert torch.equal(first, second)
    path = tmp_path / "network.safetensors"
    save_networks(path, {"classifier": networks[0].state_dict()}, settings, (1, 16, 16), 4)
    assert torch.equal(load_network(path)(images), networks[0].eval()(images))


@pytest.fixture(scope="module")
def resnet50() -> nn.Module:
    torch.manual_seed(0)
    return build(RESNET50, (3, 64, 64), 4).eval()


def plain_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """The state under torchvision's names."""
    state: dict[str, torch.Tensor] = layers(network)[1].state_dict()
    return state


def test_normalisation_is_inside(resnet50: nn.Module) -> None:
    images = torch.rand(2, 3, 64, 64)
    functional = torchvision_module("transforms.functional")
    expected = layers(resnet50)[1](functional.normalize(images, list(MEAN), list(STD)))
    torch.testing.assert_close(resnet50(images), expected)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file_keep_a_head_that_fits(
    resnet50: nn.Module, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"weights{suffix}"
    state = plain_state(resnet50)
    if suffix == ".pth":
        # As older files of torchvision: without the counters of batches.
        torch.save({k: v for k, v in state.items() if "num_batches" not in k}, path)
    else:
        save_file(state, path)
    images = torch.rand(1, 3, 64, 64)
    again = build(RESNET50.model_copy(update={"weights": path}), (3, 64, 64), 4).eval()
    torch.testing.assert_close(again(images), resnet50(images))
    other = build(RESNET50.model_copy(update={"weights": path}), (3, 64, 64), 7).eval()
    assert other(images).shape == (1, 7)
    assert torch.equal(layers(other)[1].layer4[2].conv3.weight, state["layer4.2.conv3.weight"])


def test_a_saved_network_needs_its_first_weights_no_more(tmp_path: Path) -> None:
    settings = ImagenetResnetSettings(
        name="resnet50", weights=tmp_path / "gone.pth", stride_in_1x1=True
    )
    network = build(settings.model_copy(update={"weights": None}), (3, 32, 32), 3)
    assert layers(network)[1].layer2[0].conv1.stride == (2, 2)
    path = tmp_path / "network.safetensors"
    save_networks(path, {"classifier": network.state_dict()}, settings, (3, 32, 32), 3)
    assert b"gone.pth" not in path.read_bytes()
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(load_network(path)(images), network.eval()(images))


def test_the_original_variant_has_its_stride_in_the_first_convolution(resnet50: nn.Module) -> None:
    original = build(RESNET50.model_copy(update={"stride_in_1x1": True}), (3, 64, 64), 4).eval()
    original.load_state_dict(resnet50.state_dict())
    images = torch.rand(1, 3, 64, 64)
    assert layers(original)[1].layer1[0].conv1.stride == (1, 1)
    assert layers(original)[1].layer4[0].conv2.stride == (1, 1)
    assert original(images).shape == (1, 4)
    assert not torch.allclose(original(images), resnet50(images))


def write_missing(state: dict[str, torch.Tensor], path: Path) -> None:
    torch.save({k: v for k, v in state.items() if k != "layer1.0.conv1.weight"}, path)


def write_unexpected(state: dict[str, torch.Tensor], path: Path) -> None:
    torch.save({**state, "another.weight": torch.zeros(1)}, path)


def write_reshaped(state: dict[str, torch.Tensor], path: Path) -> None:
    torch.save({**state, "bn1.weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (write_missing, "layer1.0.conv1.weight"),
        (write_unexpected, "another.weight"),
        (write_reshaped, "bn1.weight"),
    ],
)
def test_weights_of_another_network_are_named(
    resnet50: nn.Module,
    tmp_path: Path,
    write: Callable[[dict[str, torch.Tensor], Path], None],
    named: str,
) -> None:
    path = tmp_path / "weights.pth"
    write(plain_state(resnet50), path)
    with pytest.raises(UserError, match="1 tensors are missing, unexpected") as caught:
        build(RESNET50.model_copy(update={"weights": path}), (3, 64, 64), 4)
    assert named in caught.value.what
    assert str(path) in caught.value.where


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04" + b"\x00" * 64])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_damaged_weights_are_a_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        build(RESNET50.model_copy(update={"weights": path}), (3, 64, 64), 4)


def test_missing_weights_and_code_in_weights_are_clear_errors(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    settings = RESNET50.model_copy(update={"weights": path})
    with pytest.raises(UserError, match="cannot be read"):
        build(settings, (3, 64, 64), 4)
    # A whole module is code: weights_only refuses it.
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(UserError, match="cannot be read"):
        build(settings, (3, 64, 64), 4)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(UserError, match="no mapping"):
        build(settings, (3, 64, 64), 4)


def test_grey_images_are_refused() -> None:
    with pytest.raises(UserError, match="colour images"):
        build(RESNET50, (1, 64, 64), 4)


def test_half_precision_weights_of_the_original_variant() -> None:
    path = SHARED / "weights" / "resnet50_imagenet_v1_fp16.pth"
    if not path.is_file():
        pytest.skip("the shared ImageNet weights are not on this machine")
    settings = ImagenetResnetSettings(name="resnet50", weights=path, stride_in_1x1=True)
    whole = build(settings, (3, 96, 96), 1000).eval()
    assert {p.dtype for p in whole.parameters()} == {torch.float32}
    cut = build(settings, (3, 96, 96), 20).eval()
    assert torch.equal(layers(cut)[1].conv1.weight, layers(whole)[1].conv1.weight)
    file = torch.load(path, weights_only=True)
    assert torch.equal(layers(whole)[1].fc.weight, file["fc.weight"].float())
    assert cut(torch.rand(1, 3, 96, 96)).shape == (1, 20)


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_torchvision_is_usable_and_a_matching_pair_is_left_alone() -> None:
    code = """
import torch
from advlearn.learners.networks import torchvision_shim as shim
loads = shim._compiled_library_loads()
models = shim.torchvision_module("models")
import torchvision
assert shim._declare_missing() is shim._declare_missing()
assert (shim._declare_missing() is None) == loads == torchvision.extension._has_ops()
print(models.resnet18(num_classes=3).eval()(torch.rand(1, 3, 32, 32)).shape)
"""
    assert in_a_new_process(code) == "torch.Size([1, 3])"


def test_the_shim_declares_nothing_where_the_library_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Path] = []
    monkeypatch.setattr(torch.ops, "load_library", loaded.append)
    assert torchvision_shim._declare_missing.__wrapped__() is None
    assert [path.name.split(".")[0] for path in loaded] == ["_C"]
