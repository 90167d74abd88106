from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.settings.attack import PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.training.adversarial import online_attack, retrain

N, M = 20, 7


class Recorder(nn.Module):
    """Notes the images it is trained on; image i is filled with the number i."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 2)
        self.seen: list[list[int]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append([round(float(value)) for value in images.flatten()])
        logits: Tensor = self.linear(images.flatten(1))
        return logits


def run(settings: RetrainSettings, m: int = M) -> list[list[int]]:
    network = Recorder()
    images = torch.arange(N, dtype=torch.float32).view(N, 1, 1, 1)
    positions = torch.arange(0, 2 * m, 2)
    # Adversarial versions are numbered from 100, so that they can be told apart.
    static = images[positions] + 100
    retrain(
        network,
        images,
        torch.zeros(N, dtype=torch.int64),
        static if settings.crafting == "static" else None,
        positions,
        settings,
        0,
        lambda model, clean, labels, seed: clean + 100,
    )
    return network.seen


def each_once(seen: list[list[int]]) -> list[int]:
    return sorted(number for batch in seen for number in batch)


CLEAN = list(range(N))
ADVERSARIAL = [100 + 2 * i for i in range(M)]


@pytest.mark.parametrize("crafting", ["static", "online"])
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("interleaved", CLEAN + ADVERSARIAL),
        ("clean_then_adversarial", CLEAN + ADVERSARIAL),
        ("mixed", CLEAN + ADVERSARIAL),
        ("adversarial_only", ADVERSARIAL),
    ],
)
def test_every_image_is_used_once_an_epoch(
    schedule: Any, expected: list[int], crafting: Any
) -> None:
    settings = RetrainSettings(schedule=schedule, crafting=crafting, batch_size=3)
    assert each_once(run(settings)) == sorted(expected)
    twice = RetrainSettings(schedule=schedule, crafting=crafting, batch_size=3, epochs=2)
    assert each_once(run(twice)) == sorted(expected * 2)


def test_interleaved_spreads_adversarial_steps_over_the_clean_ones() -> None:
    seen = run(RetrainSettings(schedule="interleaved", batch_size=3))
    kinds = "".join("a" if batch[0] >= 100 else "c" for batch in seen)
    assert kinds.count("c") == 7
    # Three and four of the seven images: none is left to a batch of its own.
    assert kinds.count("a") == 2
    assert "aa" not in kinds
    assert kinds[-1] == "a"


def test_interleaved_holds_when_there_are_more_adversarial_steps_than_clean_ones() -> None:
    settings = RetrainSettings(schedule="interleaved", batch_size=100)
    assert each_once(run(settings)) == sorted(CLEAN + ADVERSARIAL)


def test_clean_steps_come_first_when_asked_for() -> None:
    seen = run(RetrainSettings(schedule="clean_then_adversarial", batch_size=3))
    kinds = ["a" if batch[0] >= 100 else "c" for batch in seen]
    assert kinds == sorted(kinds, reverse=True)


def test_mixed_batches_hold_both_kinds() -> None:
    seen = run(RetrainSettings(schedule="mixed", batch_size=9))
    assert any({number >= 100 for number in batch} == {True, False} for batch in seen)


@pytest.mark.parametrize("schedule", ["interleaved", "clean_then_adversarial", "mixed"])
def test_no_selected_image_is_clean_training(schedule: Any) -> None:
    assert each_once(run(RetrainSettings(schedule=schedule, batch_size=4), m=0)) == CLEAN


def test_online_crafting_is_cut_to_its_own_steps() -> None:
    attack = online_attack(PgdSettings(steps=1000, epsilon=0.1), 2)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3)).eval()
    images = torch.rand(5, 1, 2, 2)
    made = attack(network, images, torch.zeros(5, dtype=torch.int64), 0)
    assert 0 < (made - images).abs().max() <= 0.1 + 1e-6
