"""Stacks on a device that is not the CPU: PyTorch's ``meta``, which computes shapes alone.

As on a GPU an operation on tensors of two devices is an error there.
"""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn

from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.stacked import solver_of
from advlearn.learners.networks import build
from advlearn.learners.networks.stack import Stack
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings
from advlearn.training.stack import StackedOptimiser, StackedStep, pays

M, N, SHAPE, CLASSES = 3, 20, (1, 8, 8), 4
META = torch.device("meta")
Name = Literal["mlp", "cnn"]


def network(name: Name, dropout: float) -> nn.Module:
    settings = NetworkSettings(name=name, hidden=(12,), channels=(3,), dropout=dropout)
    return build(settings, SHAPE, CLASSES).to(META)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_all_of_a_stack_is_where_its_states_are(name: Name, dropout: float) -> None:
    alone = network(name, dropout)
    stack = Stack(alone, [alone.state_dict()] * M)
    assert {value.device for value in [*stack.parameters(), *stack.buffers()]} == {META}
    for mode in (True, False):
        logits = stack.train(mode)(torch.rand(2, 5, *SHAPE, device=META))
        assert logits.shape == (2, 5, CLASSES)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_step_of_a_stack_is_made_on_its_device(name: Name, dropout: float) -> None:
    alone = network(name, dropout)
    stack = Stack(alone, [alone.state_dict()] * M).train()
    solver = StackedOptimiser(stack, ["adam", "sgd", "adam"], [0.1] * M)
    sums = {key: torch.zeros(M, device=META) for key in ("loss", "count", "unsound")}
    attacks: list[ProjectedAscent | None] = [
        solver_of(PgdSettings(epsilon=0.1, steps=2)),
        None,
        solver_of(FgsmSettings(epsilon=0.1)),
    ]
    images = torch.rand(N, *SHAPE, device=META)
    labels = torch.zeros(N, dtype=torch.int64, device=META)
    step = StackedStep(stack, solver, images, labels, attacks, sums)
    positions = torch.zeros(M, 7, dtype=torch.int64, device=META)
    step(positions, torch.ones(M, device=META), crafts=False)
    step(positions, torch.ones(M, device=META), torch.rand(M, 7, *SHAPE, device=META), crafts=True)


def test_a_network_that_is_taken_alone_on_a_gpu_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = torch.device("cuda")
    normalised = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, CLASSES))
    assert not pays(device, normalised, torch.rand(2, *SHAPE))
    assert "batch normalisation" in capsys.readouterr().err
    assert not pays(torch.device("cpu"), normalised, torch.rand(2, *SHAPE))
    assert not capsys.readouterr().err
