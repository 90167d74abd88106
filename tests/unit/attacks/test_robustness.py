from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks, budgets
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.robustness import robust_verdicts, worst_case_verdicts
from advlearn.problem.evasion import MaxEffectProblem
from advlearn.settings.attack import FgsmSettings, Norm, PgdSettings
from advlearn.support.errors import BudgetViolation, UserError

Batch = tuple[Tensor, Tensor]


def plain_verdicts(
    model: nn.Module, images: Tensor, labels: Tensor, settings: PgdSettings, seed: int
) -> Tensor:
    """The definition, image by image, without any economy."""
    solver = attacks.build(settings)
    assert isinstance(solver, ProjectedAscent)
    robust: Tensor = model(images).argmax(1) == labels
    for restart in range(settings.restarts):
        iterate = solver.starts(images, seed, restart)
        for _ in range(settings.steps + 1):
            robust &= model(iterate).argmax(1) == labels
            point = iterate.clone().requires_grad_(True)
            loss = nn.functional.cross_entropy(model(point), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, point)
            direction = solver.budget.maximiser(gradient)
            moved = iterate + settings.resolved_step_size * direction
            iterate = solver.budget.project(images, moved)
    return robust


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("restarts", [1, 3])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.02), ("linf", 0.04), ("l2", 0.1)])
def test_verdicts_are_those_of_the_definition(
    conv: nn.Module, batch: Batch, norm: Norm, epsilon: float, restarts: int, batch_size: int
) -> None:
    settings = PgdSettings(epsilon=epsilon, norm=norm, steps=5, restarts=restarts)
    found = robust_verdicts(conv, *batch, settings, seed=2, batch_size=batch_size)
    expected = plain_verdicts(conv, *batch, settings, seed=2)
    assert 0 < int(expected.sum()) < int(found.clean.sum())
    assert torch.equal(found.robust, expected)


def test_adversarial_images_prove_the_verdicts(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    settings = PgdSettings(epsilon=0.04, steps=5)
    found = robust_verdicts(conv, images, labels, settings, seed=0, batch_size=4)
    budgets.build("linf", 0.04).check(images, found.adversarial)
    assert torch.equal(conv(found.adversarial).argmax(1) == labels, found.robust)
    assert torch.equal(conv(images).argmax(1) == labels, found.clean)
    assert torch.equal(found.adversarial[~found.clean], images[~found.clean])


def test_misclassified_images_cost_no_gradient(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    found = robust_verdicts(conv, images, (labels + 1) % 3, PgdSettings(epsilon=0.0, steps=3), 0)
    survivors = int(found.clean.sum())
    assert survivors < len(images)
    assert found.gradients == 3 * survivors


def test_fooled_images_leave_at_once(conv: nn.Module, batch: Batch) -> None:
    found = robust_verdicts(conv, *batch, PgdSettings(epsilon=1.0, steps=20), 0, batch_size=4)
    assert not bool(found.robust.any())
    assert found.gradients < 20 * int(found.clean.sum()) / 2


def test_fgsm_verdict_is_that_of_its_image(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    settings = FgsmSettings(epsilon=0.04)
    image = attacks.build(settings).run(conv, images, labels, 0)
    found = robust_verdicts(conv, images, labels, settings, 0)
    expected = found.clean & (conv(image).argmax(1) == labels)
    assert torch.equal(found.robust, expected)


def test_worst_case_is_at_most_each_attack(conv: nn.Module, batch: Batch) -> None:
    strong = [
        PgdSettings(epsilon=0.03, steps=4, deviation=name, restarts=2)
        for name in ("cross_entropy", "dlr")
    ]
    worst = worst_case_verdicts(conv, *batch, strong, seed=0)
    first = robust_verdicts(conv, *batch, strong[0], seed=0)
    assert bool((worst.robust <= first.robust).all())
    assert torch.equal(conv(worst.adversarial).argmax(1) == batch[1], worst.robust)


def test_worst_case_needs_one_budget(conv: nn.Module, batch: Batch) -> None:
    with pytest.raises(UserError, match="same norm and epsilon"):
        worst_case_verdicts(conv, *batch, [FgsmSettings(epsilon=0.1), FgsmSettings(epsilon=0.2)], 0)
    with pytest.raises(UserError, match="at least one attack"):
        worst_case_verdicts(conv, *batch, [], 0)


def test_an_image_outside_the_ball_is_an_error(
    conv: nn.Module, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: budgets.LinfBall, clean: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(clean), torch.ones_like(clean)

    monkeypatch.setattr(budgets.LinfBall, "bounds", careless)
    settings = PgdSettings(epsilon=0.01, steps=5, step_size=0.01, random_start=False)
    with pytest.raises(BudgetViolation, match="linf distance"):
        robust_verdicts(conv, *batch, settings, 0)


def test_model_is_left_as_it_was(conv: nn.Module, batch: Batch) -> None:
    conv.train()
    robust_verdicts(conv, *batch, PgdSettings(epsilon=0.02, steps=2), 0)
    assert conv.training
    assert all(p.requires_grad and p.grad is None for p in conv.parameters())


def test_no_images(conv: nn.Module) -> None:
    none = torch.empty(0, 1, 8, 8), torch.empty(0, dtype=torch.int64)
    assert len(robust_verdicts(conv, *none, PgdSettings(steps=1), 0).robust) == 0


def test_batches_stay_full(conv: nn.Module, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = MaxEffectProblem.linearise

    def spy(self: MaxEffectProblem, candidate: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        sizes.append(len(candidate))
        return original(self, candidate, labels)

    monkeypatch.setattr(MaxEffectProblem, "linearise", spy)
    found = robust_verdicts(conv, *batch, PgdSettings(epsilon=0.05, steps=6), 0, batch_size=4)
    last_queue = len(sizes) - 6
    assert sizes[:last_queue] == [4] * last_queue
    assert sum(sizes) == found.gradients
