from __future__ import annotations

import pytest
import torch
from torch import nn

from advlearn.budgets import L2Ball, LinfBall
from advlearn.deviations import cross_entropy
from advlearn.problem.evasion import MaxEffectProblem, MinEffortProblem, frozen


def test_linearise_gives_each_images_own_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    images, labels = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])
    problem = MaxEffectProblem(LinfBall(0.1), cross_entropy, model)
    with torch.no_grad():  # a caller's no_grad must not reach the attack
        logits, gradient = problem.linearise(images, labels)
    residual = logits.softmax(1) - nn.functional.one_hot(labels, 3)
    torch.testing.assert_close(gradient, residual @ model.weight)
    torch.testing.assert_close(logits, model(images))
    assert not logits.requires_grad
    assert not images.requires_grad
    assert model.weight.grad is None


def test_frozen_puts_everything_back_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 2)).train()
    model[1].eval()
    model[0].weight.requires_grad_(False)

    def inside() -> None:
        with frozen(model):
            assert not any(module.training for module in model.modules())
            assert not any(p.requires_grad for p in model.parameters())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        inside()
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]


def test_a_min_effort_problem_asks_its_own_aim() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    images = torch.rand(5, 4)
    # Along the longest row of weights no other logit grows faster; the bias keeps it low at first.
    wanted = int(model.weight.norm(dim=1).argmax())
    model.bias.data[wanted] = -5
    problem: MinEffortProblem[int] = MinEffortProblem(
        L2Ball(1.0).distance,
        lambda logits, label: logits.argmax(1) == label,
        lambda logits, label: logits[:, label],
        model,
    )
    logits, gradient = problem.linearise(images, wanted)
    torch.testing.assert_close(gradient, model.weight[wanted].detach().expand(5, 4))
    for length in (0.0, 100.0):
        moved = images + length * gradient / gradient.norm(dim=1, keepdim=True)
        found, _ = problem.linearise(moved, wanted)
        assert problem.reached(found, wanted).equal(model(moved).argmax(1) == wanted)
        torch.testing.assert_close(
            problem.distance(images, moved).float(), torch.full((5,), length), rtol=1e-4, atol=1e-6
        )
    assert bool(problem.reached(found, wanted).all())
    assert not bool(problem.reached(logits, wanted).all())
