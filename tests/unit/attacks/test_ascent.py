from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks, budgets
from advlearn.attacks import ascent
from advlearn.deviations import cross_entropy
from advlearn.settings.attack import FgsmSettings, Norm, PgdSettings
from advlearn.support.errors import BudgetViolation, UserError
from tests.helpers.images import labelled_images, small_network
from tests.helpers.networks import layers

Batch = tuple[Tensor, Tensor]


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_result_does_not_depend_on_the_batch_size(norm: Norm) -> None:
    # In float32 the rounding of another batch may turn the sign of a slope that is nearly zero.
    model = small_network(dtype=torch.float64).eval()
    batch = labelled_images(model, dtype=torch.float64)
    solver = attacks.build(PgdSettings(epsilon=0.2, norm=norm, steps=4))
    whole = solver.run(model, *batch, seed=3)
    object.__setattr__(solver, "batch_size", 5)
    torch.testing.assert_close(solver.run(model, *batch, seed=3), whole, rtol=0, atol=1e-12)


def test_same_seed_same_images_other_seed_other_images(conv: nn.Module, batch: Batch) -> None:
    solver = attacks.build(PgdSettings(epsilon=0.1, steps=2))
    first = solver.run(conv, *batch, seed=3)
    assert torch.equal(first, solver.run(conv, *batch, seed=3))
    assert not torch.equal(first, solver.run(conv, *batch, seed=4))


def test_the_model_is_left_as_it_was() -> None:
    # The dropout would change the result if the attack ran in training mode.
    model = small_network("conv").train()
    parts = layers(model)
    parts[1].eval()
    images, labels = labelled_images(model)
    parts[1].eval()
    parts[0].weight.requires_grad_(False)
    parts[0].bias.grad = torch.ones_like(parts[0].bias)
    before = [value.clone() for value in model.state_dict().values()]
    solver = attacks.build(PgdSettings(epsilon=0.1, steps=3))
    first = solver.run(model, images, labels, seed=0)
    assert torch.equal(first, solver.run(model.eval(), images, labels, seed=0))
    model.train()
    solver.run(model, images, labels, seed=0)
    assert model.training
    assert parts[6].training
    assert not parts[0].weight.requires_grad
    assert parts[3].weight.requires_grad
    assert parts[3].weight.grad is None
    assert torch.equal(parts[0].bias.grad, torch.ones_like(parts[0].bias))
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))


def test_images_are_not_changed_and_deviation_grows(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    copy = images.clone()
    adversarial = attacks.build(FgsmSettings(epsilon=0.05)).run(conv, images, labels, 0)
    assert torch.equal(images, copy)
    assert adversarial.dtype == images.dtype
    gain = cross_entropy(conv(adversarial), labels) - cross_entropy(conv(images), labels)
    assert float(gain.detach().mean()) > 0


def test_linear_model_fgsm_is_the_worst_case() -> None:
    # Two classes and a linear model: the margin falls by exactly epsilon * ||w_0 - w_1||_1.
    weight = torch.tensor([[0.5, -0.25, 1.0], [-0.5, 0.75, 0.0]])
    model = nn.Linear(3, 2, bias=False)
    model.weight.data = weight
    images, labels = torch.full((1, 3), 0.5), torch.tensor([0])
    found = attacks.build(FgsmSettings(epsilon=0.1)).run(model, images, labels, 0)
    margin = model(images)[0, 0] - model(images)[0, 1]
    after = model(found)[0, 0] - model(found)[0, 1]
    expected = 0.1 * (weight[0] - weight[1]).abs().sum()
    torch.testing.assert_close(margin - after, expected)


def test_restarts_keep_the_best_run(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    settings = PgdSettings(epsilon=0.1, steps=1, restarts=4)
    solver = attacks.build(settings)
    best = cross_entropy(conv(solver.run(conv, images, labels, 0)), labels)
    one = attacks.build(settings.model_copy(update={"restarts": 1}))
    first = cross_entropy(conv(one.run(conv, images, labels, 0)), labels)
    assert bool((best >= first - 1e-6).all())
    assert bool((best > first + 1e-6).any())


def test_zero_radius_changes_nothing(conv: nn.Module, batch: Batch) -> None:
    for settings in (FgsmSettings(epsilon=0.0), PgdSettings(epsilon=0.0, steps=2)):
        assert torch.equal(attacks.build(settings).run(conv, *batch, seed=0), batch[0])


def test_no_images(conv: nn.Module) -> None:
    none = torch.empty(0, 1, 8, 8), torch.empty(0, dtype=torch.int64)
    assert attacks.build(PgdSettings(steps=1)).run(conv, *none, seed=0).shape == (0, 1, 8, 8)


def test_a_step_out_of_the_ball_is_an_error(
    conv: nn.Module, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: budgets.L2Ball, clean: Tensor, candidate: Tensor) -> Tensor:
        return candidate.clamp(0, 1)

    monkeypatch.setattr(budgets.L2Ball, "project", careless)
    solver = attacks.build(PgdSettings(epsilon=0.1, norm="l2", steps=5, random_start=False))
    with pytest.raises(BudgetViolation, match="l2 distance"):
        solver.run(conv, *batch, seed=0)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_pixels_outside_the_box_are_refused(conv: nn.Module, batch: Batch, value: float) -> None:
    images = batch[0].clone()
    images[2, 0, 3, 3] = value
    with pytest.raises(UserError, match="outside the box"):
        attacks.build(FgsmSettings()).run(conv, images, batch[1], 0)


def test_wrong_inputs_are_refused(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    with pytest.raises(UserError, match="floating"):
        attacks.build(FgsmSettings()).run(conv, (images * 255).byte(), labels, 0)
    with pytest.raises(UserError, match="one label"):
        attacks.build(FgsmSettings()).run(conv, images, labels[:-1], 0)


def test_a_network_is_rewritten_for_a_gpu_and_much_work_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, fast = nn.Identity(), nn.Identity()
    monkeypatch.setattr(ascent, "accelerated", lambda *_: fast)
    solver = attacks.build(PgdSettings(epsilon=0.1, steps=20, restarts=10))
    assert isinstance(solver, ascent.ProjectedAscent)
    # `meta` is no CPU either, and has no pixels.
    assert solver._fast(model, torch.empty(1000, 1, device="meta")) is fast
    assert solver._fast(model, torch.empty(999, 1, device="meta")) is model
    assert solver._fast(model, torch.empty(1000, 1)) is model
