"""Strong attacks on networks side by side leave the images that they leave of each alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import stacked_strong
from advlearn.attacks.apgd import Apgd
from advlearn.attacks.best_point import BestPointAttack, Run
from advlearn.attacks.fab import Fab
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.square import Draws, Square
from advlearn.attacks.stacked_strong import stacked_robust
from advlearn.learners.networks import build
from advlearn.learners.networks.stack import FlatStack, Stack
from advlearn.problem.evasion import frozen
from advlearn.settings.attack import (
    ApgdSettings,
    EvaluationSettings,
    FabSettings,
    FgsmSettings,
    Norm,
    SquareSettings,
)
from advlearn.settings.network import NetworkSettings
from advlearn.support.errors import UserError
from advlearn.support.finite import deferred
from tests.helpers import hostile
from tests.helpers.waiting import NoWaiting

N, SHAPE, CLASSES, SEED = 40, (1, 8, 8), 4, 5


def attacks_of(norm: Norm, epsilon: float) -> list[EvaluationSettings]:
    ball: Any = {"norm": norm, "epsilon": epsilon}
    return [
        FgsmSettings(**ball),
        ApgdSettings(**ball, steps=6, restarts=2),
        ApgdSettings(**ball, steps=5, deviation="targeted_dlr", targets=3),
        FabSettings(**ball, steps=5, targets=2),
        SquareSettings(**ball, queries=30),
    ]


CASES = [*attacks_of("linf", 0.06), *attacks_of("l2", 0.5)]
NAMES = [f"{each.name}-{each.norm}-{i}" for i, each in enumerate(CASES)]


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, CLASSES, (N,), generator=generator)


def trained() -> list[nn.Module]:
    """Networks that know some of the images, one of them hardly any."""
    found = []
    for seed, steps in enumerate((6, 18, 40)):
        torch.manual_seed(seed)
        settings = NetworkSettings(name="mlp", hidden=(16,), dropout=0.2)
        network = build(settings, SHAPE, CLASSES).double()
        solver = torch.optim.Adam(network.parameters(), lr=0.02)
        for _ in range(steps):
            solver.zero_grad()
            images, labels = data()
            nn.functional.cross_entropy(network(images), labels).backward()
            solver.step()
        found.append(network.eval())
    return found


@pytest.fixture(scope="module")
def networks() -> list[nn.Module]:
    return trained()


def stack_of(networks: Sequence[nn.Module]) -> Stack:
    return Stack(networks[0], [network.state_dict() for network in networks])


def clean_of(networks: Sequence[nn.Module]) -> Tensor:
    images, labels = data()
    with torch.no_grad():
        return torch.stack([network(images).argmax(1) == labels for network in networks])


@pytest.mark.parametrize(("batch_size", "every"), [(None, 1), (7, 4)])
@pytest.mark.parametrize("settings", CASES, ids=NAMES)
def test_verdicts_are_those_of_each_network_alone(
    networks: list[nn.Module],
    settings: EvaluationSettings,
    batch_size: int | None,
    every: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacked_strong, "look_every", lambda device: every)
    images, labels = data()
    clean = clean_of(networks)
    found = stacked_robust(stack_of(networks), images, labels, settings, SEED, clean, batch_size)
    for network, own in zip(networks, found, strict=True):
        alone = robust_verdicts(network, images, labels, settings, SEED)
        assert torch.equal(own, alone.robust)
    # Else nothing is shown: some images withstand the attack and others do not.
    assert 0 < int(found.sum()) < int(clean.sum())
    assert len(set(clean.sum(1).tolist())) == len(networks)


@pytest.mark.parametrize("settings", CASES[1:5], ids=NAMES[1:5])
def test_steps_wait_for_nothing(
    networks: list[nn.Module], settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    monkeypatch.setattr(stacked_strong, "look_every", lambda device: 4)
    for kind in (Apgd, Fab, Square):

        def watched(*args: Any, step: Any = kind.step) -> None:
            nonlocal steps
            with NoWaiting():
                step(*args)
            steps += 1

        monkeypatch.setattr(kind, "step", watched)
    stacked_robust(stack_of(networks), *data(), settings, SEED, clean_of(networks))
    assert steps > 5


def test_what_is_not_finite_is_left_to_each_network_alone() -> None:
    images, labels = data()
    network = hostile.dark(None, SHAPE, CLASSES).double()
    stack = Stack(network, [network.state_dict()] * 2)
    right = (network(images).argmax(1) == labels).repeat(2, 1)
    found = stacked_robust(stack, images, labels, CASES[1], SEED, right)
    assert torch.equal(found[0], found[1])
    images[right[0].nonzero()[0], 0, 0, 0] = 0
    with pytest.raises(UserError, match="input gradients are not finite for 1 of"):
        stacked_robust(stack, images, labels, CASES[3], SEED, right)


@pytest.mark.parametrize("settings", [*CASES[1:5], *CASES[6:]], ids=[*NAMES[1:5], *NAMES[6:]])
def test_steps_are_made_on_the_device_of_the_images(
    networks: list[nn.Module], settings: EvaluationSettings
) -> None:
    # PyTorch's meta: as on a GPU, an operation on tensors of two devices is an error.
    attack, meta = attacks.build(settings), torch.device("meta")
    assert isinstance(attack, BestPointAttack)
    network = FlatStack(stack_of(networks).to(meta))
    images, labels = (torch.cat([each] * 3).to(meta) for each in data())
    with frozen(network), deferred():
        run = Run(network, 0, attack.plan(images, SEED, 0))
        value, no = images.sum((1, 2, 3)), labels < 0
        rows = {"clean": images, "label": labels, "value": value, "reached": value, "fooled": no}
        rows["iterate"] = rows["best"] = attack.starts(images, SEED, 0)
        attack.begin(run, rows)
        for number in range(3):
            attack.step(run, rows, number)
    assert {each.device for each in rows.values()} == {meta}
    if isinstance(run.plan, Draws):
        # To bring the signs of a query there at its step would be to wait.
        assert run.plan.signs.device == meta
