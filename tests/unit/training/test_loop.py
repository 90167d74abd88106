"""A training that is killed again and again ends with the weights of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import build as build_attack
from advlearn.learners.networks import build
from advlearn.settings.attack import PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.support import finite
from advlearn.support.checkpoint import Checkpoint
from advlearn.training.adversarial import online_attack, retrain
from advlearn.training.clean import train_clean
from advlearn.training.multilabel import fit
from tests.helpers.interrupted import killed_after_each_save
from tests.helpers.quarters import TRAIN, VALIDATION, network, training

Train = Callable[[nn.Module, Checkpoint | None], object]


def images() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(50, 1, 8, 8, generator=generator)
    return pixels, (pixels.flatten(1).sum(1) > 32).long()


def clean(optimiser: Literal["adam", "sgd"]) -> Train:
    settings = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.01, optimiser=optimiser)

    def run(trained: nn.Module, checkpoint: Checkpoint | None) -> object:
        return train_clean(
            trained, *images(), settings, 1, lambda epoch, loss: [epoch, loss], checkpoint
        )

    return run


def adversarial(schedule: Any, crafting: Any, **counted: Any) -> Train:
    settings = RetrainSettings(
        schedule=schedule, crafting=crafting, batch_size=16, **(counted or {"epochs": 2})
    )
    attack = PgdSettings(epsilon=0.1, steps=2, random_start=True)

    def run(trained: nn.Module, checkpoint: Checkpoint | None) -> object:
        pixels, labels = images()
        positions = torch.arange(0, 50, 2)
        static = build_attack(attack).run(start("dropout"), pixels, labels, 0)[positions]
        return retrain(
            trained, pixels, labels, static, positions, settings, 1,
            online_attack(attack, 2), checkpoint,
        )  # fmt: skip

    return run


def multilabel(**changes: object) -> Train:
    settings = training(epochs=4, batch_size=32, learning_rate=0.1, **changes)
    return lambda trained, checkpoint: fit(
        trained, TRAIN, VALIDATION, settings, 0, checkpoint=checkpoint
    )


def start(name: str) -> nn.Module:
    if name in {"resnet", "vit", "multilabel dropout"}:
        return network(name.removeprefix("multilabel "))
    torch.manual_seed(0)
    hidden = NetworkSettings(name="cnn", channels=(4,), hidden=(8,), dropout=0.5)
    return build(hidden, (1, 8, 8), 2)


TRAININGS: dict[str, tuple[str, Train]] = {
    "clean, adam": ("dropout", clean("adam")),
    "clean, sgd": ("dropout", clean("sgd")),
    "interleaved, online": ("dropout", adversarial("interleaved", "online")),
    "mixed, online": ("dropout", adversarial("mixed", "online")),
    "counted steps": (
        "dropout",
        adversarial(
            "interleaved", "online", adversarial_steps=5, clean_steps=2, further_clean_epochs=1
        ),
    ),
    "a share, mixed": (
        "dropout",
        adversarial("mixed", "static", share=0.5, clean_steps=2, epochs=2, further_clean_epochs=1),
    ),
    "adversarial only, static": ("dropout", adversarial("adversarial_only", "static")),
    "multi-label, augmented, cosine": ("resnet", multilabel(augment=True)),
    "multi-label, transformer": ("vit", multilabel(schedule="constant")),
    "multi-label, sgd": ("multilabel dropout", multilabel(optimiser="sgd")),
    "multi-label, head alone": ("multilabel dropout", multilabel(trainable="head")),
}


@pytest.mark.slow
@pytest.mark.parametrize("look", [1, 4], ids=["each step", "every few steps"])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("case", TRAININGS)
def test_a_killed_training_ends_like_an_undisturbed_one(
    case: str, every: int, look: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if look > 1 and case.startswith("multi-label"):
        pytest.skip("its losses are added up without looking")
    name, train = TRAININGS[case]
    undisturbed = start(name)
    expected = train(undisturbed, None)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", look)

    trained: nn.Module | None = None
    found: object = None

    def job() -> None:
        nonlocal trained, found
        torch.manual_seed(99)  # what the generator was at before must not matter
        trained = start(name)
        checkpoint = Checkpoint(
            tmp_path / "weights", "advlearn.studies.selective.stages.retrain", (case,), ()
        )
        found = train(trained, checkpoint)
        checkpoint.finish()

    kills = killed_after_each_save(job, monkeypatch, every)
    assert kills >= 1
    assert found == expected
    assert trained is not None
    assert not trained.training
    for key, value in undisturbed.state_dict().items():
        assert torch.equal(trained.state_dict()[key], value), key
    assert not list(tmp_path.iterdir())
