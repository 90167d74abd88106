"""Clean training that ends at an accuracy on validation images."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.learners.networks import build
from advlearn.metrics.accuracy import correct
from advlearn.settings.network import NetworkSettings, TrainingSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.training import clean
from advlearn.training.clean import train_clean
from advlearn.training.fit import run_steps
from tests.helpers.interrupted import killed_after_each_save

GOAL, EPOCH = 0.98, 5
"""Accuracy to stop at, and steps of an epoch."""


def data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise whose upper half is brighter in one of the two classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=generator)
    pixels = 0.7 * torch.rand(n, 1, 8, 8, generator=generator)
    pixels[:, :, :4] += 0.3 * labels[:, None, None, None]
    return pixels, labels


TRAIN, HELD_OUT = data(80, 0), data(60, 1)


def start(dropout: float = 0.2) -> nn.Module:
    torch.manual_seed(0)
    return build(NetworkSettings(hidden=(16,), dropout=dropout), (1, 8, 8), 2)


def settings(stop_at: float | None, epochs: int = 60) -> TrainingSettings:
    return TrainingSettings(epochs=epochs, batch_size=16, learning_rate=0.01, stop_at=stop_at)


def accuracy(network: nn.Module) -> float:
    return float(correct(network.eval(), *HELD_OUT).mean())


@pytest.fixture(scope="module")
def after_step() -> list[tuple[float, dict[str, Tensor]]]:
    """Accuracy and weights after each step of a training that does not stop."""
    found: list[tuple[float, dict[str, Tensor]]] = []
    network = start()

    def noted(network: Any, optimiser: Any, loop: Any, batches: Any, enough: object) -> float:
        def note() -> bool:
            # A copy: the mode of the network under training is not to be changed.
            own = deepcopy(network)
            found.append((accuracy(own), own.state_dict()))
            return False

        return run_steps(network, optimiser, loop, batches, note)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "run_steps", noted)
        train_clean(network, *TRAIN, settings(None), 1)
    assert len(found) == 60 * EPOCH
    return found


@pytest.mark.parametrize(("every", "inside"), [(3, True), (4, True), (1000, False)])
def test_it_ends_at_the_first_look_that_is_good(
    every: int,
    inside: bool,
    after_step: list[tuple[float, dict[str, Tensor]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = [n for n in range(1, len(after_step) + 1) if n % every == 0 or n % EPOCH == 0]
    last = next(n for n in looks if after_step[n - 1][0] >= GOAL)
    assert EPOCH < last < len(after_step)
    assert bool(last % EPOCH) == inside
    monkeypatch.setattr(clean, "LOOK_EVERY", every)
    network = start()
    epochs = train_clean(
        network, *TRAIN, settings(GOAL), 1, lambda epoch, loss: epoch, held_out=HELD_OUT
    )
    assert epochs == list(range(1, -(-last // EPOCH) + 1))
    assert not network.training
    for key, value in network.state_dict().items():
        assert torch.equal(value, after_step[last - 1][1][key])


def test_a_goal_out_of_reach_ends_after_all_epochs(
    after_step: list[tuple[float, dict[str, Tensor]]],
) -> None:
    network = start()
    history = train_clean(network, *TRAIN, settings(1.0, 3), 1, held_out=HELD_OUT)
    assert len(history) == 3
    for key, value in network.state_dict().items():
        assert torch.equal(value, after_step[3 * EPOCH - 1][1][key])


def test_without_a_goal_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "correct", None)
    train_clean(start(), *TRAIN, settings(None, 2), 1, held_out=HELD_OUT)


@pytest.mark.parametrize("every", [1, 3])
def test_a_killed_training_stops_where_an_undisturbed_one_does(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean, "LOOK_EVERY", 4)
    undisturbed = start()

    def note(epoch: int, loss: float) -> list[float]:
        return [epoch, loss]

    expected = train_clean(undisturbed, *TRAIN, settings(GOAL), 1, note, held_out=HELD_OUT)
    assert 1 < len(expected) < 60
    results: list[tuple[object, nn.Module]] = []

    def job() -> None:
        torch.manual_seed(99)
        network = start()
        checkpoint = Checkpoint(tmp_path / "weights", "advlearn.training.clean", (), ())
        found = train_clean(network, *TRAIN, settings(GOAL), 1, note, checkpoint, HELD_OUT)
        # What comes next in the same job must not find the state of this training.
        assert checkpoint.get("training") is None
        results.append((found, network))
        checkpoint.finish()

    assert killed_after_each_save(job, monkeypatch, every) > 3
    ((found, network),) = results
    assert found == expected
    for key, value in undisturbed.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


@pytest.mark.parametrize("held_out", [None, (HELD_OUT[0][:0], HELD_OUT[1][:0])])
def test_without_validation_images_it_is_an_error(held_out: tuple[Tensor, Tensor] | None) -> None:
    with pytest.raises(UserError, match="there are none") as caught:
        train_clean(start(), *TRAIN, settings(GOAL), 1, held_out=held_out)
    assert "stop_at" in caught.value.where
    assert "validation_images" in caught.value.remedy
