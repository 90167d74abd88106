"""FAB: the distances of a linear network are exact, and those of torchattacks image by image."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks.fab import Fab, ShortestFab, lead
from advlearn.attacks.robustness import robust_verdicts
from advlearn.settings.attack import FabSettings, Norm
from tests.helpers.defended import digits, trained
from tests.unit.attacks.test_apgd import exact_worst_margins

Batch = tuple[Tensor, Tensor]


def fab(**settings: object) -> Fab:
    solver = attacks.build(FabSettings.model_validate(settings))
    assert isinstance(solver, Fab)
    return solver


def linear(n_classes: int) -> tuple[nn.Linear, Tensor, Tensor]:
    """A linear network, 60 images away from the walls, and its own predictions."""
    torch.manual_seed(0)
    network = nn.Linear(20, n_classes).double()
    # All classes are alike in the middle, and near.
    with torch.no_grad():
        network.bias.copy_(-0.5 * network.weight.sum(1))
    images = 0.4 + 0.2 * torch.rand((60, 20), dtype=torch.float64)
    return network, images, network(images).argmax(1)


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
@pytest.mark.parametrize("n_classes", [2, 6])
def test_distances_of_a_linear_network_are_exact(norm: Norm, dual: int, n_classes: int) -> None:
    network, images, labels = linear(n_classes)
    found = ShortestFab(norm=norm, steps=60, targets=None).solve(network, images, labels)
    weight, logits = network.weight.detach(), network(images).detach()
    normals = weight[labels][:, None] - weight
    leads = logits.gather(1, labels[:, None]) - logits
    exact = leads / torch.linalg.vector_norm(normals, ord=dual, dim=2)
    exact = exact.scatter(1, labels[:, None], torch.inf).amin(1)
    inside = exact < 0.35
    assert int(inside.sum()) > 20
    assert bool(found.reached[inside].all())
    distance = found.distance[inside]
    assert bool((distance >= exact[inside]).all())
    # The search stops beyond the boundary by shares of the step.
    torch.testing.assert_close(distance, exact[inside], rtol=0.01, atol=1e-6)


def test_verdicts_of_a_linear_network_are_exact_but_at_the_boundary() -> None:
    torch.manual_seed(0)
    network = nn.Linear(20, 6).double()
    images = torch.rand((60, 20), dtype=torch.float64)
    labels = network(images).argmax(1)
    found = robust_verdicts(network, images, labels, FabSettings(epsilon=0.1), 0)
    margins = exact_worst_margins(network, images, labels, 0.1)
    assert 10 < int((margins > 0).sum()) < 50
    assert bool(found.robust[margins > 0].all())
    # Steps end beyond a boundary, so that what is nearly as far as the radius is not reached.
    assert not bool(found.robust[margins < -0.01].any())


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("l2", 0.6)])
def test_judged_at_a_radius_is_shorter_than_the_radius(norm: Norm, epsilon: float) -> None:
    network = trained("undefended", "linf", 0.1)
    images, labels = (each[:100] for each in digits()[2:])
    shortest = ShortestFab(norm=norm, steps=15, targets=3).solve(network, images, labels)
    for share in (0.5, 1.0, 1.5):
        settings = FabSettings(epsilon=share * epsilon, norm=norm, steps=15, targets=3)
        found = robust_verdicts(network, images, labels, settings, 0)
        assert torch.equal(found.robust, shortest.distance > share * epsilon)
        assert 0 < int(found.robust.sum()) < 97
        assert torch.equal(network(found.adversarial).argmax(1) == labels, found.robust)


def test_the_first_run_begins_at_the_image_and_others_half_way_to_the_surface() -> None:
    images = torch.full((5, 1, 8, 8), 0.5, dtype=torch.float64)
    for norm in ("linf", "l2"):
        solver = fab(epsilon=0.2, norm=norm, restarts=2)
        for run in (0, 2):
            assert torch.equal(solver.starts(images, 0, run), images)
        starts = solver.starts(images, 0, 1)
        torch.testing.assert_close(
            solver.budget.distance(images, starts), torch.full((5,), 0.1, dtype=torch.float64)
        )
        assert not torch.equal(starts, solver.starts(images, 0, 3))
        assert solver.runs(10) == 18
        assert fab(targets=2).runs(10) == 2
        assert fab(targets=None).runs(3) == 2


def test_robust_images_keep_a_point_inside_and_more_restarts_find_more(
    conv: nn.Module, batch: Batch
) -> None:
    images, labels = batch
    robust = []
    for restarts in (1, 3):
        solver = fab(epsilon=0.02, steps=2, targets=2, restarts=restarts)
        found = solver.run(conv, images, labels, 0)
        solver.budget.check(images, found)
        robust.append(conv(found).argmax(1) == labels)
    assert bool((robust[1] <= robust[0]).all())
    tiny = fab(epsilon=0.0, steps=3).run(conv, images, labels, 0)
    assert torch.equal(tiny, images)


def test_a_linearisation_is_a_gradient() -> None:
    network = trained("undefended", "linf", 0.1)
    images, labels = (each[:50] for each in digits()[2:])
    found = robust_verdicts(
        network, images, labels, FabSettings(epsilon=0.001, steps=3, targets=2), 0
    )
    # Two runs, and in each the look at the start.
    assert found.gradients == 2 * 4 * int(found.robust.sum())
    assert found.queries == 0


def test_who_leads_by_how_much() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0]])
    assert float(lead(logits, torch.tensor([[1, 2]]))) == -2.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "norm", "epsilon"),
    [("undefended", "linf", 0.1), ("masked", "linf", 0.2), ("pgd", "l2", 1.0)],
)
def test_distances_are_those_of_torchattacks(kind: str, norm: Norm, epsilon: float) -> None:
    torchattacks = pytest.importorskip(
        "torchattacks", reason="a peer of the benchmarks, not in the lock"
    )
    network = trained(kind, norm, epsilon)
    images, labels = (each[:200] for each in digits()[2:])
    found = ShortestFab(norm=norm, steps=20).solve(network, images, labels)
    peer = torchattacks.FAB(
        network,
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps=1e6,
        steps=20,
        multi_targeted=True,
        n_classes=10,
    )
    theirs = torch.full((200,), torch.inf, dtype=torch.float64)
    for target in range(2, 11):
        peer.target_class = target
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points = peer.attack_single_run_targeted(images, labels).detach()
        shift = (points - images).flatten(1).double()
        distance = shift.abs().amax(1) if norm == "linf" else shift.norm(dim=1)
        fooled = network(points).argmax(1) != labels
        theirs = torch.where(fooled, torch.minimum(theirs, distance), theirs)
    assert bool(found.reached.all())
    # Rounding decides now and then whether an iterate at a boundary goes back.
    ratio = (found.distance / theirs)[theirs > 0]
    assert len(ratio) > 190
    assert float((ratio - 1).abs().quantile(0.95)) < 1e-3
    assert float((ratio - 1).abs().max()) < 0.02
    assert (
        abs(float((found.distance > epsilon).double().mean() - (theirs > epsilon).double().mean()))
        < 0.006
    )
