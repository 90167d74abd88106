from __future__ import annotations

import pytest
import torch
from torch import nn

from advlearn.settings.attack import AttackSettings, FgsmSettings, PgdSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.training import calibration
from advlearn.training.calibration import (
    PROTOCOLS,
    Answer,
    Classifier,
    Conditions,
    LabelledImages,
    baselines,
    pretrain,
)
from tests.helpers import hostile

RETRAININGS = [
    RetrainSettings(schedule="interleaved", start=start, crafting="static", batch_size=16)
    for start in ("pretrained", "scratch")
]

ONLINE = RetrainSettings(crafting="online", batch_size=16)
ATTACKS: list[AttackSettings] = [FgsmSettings(epsilon=0.1), PgdSettings(epsilon=0.2, steps=2)]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


@pytest.fixture
def conditions() -> Conditions:
    """Dark images and bright ones."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(80) % 2
    images = 0.4 * torch.rand(80, 1, 4, 4, generator=generator) + 0.6 * labels[:, None, None, None]
    train, held_out = (
        LabelledImages(images[:60], labels[:60]),
        LabelledImages(images[60:], labels[60:]),
    )
    return Conditions(train, held_out, online_steps=2, seed=0, checkpoint=Checkpoint.off())


@pytest.fixture
def classifier(conditions: Conditions) -> Classifier:
    training = TrainingSettings(epochs=30, batch_size=16, learning_rate=0.05)
    return pretrain("linear", network(0), network(1).state_dict(), training, conditions)


def test_training_may_stop_at_an_accuracy_of_the_held_out_images(conditions: Conditions) -> None:
    training = TrainingSettings(epochs=30, batch_size=16, learning_rate=0.01, stop_at=0.8)
    stopped, full = (
        pretrain("linear", network(0), network(1).state_dict(), how, conditions)
        for how in (training, training.model_copy(update={"stop_at": None}))
    )
    assert 0.8 <= stopped.accuracy <= full.accuracy == 1.0
    assert any(not torch.equal(stopped.pretrained[k], v) for k, v in full.pretrained.items())


def test_a_baseline_for_each_way_of_training_and_protocol(
    classifier: Classifier, conditions: Conditions
) -> None:
    assert classifier.accuracy == 1.0
    (found,) = baselines(classifier, [FgsmSettings(epsilon=0.4)], RETRAININGS, conditions)
    assert list(found) == [
        Answer("interleaved", start, "static", protocol)
        for start in ("pretrained", "scratch")
        for protocol in PROTOCOLS
    ]
    # One attack, one classifier: what it loses has nothing to do with how it is trained later.
    for protocol in PROTOCOLS:
        mine = [each for answer, each in found.items() if answer.protocol == protocol]
        assert len({each.classic for each in mine}) == 1
        assert mine[0].classic < classifier.accuracy
    assert all(0 <= share <= 1 for each in found.values() for share in each)


def test_the_network_keeps_its_pretrained_weights(
    classifier: Classifier, conditions: Conditions
) -> None:
    first = list(baselines(classifier, ATTACKS, RETRAININGS, conditions))
    for name, value in classifier.network.state_dict().items():
        assert torch.equal(value, classifier.pretrained[name])
    assert list(baselines(classifier, ATTACKS, RETRAININGS, conditions)) == first


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_gradient_that_is_nan_gives_no_baseline(
    conditions: Conditions, monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    monkeypatch.setattr(calibration, "pays", lambda device, network, images: side_by_side)
    still = hostile.still(None, (1, 4, 4), 2)
    training = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.05)
    found = pretrain("still", still, still.state_dict(), training, conditions)
    with pytest.raises(UserError, match="input gradients are not finite for 60 of 60 images"):
        list(baselines(found, ATTACKS[:1], [*RETRAININGS[1:], ONLINE], conditions))
