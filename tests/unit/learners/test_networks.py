from pathlib import Path

import pytest
import torch

from advlearn.learners.networks import build
from advlearn.learners.networks.trial import try_out
from advlearn.learners.networks.weights import load_network, load_networks, save_networks
from advlearn.settings.network import NetworkSettings
from advlearn.support.errors import UserError
from tests.helpers import hostile

SHAPES = [(1, 28, 28), (1, 8, 8), (3, 32, 32), (2, 5, 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "settings",
    [
        NetworkSettings(name="mlp", hidden=()),
        NetworkSettings(name="mlp", hidden=(7, 5), dropout=0.2),
        NetworkSettings(name="cnn", hidden=()),
        NetworkSettings(name="cnn", channels=(4,), hidden=(6,), dropout=0.2),
    ],
)
def test_logits_for_any_image_shape(settings: NetworkSettings, shape: tuple[int, int, int]) -> None:
    network = build(settings, shape, 4)
    assert network(torch.rand(3, *shape)).shape == (3, 4)


def test_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown model 'resnet'.*cnn, mlp"):
        NetworkSettings.from_json('{"name": "resnet"}')


def test_own_network_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_networks.py").write_text(
        "from math import prod\n"
        "from torch import nn\n"
        "def linear(settings, shape, n_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), n_classes))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    network = build(NetworkSettings(name="our_networks:linear"), (1, 4, 4), 3)
    assert network(torch.rand(2, 1, 4, 4)).shape == (2, 3)
    with pytest.raises(UserError, match="cannot load the model") as caught:
        build(NetworkSettings(name="our_networks:nothing"), (1, 4, 4), 3)
    assert "PYTHONPATH" in caught.value.remedy


def test_weights_round_trip(tmp_path: Path) -> None:
    settings = NetworkSettings(name="cnn", channels=(3,), hidden=(5,))
    first, second = build(settings, (1, 8, 8), 4), build(settings, (1, 8, 8), 4)
    path = tmp_path / "weights.safetensors"
    save_networks(path, {"a": first.state_dict(), "b": second.state_dict()}, settings, (1, 8, 8), 4)
    _, states = load_networks(path)
    assert list(states) == ["a", "b"]
    images = torch.rand(2, 1, 8, 8)
    loaded = load_network(path, "b")
    assert not loaded.training
    assert torch.equal(loaded(images), second(images))
    with pytest.raises(UserError, match="no network 'c'"):
        load_network(path, "c")


def test_same_weights_same_bytes(tmp_path: Path) -> None:
    settings = NetworkSettings(hidden=(3,))
    state = build(settings, (1, 4, 4), 2).state_dict()
    for name in ("x", "y"):
        save_networks(tmp_path / name, {"classifier": state}, settings, (1, 4, 4), 2)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x00" * 64])
def test_damaged_weights_are_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "classifier.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot read network weights") as caught:
        load_networks(path)
    assert caught.value.where == str(path)


def test_truncated_weights_are_a_clear_error(tmp_path: Path) -> None:
    settings = NetworkSettings(hidden=(3,))
    path = tmp_path / "classifier.safetensors"
    state = build(settings, (1, 4, 4), 2).state_dict()
    save_networks(path, {"classifier": state}, settings, (1, 4, 4), 2)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="cannot read network weights"):
        load_networks(path)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_that_was_tried_is_as_before(training: bool) -> None:
    network = hostile.normed(None, (1, 4, 4), 3).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    drawn = torch.get_rng_state()
    try_out(network, "ours:normed", (1, 4, 4), 3)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(module.training == training for module in network.modules())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_half_precision_is_no_mixing_of_images() -> None:
    network = hostile.Changed((1, 8, 8), 10, lambda logits: logits.half())
    try_out(network, "ours:half", (1, 8, 8), 10)
