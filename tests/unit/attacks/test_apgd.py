from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks, budgets
from advlearn.attacks.apgd import Apgd, _adapt, check_points
from advlearn.attacks.robustness import robust_verdicts
from advlearn.deviations import build, negative_margin, targeted_dlr
from advlearn.settings.attack import ApgdSettings, Norm
from advlearn.support.errors import UserError
from tests.helpers.defended import digits, trained
from tests.helpers.images import labelled_images, small_network

Batch = tuple[Tensor, Tensor]


def apgd(**settings: object) -> Apgd:
    solver = attacks.build(ApgdSettings.model_validate(settings))
    assert isinstance(solver, Apgd)
    return solver


def test_check_points_are_those_of_the_paper() -> None:
    assert list(check_points(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(check_points(100).values()) == [22, 19, 16, 13, 10, 7, 6, 6]
    assert list(check_points(1)) == [1]
    for steps in range(1, 200):
        points = check_points(steps)
        assert sum(points.values()) == max(points) <= steps
        assert min(points.values()) >= 1


def in_the_papers_words(
    network: nn.Module, budget: budgets.Budget, image: Tensor, label: Tensor, start: Tensor, n: int
) -> tuple[Tensor, int]:
    """Algorithm 1 for one image (1, ...): the point it ends with, and its gradients."""

    def f(x: Tensor) -> tuple[float, Tensor, bool]:
        x = x.clone().requires_grad_(True)
        logits = network(x)
        loss = nn.functional.cross_entropy(logits, label)
        (gradient,) = torch.autograd.grad(loss, x)
        return float(loss.detach()), gradient, bool(logits.argmax(1) != label)

    def project(z: Tensor) -> Tensor:
        return budget.project(image, z)

    w, p, before = [0], 0.22, 0.0
    while p < 1:
        w.append(math.ceil(round(p * n, 9)))
        p, before = p + max(p - before - 0.03, 0.06), p
    eta, old = 2 * budget.epsilon, start
    x = best = start
    value, gradient, fooled = f(start)
    f_max, values, reduced, at_check = value, [value], [False], [value]
    for k in range(n):
        if fooled:
            return x, k + 1
        z = project(x + eta * budget.maximiser(gradient))
        new = z if k == 0 else project(x + 0.75 * (z - x) + 0.25 * (x - old))
        x, old = new, x
        value, gradient, fooled = f(x)
        values.append(value)
        if value > f_max or fooled:
            f_max, best = value, x
        if k + 1 in w and not fooled:
            last = w[w.index(k + 1) - 1]
            rises = sum(values[i + 1] > values[i] for i in range(last, k + 1))
            halve = rises < 0.75 * (k + 1 - last)
            halve = halve or (not reduced[-1] and at_check[-1] == f_max)
            if halve:
                eta, x = eta / 2, best
                _, gradient, _ = f(x)
                # The sequence goes on from the best point.
                values[-1] = f_max
            reduced.append(halve)
            at_check.append(f_max)
    return best, n + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "epsilon"), [("linf", 0.002), ("linf", 0.03), ("l2", 0.02), ("l2", 0.15)]
)
def test_every_image_goes_the_way_of_the_paper(norm: Norm, epsilon: float) -> None:
    model = small_network("conv", torch.float64).eval()
    images, labels = labelled_images(model, dtype=torch.float64)
    solver = apgd(epsilon=epsilon, norm=norm, steps=60)
    starts = solver.starts(images, 3, 0)
    found = solver.run(model, images, labels, 3)
    gradients = 0
    for i in range(len(images)):
        one, label = images[i : i + 1], labels[i : i + 1]
        if bool(model(one).argmax(1) != label):
            expected = one
        else:
            expected, passes = in_the_papers_words(
                model, solver.budget, one, label, starts[i : i + 1], 60
            )
            gradients += passes
        torch.testing.assert_close(found[i : i + 1], expected, rtol=0, atol=1e-6)
    verdicts = robust_verdicts(
        model, images, labels, ApgdSettings(epsilon=epsilon, norm=norm, steps=60), 3, batch_size=7
    )
    assert verdicts.gradients == gradients
    assert verdicts.queries == 0
    assert 0 < int(verdicts.robust.sum()) < int(verdicts.clean.sum())


def test_a_step_is_halved_by_either_condition() -> None:
    # Too few rises; enough; enough, but no better than at the last check; so, but just halved.
    rows = {
        "rises": torch.tensor([7, 8, 8, 8]),
        "halved": torch.tensor([False, False, False, True]),
        "at_check": torch.tensor([1.0, 1.0, 3.0, 3.0]),
        "value": torch.full((4,), 3.0),
        "now": torch.full((4,), 2.0),
        "length": torch.full((4,), 0.4),
        "iterate": torch.zeros(4, 1),
        "best": torch.ones(4, 1),
        "gradient": torch.zeros(4, 1),
        "best_gradient": torch.full((4, 1), 5.0),
    }
    _adapt(rows, 10)
    halved = torch.tensor([True, False, True, False])
    assert torch.equal(rows["halved"], halved)
    assert torch.equal(rows["length"], torch.where(halved, 0.2, 0.4))
    assert torch.equal(rows["now"], torch.where(halved, 3.0, 2.0))
    assert torch.equal(rows["iterate"][:, 0], torch.where(halved, 1.0, 0.0))
    assert torch.equal(rows["gradient"][:, 0], torch.where(halved, 5.0, 0.0))
    assert torch.equal(rows["at_check"], torch.full((4,), 3.0))
    assert not bool(rows["rises"].any())


def test_a_run_begins_on_the_surface() -> None:
    images = torch.full((5, 1, 8, 8), 0.5, dtype=torch.float64)
    for norm in ("linf", "l2"):
        solver = apgd(epsilon=0.2, norm=norm)
        starts = solver.starts(images, 0, 0)
        torch.testing.assert_close(
            solver.budget.distance(images, starts), torch.full((5,), 0.2, dtype=torch.float64)
        )
        assert not torch.equal(starts, solver.starts(images, 0, 1))


def exact_worst_margins(network: nn.Linear, images: Tensor, labels: Tensor, eps: float) -> Tensor:
    """Smallest margin (n,) of a linear network over the L-infinity ball and the box."""
    weight, bias = network.weight.detach(), network.bias.detach()
    low, high = (images - eps).clamp(min=0), (images + eps).clamp(max=1)
    margins = []
    for i, label in enumerate(labels.tolist()):
        differences = weight[label] - weight
        worst = torch.where(differences > 0, low[i], high[i])
        all_margins = (differences * worst).sum(1) + bias[label] - bias
        margins.append(all_margins[torch.arange(len(bias)) != label].min())
    return torch.stack(margins)


def test_verdicts_of_a_linear_network_are_exact() -> None:
    torch.manual_seed(0)
    network = nn.Linear(20, 6).double()
    images = torch.rand((60, 20), dtype=torch.float64)
    labels = network(images).argmax(1)
    settings = ApgdSettings(epsilon=0.1, deviation="targeted_dlr")
    found = robust_verdicts(network, images, labels, settings, 0)
    exact = exact_worst_margins(network, images, labels, 0.1) > 0
    assert 10 < int(exact.sum()) < 50
    assert torch.equal(found.robust, exact)


def test_targets_are_tried_in_the_order_of_their_logits() -> None:
    aims: list[Tensor] = []

    def spy(logits: Tensor, goals: Tensor) -> Tensor:
        aims.append(goals)
        return targeted_dlr(logits, goals)

    torch.manual_seed(0)
    network = nn.Linear(20, 6)
    images = torch.rand((8, 20))
    logits = network(images).detach()
    labels = logits.argmax(1)
    order = logits.argsort(1, descending=True)
    for targets, most in ((2, 2), (None, 5), (9, 5)):
        aims.clear()
        Apgd(budgets.build("linf", 0.0), 2, deviation=spy, n_steps=1, targets=targets).run(
            network, images, labels, 0
        )
        # Two passes a run, two restarts a target; each pass asks twice.
        seen = torch.stack(aims)[::8]
        assert torch.equal(seen[:, :, 0], labels.expand(most, 8))
        assert torch.equal(seen[:, :, 1], order[:, 1 : most + 1].T)


def test_too_few_classes_for_a_target(conv: nn.Module, batch: Batch) -> None:
    with pytest.raises(UserError, match="at least four classes"):
        apgd(epsilon=0.1, deviation="targeted_dlr", steps=2).run(conv, *batch, seed=0)


def test_never_worse_than_the_start_and_inside(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    for norm, epsilon in (("linf", 0.02), ("l2", 0.1)):
        for deviation in ("cross_entropy", "dlr", "negative_margin"):
            solver = apgd(epsilon=epsilon, norm=norm, deviation=deviation, steps=10)
            clean = conv(images).argmax(1) == labels
            start = solver.starts(images, 1, 0)[clean]
            found = solver.run(conv, images, labels, 1)
            solver.budget.check(images, found)
            assert torch.equal(found[~clean], images[~clean])
            with torch.no_grad():
                after, before = (
                    build(deviation)(conv(x), labels[clean]) for x in (found[clean], start)
                )
                fooled = conv(found[clean]).argmax(1) != labels[clean]
            assert bool(((after >= before) | fooled).all())


def test_more_restarts_are_never_weaker(conv: nn.Module, batch: Batch) -> None:
    margins = []
    for restarts in (1, 4):
        found = apgd(epsilon=0.02, steps=3, restarts=restarts).run(conv, *batch, seed=0)
        margins.append(negative_margin(conv(found), batch[1]).detach())
    assert bool((margins[1] >= margins[0] - 1e-6).all() | (margins[0] > 0).all())
    assert bool((margins[1] > margins[0] + 1e-6).any())


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_losses_are_those_of_torchattacks(norm: Norm) -> None:
    torchattacks = pytest.importorskip(
        "torchattacks", reason="a peer of the benchmarks, not in the lock"
    )
    epsilon = {"linf": 0.1, "l2": 0.5}[norm]
    network = trained("pgd", "linf", 0.2)
    images, labels = (each[:200] for each in digits()[2:])
    images, labels = (each[network(images).argmax(1) == labels] for each in (images, labels))
    peer = torchattacks.APGD(
        network, norm={"linf": "Linf", "l2": "L2"}[norm], eps=epsilon, steps=100, seed=0
    )
    _, _, theirs, _ = peer.attack_single_run(images, labels)
    found = apgd(epsilon=epsilon, norm=norm).run(network, images, labels, 0)
    with torch.no_grad():
        logits = network(found)
        robust = logits.argmax(1) == labels
        ours = nn.functional.cross_entropy(logits, labels, reduction="none")
    assert int(robust.sum()) > 50
    torch.testing.assert_close(ours[robust].mean(), theirs[robust].mean(), rtol=5e-3, atol=0)
