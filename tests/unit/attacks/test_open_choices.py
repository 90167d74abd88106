"""Balls round the iterate, images that are not cut to [0, 1], labels that the network predicts.

The references are written out here, image by image where it matters.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advlearn import attacks
from advlearn.attacks import robustness, sanity, stacked_robustness
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.robustness import Settings, robust_verdicts, worst_case_verdicts
from advlearn.attacks.stacked import solver_of, stacked_images
from advlearn.attacks.stacked_robustness import stacked_verdicts
from advlearn.budgets import Box, L2Ball, LinfBall
from advlearn.learners.networks.stack import Stack
from advlearn.settings.attack import FgsmSettings, Norm, PgdSettings
from advlearn.support.errors import BudgetViolation, UserError
from tests.helpers.images import labelled_images, small_network

Batch = tuple[Tensor, Tensor]
PEER = "a peer of the benchmarks, not in the lock"
DTYPE = torch.float64
"""In which no rounding turns the sign of a slope."""


@pytest.fixture
def model() -> nn.Module:
    return small_network("conv", DTYPE).eval()


@pytest.fixture
def given(model: nn.Module) -> Batch:
    return labelled_images(model, dtype=DTYPE)


def slope(model: nn.Module, image: Tensor, label: Tensor) -> Tensor:
    point = image[None].clone().requires_grad_(True)
    (found,) = torch.autograd.grad(cross_entropy(model(point), label[None]), point)
    return found[0]


def equation_4(
    model: nn.Module, images: Tensor, labels: Tensor, settings: PgdSettings, starts: Tensor
) -> list[Tensor]:
    """X_{N+1} = Project(X_N + a direction, ball round X_N), the iterates of each image (n, ...).

    Cut to [0, 1] where the settings say so.
    """
    iterates = [starts.clone()]
    for _ in range(settings.steps):
        after = []
        for image, label in zip(iterates[-1], labels, strict=True):
            gradient = slope(model, image, label)
            if settings.norm == "linf":
                moved = image + settings.resolved_step_size * gradient.sign()
                moved = image + (moved - image).clamp(-settings.epsilon, settings.epsilon)
            else:
                shift = settings.resolved_step_size * gradient / gradient.norm()
                moved = image + shift * min(1.0, settings.epsilon / float(shift.norm()))
            after.append(moved.clamp(0, 1) if settings.clip else moved)
        iterates.append(torch.stack(after))
    return iterates


LENGTHS: dict[Norm, tuple[tuple[float, float], ...]] = {
    "linf": ((0.02, 0.005), (0.005, 0.02)),
    "l2": ((0.05, 0.02), (0.03, 0.08)),
}
"""Radius and step: the step is shorter than the radius, and longer."""
WALKS = [
    PgdSettings(
        epsilon=epsilon, norm=norm, steps=6, step_size=size, random_start=False, ball="iterate",
        clip=clip,
    )
    for norm in LENGTHS for (epsilon, size), clip in product(LENGTHS[norm], (True, False))
]  # fmt: skip
RANDOM = [each.model_copy(update={"random_start": True}) for each in WALKS[::3]]


@pytest.mark.parametrize("settings", [*WALKS, *RANDOM], ids=str)
def test_a_ball_round_the_iterate_is_equation_4(
    model: nn.Module, given: Batch, settings: PgdSettings
) -> None:
    images, labels = given
    solver = solver_of(settings)
    starts = solver.starts(images, 3, 0)
    iterates = equation_4(model, images, labels, settings, starts)
    found = solver.run(model, images, labels, 3)
    torch.testing.assert_close(found, iterates[-1], rtol=0, atol=1e-9)
    if settings.resolved_step_size > settings.epsilon:
        # Else it might be the ball round the image after all.
        moved = solver.budget.distance(images, found)
        assert float(moved.max()) > 2 * settings.epsilon
    verdicts = robust_verdicts(model, images, labels, settings, 3, batch_size=5)
    fooled = torch.stack([model(each).argmax(1) != labels for each in iterates])
    clean = model(images).argmax(1) == labels
    assert torch.equal(verdicts.robust, clean & ~fooled.any(0))
    assert 0 < int(verdicts.robust.sum()) < int(clean.sum())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_images_need_not_be_cut(model: nn.Module, given: Batch, norm: Norm) -> None:
    images, labels = given
    epsilon, size = (0.3, 0.1) if norm == "linf" else (2.0, 0.7)
    settings = PgdSettings(
        epsilon=epsilon, norm=norm, steps=5, step_size=size, random_start=False, clip=False
    )
    expected = images.clone()
    for _ in range(5):
        gradients = torch.stack(
            [slope(model, *pair) for pair in zip(expected, labels, strict=True)]
        )
        if norm == "linf":
            shift = (expected + size * gradients.sign() - images).clamp(-epsilon, epsilon)
        else:
            lengths = gradients.flatten(1).norm(dim=1)[:, None, None, None]
            shift = expected + size * gradients / lengths - images
            lengths = shift.flatten(1).norm(dim=1)[:, None, None, None]
            shift = shift * (epsilon / lengths).clamp(max=1)
        expected = images + shift
    found = attacks.build(settings).run(model, images, labels, 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    low, high = (float(each) for each in found.aminmax())
    assert low < -0.05
    assert high > 1.05
    one = FgsmSettings(epsilon=epsilon, norm=norm, clip=False)
    gradients = torch.stack([slope(model, *pair) for pair in zip(images, labels, strict=True)])
    direction = gradients.sign()
    if norm == "l2":
        direction = gradients / gradients.flatten(1).norm(dim=1)[:, None, None, None]
    stepped = attacks.build(one).run(model, images, labels, 0)
    torch.testing.assert_close(stepped, images + epsilon * direction, rtol=0, atol=1e-9)


@pytest.mark.parametrize("clip", [True, False])
def test_predicted_labels_are_those_of_the_network(
    model: nn.Module, given: Batch, clip: bool
) -> None:
    images, labels = given
    predicted = model(images).argmax(1)
    assert 0 < int((predicted != labels).sum()) < len(labels)
    settings = FgsmSettings(epsilon=0.1, clip=clip, labels="predicted")
    found = attacks.build(settings).run(model, images, labels, 0)
    # The same attack with these labels as the true ones.
    plain = settings.model_copy(update={"labels": "true"})
    expected = attacks.build(plain).run(model, images, predicted, 0)
    assert torch.equal(found, expected)
    assert not torch.equal(found, attacks.build(plain).run(model, images, labels, 0))


def test_no_label_enters_crafting(model: nn.Module, given: Batch) -> None:
    images, labels = given
    settings = FgsmSettings(epsilon=0.1, labels="predicted")
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    assert not torch.equal(shuffled, labels)
    found = [attacks.build(settings).run(model, images, own, 0) for own in (labels, shuffled)]
    assert torch.equal(*found)
    stack, solvers = Stack(model, [model.state_dict()] * 2), [solver_of(settings)] * 2
    side_by_side = [stacked_images(stack, images, own, solvers, 0) for own in (labels, shuffled)]
    assert torch.equal(*side_by_side)
    torch.testing.assert_close(side_by_side[0][1], found[0], rtol=0, atol=1e-9)


def test_verdicts_compare_with_the_true_label(model: nn.Module, given: Batch) -> None:
    """An image that was misclassified is not robust, whatever the attack made of it."""
    images, labels = given
    plain = FgsmSettings(epsilon=0.1)
    predicted = plain.model_copy(update={"labels": "predicted"})
    found, expected = (robust_verdicts(model, images, labels, s, 0) for s in (predicted, plain))
    # Of the images that were right the predicted label is the true one.
    assert torch.equal(found.robust, expected.robust)
    assert torch.equal(found.clean, expected.clean)


def test_fgsm_with_predicted_labels_is_that_of_torchattacks() -> None:
    """There the labels are the caller's."""
    network = small_network("conv").eval()
    images, labels = labelled_images(network)
    torchattacks = pytest.importorskip("torchattacks", reason=PEER)
    peer = torchattacks.FGSM(network, eps=0.05)
    expected = peer(images, network(images).argmax(1))
    settings = FgsmSettings(epsilon=0.05, labels="predicted")
    found = attacks.build(settings).run(network, images, labels, 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_walks_are_bim_of_torchattacks_with_a_ball_that_holds_all_steps() -> None:
    """Steps of 0.02 cannot leave a ball of 0.12 in six steps: no projection is left."""
    network = small_network("conv").eval()
    images, labels = labelled_images(network)
    torchattacks = pytest.importorskip("torchattacks", reason=PEER)
    expected = torchattacks.BIM(network, eps=0.12, alpha=0.02, steps=6)(images, labels)
    settings = PgdSettings(
        epsilon=0.05, steps=6, step_size=0.02, random_start=False, ball="iterate"
    )
    found = attacks.build(settings).run(network, images, labels, 0)
    off = (found - expected).abs().flatten(1).amax(1) > 1e-6
    # In float32 rounding may turn the sign of a slope that is as good as zero.
    assert int(off.sum()) <= 1


MEMBERS: list[Settings] = [
    PgdSettings(epsilon=0.03, steps=5, step_size=0.04, ball="iterate"),
    PgdSettings(epsilon=0.1, steps=4, restarts=2),
    FgsmSettings(epsilon=0.1, labels="predicted"),
    PgdSettings(epsilon=0.02, steps=6, step_size=0.02, random_start=False, ball="iterate"),
]
"""All with one box: one step for all of them."""
UNCUT: list[Settings] = [
    PgdSettings(epsilon=0.03, steps=5, step_size=0.04, ball="iterate", clip=False),
    PgdSettings(epsilon=0.1, steps=4),
    FgsmSettings(epsilon=0.4, norm="l2", clip=False),
    PgdSettings(epsilon=0.3, norm="l2", steps=3, step_size=0.2, ball="iterate"),
]


@pytest.mark.parametrize("settings", [MEMBERS, UNCUT], ids=["one box", "several boxes"])
@pytest.mark.parametrize(("batch_size", "every"), [(None, 1), (4, 3)])
def test_side_by_side_is_that_of_each_network_alone(
    settings: list[Settings],
    batch_size: int | None,
    every: int,
    given: Batch,
    model: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacked_robustness, "look_every", lambda device: every)
    images, labels = given
    states = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        states.append(
            {
                key: value + 0.05 * torch.randn(value.shape, generator=generator, dtype=DTYPE)
                for key, value in model.state_dict().items()
            }
        )
    stack = Stack(model, states).eval()
    crafted = stacked_images(stack, images, labels, list(map(solver_of, settings)), 5, batch_size)
    verdicts = stacked_verdicts(stack, images, labels, settings, 5, batch_size)
    for i, each in enumerate(settings):
        alone = stack.network(i)
        expected = attacks.build(each).run(alone, images, labels, 5)
        torch.testing.assert_close(crafted[i], expected, rtol=0, atol=1e-9)
        judged = robust_verdicts(alone, images, labels, each, 5)
        assert torch.equal(verdicts[i].robust, judged.robust)
        torch.testing.assert_close(verdicts[i].adversarial, judged.adversarial, rtol=0, atol=1e-9)


@pytest.mark.parametrize("settings", [*WALKS, *UNCUT[:3]], ids=str)
def test_the_queue_of_a_gpu_gives_the_same_verdicts(
    settings: Settings, model: nn.Module, given: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = given
    expected = robust_verdicts(model, images, labels, settings, 3, 5)
    monkeypatch.setattr(robustness, "look_every", lambda device: 4)
    found = robust_verdicts(model, images, labels, settings, 3, 5)
    assert torch.equal(found.robust, expected.robust)
    torch.testing.assert_close(found.adversarial, expected.adversarial, rtol=0, atol=1e-9)


def test_what_a_walk_may_reach_is_checked(
    model: nn.Module, given: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = given
    solver = solver_of(MEMBERS[3])
    assert solver.reach.epsilon == pytest.approx(0.12)
    assert solver_of(MEMBERS[0]).reach.epsilon == pytest.approx(0.03 + 5 * 0.03)
    assert solver_of(MEMBERS[1]).reach == LinfBall(0.1)
    monkeypatch.setattr(ProjectedAscent, "stride", 0.05)
    monkeypatch.setattr(ProjectedAscent, "reach", LinfBall(0.12))
    with pytest.raises(BudgetViolation, match="linf distance"):
        solver.run(model, images, labels, 0)


def test_a_worst_case_is_over_attacks_with_one_reach(model: nn.Module, given: Batch) -> None:
    walk = PgdSettings(epsilon=0.1, steps=4, step_size=0.05, ball="iterate")
    for other in (PgdSettings(epsilon=0.1), walk.model_copy(update={"clip": False})):
        with pytest.raises(UserError, match="same norm and epsilon"):
            worst_case_verdicts(model, *given, [walk, other], 0)
    worst_case_verdicts(model, *given, [walk, walk], 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_images_that_are_not_finite_are_refused(
    model: nn.Module, given: Batch, value: float
) -> None:
    images = given[0].clone()
    images[2, 0, 3, 3] = value
    with pytest.raises(UserError, match="outside the box"):
        attacks.build(FgsmSettings(clip=False)).run(model, images, given[1], 0)


def by_name(checks: list[sanity.SanityCheck]) -> dict[str, sanity.SanityCheck]:
    return {check.check: check for check in checks}


OPEN: list[tuple[dict[str, Any], set[str]]] = [
    ({"ball": "iterate", "step_size": 0.1}, {"inside_ball"}),
    ({"clip": False}, {"inside_box"}),
    ({"ball": "iterate", "step_size": 0.1, "clip": False}, {"inside_ball", "inside_box"}),
]


@pytest.mark.parametrize(("changes", "open_"), OPEN)
def test_leaving_ball_or_box_by_the_settings_is_no_defect(
    model: nn.Module, given: Batch, changes: dict[str, Any], open_: set[str]
) -> None:
    settings = PgdSettings(epsilon=0.1, steps=4).model_copy(update=changes)
    found = by_name(sanity.sanity_checks(model, *given, settings, 0, grid=(0.5, 1)))
    for name in ("inside_ball", "inside_box"):
        check = found[name]
        assert check.passed
        assert ("not expected of this attack" in check.expected) == (name in open_)
    # What was measured is said all the same.
    assert (found["inside_ball"].value > 0.11) == ("inside_ball" in open_)
    assert (found["inside_box"].value > 0.01) == ("inside_box" in open_)
    assert found["zero_radius"].passed


def test_what_the_settings_do_not_allow_stays_a_defect(
    model: nn.Module, given: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectedAscent, "run", lambda self, model, x, y, seed: x + 1.0)
    uncut = FgsmSettings(epsilon=0.05, clip=False)
    found = by_name(sanity.sanity_checks(model, *given, uncut, 0))
    assert not found["inside_ball"].passed
    walk = PgdSettings(epsilon=0.05, steps=2, ball="iterate")
    found = by_name(sanity.sanity_checks(model, *given, walk, 0))
    assert not found["inside_box"].passed


def test_a_box_without_bounds() -> None:
    inf = float("inf")
    box, images = Box(-inf, inf), torch.rand(3, 1, 4, 4)
    for ball in (LinfBall(0.5, box), L2Ball(0.5, box)):
        assert ball.rounding(images) == type(ball)(0.5).rounding(images)
        ball.check(images, images - 0.1)
        with pytest.raises(BudgetViolation, match="distance"):
            ball.check(images, images + 9)
        with pytest.raises(BudgetViolation):
            ball.check(images, images * inf)
    for low, high in ((inf, inf), (float("nan"), 1.0), (0.0, float("nan"))):
        with pytest.raises(UserError, match="box"):
            Box(low, high)
