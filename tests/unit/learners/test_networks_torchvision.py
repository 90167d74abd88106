"""Networks of torchvision for several labels: size, colour and normalisation inside, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from advlearn.learners.networks import build
from advlearn.learners.networks.imagenet_resnet import MEAN, STD
from advlearn.learners.networks.torchvision_networks import Resize, WrittenOut
from advlearn.learners.networks.torchvision_shim import torchvision_module
from advlearn.learners.networks.weights import load_network, save_networks
from advlearn.settings.network import TorchvisionSettings, network_settings
from advlearn.support.errors import UserError
from tests.helpers.networks import layers

SMALL = TorchvisionSettings(name="mobilenet_v3_small")


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers and ConvNeXt as deep as a test needs them."""
    models = torchvision_module("models")
    transformer, convnext = models.vision_transformer, models.convnext

    def vit(patch: int) -> Any:
        def made(num_classes: int, image_size: int) -> nn.Module:
            network: nn.Module = transformer.VisionTransformer(
                image_size, patch, 2, 2, 16, 32, num_classes=num_classes
            )
            return network

        return made

    def tiny(num_classes: int) -> nn.Module:
        block = convnext.CNBlockConfig
        stages = [block(8, 16, 1), block(16, 16, 1), block(16, 16, 1), block(16, None, 1)]
        network: nn.Module = convnext.ConvNeXt(stages, num_classes=num_classes)
        return network

    monkeypatch.setattr(models, "vit_b_16", vit(16))
    monkeypatch.setattr(models, "vit_b_32", vit(32))
    monkeypatch.setattr(models, "convnext_tiny", tiny)


def inside(network: nn.Module) -> nn.Module:
    """Torchvision's own network, without what stands before it."""
    last = layers(network)[-1]
    return last.network if isinstance(last, WrittenOut) else last


def made(name: str, shape: tuple[int, int, int] = (3, 64, 64), **values: Any) -> nn.Module:
    torch.manual_seed(0)
    settings = network_settings({"name": name, **values})
    network = build(settings, shape, 5).eval()
    if not settings.model_dump()["weights"]:
        # The head of torchvision's transformers begins at zero.
        *_, head = (each for each in network.modules() if isinstance(each, nn.Linear))
        nn.init.normal_(head.weight)
    return network


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", ["vit_b_16", "vit_b_32", "convnext_tiny", "mobilenet_v3_small"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_logit_a_label_and_a_gradient_in_the_images_own_pixels(name: str, channels: int) -> None:
    network = made(name, (channels, 40, 40))
    images = torch.rand(2, channels, 40, 40, requires_grad=True)
    logits = network(images)
    assert logits.shape == (2, 5)
    (slope,) = torch.autograd.grad(logits.square().sum(), images)
    assert slope.shape == images.shape
    assert bool((slope.flatten(1) != 0).any(1).all())
    torch.testing.assert_close(network(images[:1]), logits[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["convnext_tiny", "vit_b_32"])
def test_the_real_ones_are_torchvisions_with_the_normalisation_of_imagenet(name: str) -> None:
    with torch.device("meta"):
        expected = getattr(torchvision_module("models"), name)(num_classes=5).state_dict()
    images = torch.rand(1, 3, 32, 32)
    network = made(name, (3, 32, 32), input_size=32)
    found = inside(network)
    shapes = {key: value.shape for key, value in found.state_dict().items()}
    wanted = {key: value.shape for key, value in expected.items()}
    if name == "vit_b_32":
        # One patch and the class token; the weights of torchvision are of 224 pixels.
        assert shapes.pop("encoder.pos_embedding") == (1, 2, 768)
        assert wanted.pop("encoder.pos_embedding") == (1, 50, 768)
    assert shapes == wanted
    functional = torchvision_module("transforms.functional")
    seen = functional.normalize(images, list(MEAN), list(STD))
    torch.testing.assert_close(network(images), found(seen), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("shape", "side"), [((40, 30), 64), ((64, 80), 32), ((9, 9), 9)])
def test_images_are_resized_as_torch_does_it(shape: tuple[int, int], side: int) -> None:
    images = torch.rand(2, 3, *shape)
    expected = nn.functional.interpolate(
        images, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    torch.testing.assert_close(Resize(*shape, side)(images), expected, rtol=1e-5, atol=1e-5)


def test_a_smaller_picture_is_that_of_pillow() -> None:
    pixels = (torch.rand(50, 50) * 255).byte()
    expected = Image.fromarray(pixels.numpy()).resize((32, 32), Image.Resampling.BILINEAR)
    found = Resize(50, 50, 32)(pixels[None, None].float())[0, 0]
    wanted = torch.tensor(list(expected.tobytes())).reshape(32, 32)
    assert float((found - wanted).abs().max()) < 1.01


@pytest.mark.usefixtures("_small")
def test_attention_is_not_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    network, used = made("vit_b_16", input_size=32), []
    plain = nn.functional.scaled_dot_product_attention

    def seen(*given: Any, **more: Any) -> Tensor:
        used.append(
            (torch.backends.cuda.math_sdp_enabled(), torch.backends.cuda.flash_sdp_enabled())
        )
        return plain(*given, **more)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", seen)
    network(torch.rand(1, 3, 64, 64, requires_grad=True))
    assert set(used) == {(True, False)}
    assert torch.backends.cuda.flash_sdp_enabled()


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", ["vit_b_16", "convnext_tiny", "mobilenet_v3_small"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_file_keep_a_head_that_fits(name: str, suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    first = made(name)
    path = tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else save_file)(inside(first).state_dict(), path)
    images = torch.rand(1, 3, 64, 64)
    torch.manual_seed(1)
    settings = network_settings({"name": name, "weights": str(path)})
    torch.testing.assert_close(build(settings, (3, 64, 64), 5).eval()(images), first(images))
    other = build(settings, (3, 64, 64), 7).eval()
    assert other(images).shape == (1, 7)
    assert torch.equal(next(other.parameters()), next(first.parameters()))
    # A saved network stands for itself: the file of the weights is not needed again.
    saved = tmp_path / "network.safetensors"
    save_networks(saved, {"classifier": other.state_dict()}, settings, (3, 64, 64), 7)
    path.unlink()
    torch.testing.assert_close(load_network(saved)(images), other(images))


@pytest.mark.usefixtures("_small")
def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(inside(made("vit_b_16", input_size=64)).state_dict(), path)
    with pytest.raises(UserError, match=r"1 tensors are missing.*encoder.pos_embedding") as caught:
        made("vit_b_16", input_size=32, weights=str(path))
    assert "set 'input_size'" in caught.value.remedy
    with pytest.raises(UserError, match="the weights do not fit") as caught:
        made("convnext_tiny", weights=str(path))
    assert "torchvision's names" in caught.value.remedy
    assert str(path) in caught.value.where
    with pytest.raises(UserError, match="cannot be read"):
        made("vit_b_16", weights=str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "vit_b_16", "input_size": 40}, "a multiple of 16, the patches of vit_b_16"),
        ({"name": "convnext_tiny", "input_size": 16}, "greater than or equal to 32"),
        ({"name": "convnext_tiny", "weights": "imagenet"}, "give the path of a file of yours"),
        ({"name": "convnext_tny"}, "use one of: cnn, convnext_tiny"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_settings(values)


def test_what_the_network_cannot_take_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="images of 28 pixels a side are too small") as caught:
        build(SMALL, (3, 28, 28), 4)
    assert "set it to at least 32" in caught.value.remedy
    with pytest.raises(UserError, match="grey or colour images, not 2 channels"):
        build(SMALL, (2, 64, 64), 4)
    grown = SMALL.model_copy(update={"input_size": 32})
    assert build(grown, (1, 28, 28), 4).eval()(torch.rand(1, 1, 28, 28)).shape == (1, 4)
