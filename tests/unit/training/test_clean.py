from typing import Literal

import pytest
import torch
from torch import nn

from advlearn.settings.network import TrainingSettings
from advlearn.support.errors import UserError
from advlearn.training.clean import train_clean
from tests.helpers.networks import layers


def points() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 2, 2, generator=generator)
    return images, (images.flatten(1).sum(1) > 2).long()


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_loss_falls_and_every_epoch_is_reported(optimiser: Literal["adam", "sgd"]) -> None:
    losses: list[float] = []
    network = linear()
    train_clean(
        network,
        *points(),
        TrainingSettings(epochs=20, batch_size=16, learning_rate=0.1, optimiser=optimiser),
        0,
        lambda epoch, loss: losses.append(loss),
    )
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 2
    assert not network.training


def test_order_depends_on_the_seed_alone() -> None:
    weights: list[torch.Tensor] = []
    for seed in (1, 1, 2):
        network = linear()
        torch.manual_seed(len(weights))  # the global generator must not matter
        train_clean(network, *points(), TrainingSettings(epochs=1, batch_size=8), seed)
        weights.append(layers(network)[1].weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_divergence_is_a_clear_error() -> None:
    images, labels = points()
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    settings = TrainingSettings(epochs=50, batch_size=8, learning_rate=1e18, optimiser="sgd")
    with pytest.raises(UserError, match="diverged") as caught:
        train_clean(network, images, labels, settings, 0)
    assert "smaller learning rate" in caught.value.remedy
