"""Nothing that a caller or autograd owns is written into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from advlearn import attacks, budgets
from advlearn.attacks import cw, deepfool, fab, topk
from advlearn.attacks.clustering import build as build_clustering
from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.attacks.label_flipping import GreedyFlips, flipping_problem
from advlearn.attacks.poisoning import HypergradientAscent, LinearTask
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.sanity import sanity_checks
from advlearn.budgets.points import FewLabels, FewPoints, Frobenius, LInf, PerPoint, SinglePoint
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import knn_graph
from advlearn.metrics.accuracy import correct
from advlearn.problem import BilevelProblem
from advlearn.settings.attack import (
    ApgdSettings,
    CwSettings,
    DeepFoolSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.topk import METHODS, TopkAttackSettings
from tests.helpers import hostile

SHAPE, N = (1, 8, 8), 10
PGD = PgdSettings(epsilon=0.1, steps=3)
Run = Callable[[nn.Module, Tensor, Tensor], Any]


def on_top_k(method: Any, clean_map: Any) -> Run:
    chosen = TopkAttackSettings(method=method, iterations=8, clean_map=clean_map)

    def run(model: nn.Module, x: Tensor, y: Tensor) -> Any:
        relevant = nn.functional.one_hot(y, 3).bool()
        # Reads rows of the caller's own memory, as an own data set may do.
        return topk.run(model, Views(x), topk.TopkTargets(relevant, relevant, 1), chosen, 1)

    return run


class Views:
    """Images of which a list of one position is a view."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __getitem__(self, rows: list[int]) -> Tensor:
        return self.images[rows[0] : rows[0] + 1] if len(rows) == 1 else self.images[rows]


RUNS: dict[str, Run] = {
    "fgsm": lambda m, x, y: attacks.build(FgsmSettings(epsilon=0.1)).run(m, x, y, 0),
    "fgsm l2": lambda m, x, y: attacks.build(FgsmSettings(epsilon=1, norm="l2")).run(m, x, y, 0),
    "pgd": lambda m, x, y: attacks.build(PGD).run(m, x, y, 0),
    "pgd l2": lambda m, x, y: attacks.build(
        PgdSettings(epsilon=1, norm="l2", steps=2, restarts=2)
    ).run(m, x, y, 0),
    "apgd": lambda m, x, y: attacks.build(ApgdSettings(epsilon=0.1, steps=6)).run(m, x, y, 0),
    "apgd l2": lambda m, x, y: attacks.build(
        ApgdSettings(epsilon=1, norm="l2", steps=6, deviation="dlr", restarts=2)
    ).run(m, x, y, 0),
    "fab": lambda m, x, y: attacks.build(FabSettings(epsilon=0.1, steps=4)).run(m, x, y, 0),
    "fab shortest": lambda m, x, y: fab.ShortestFab(steps=4).solve(m, x, y).adversarial,
    "square": lambda m, x, y: attacks.build(SquareSettings(epsilon=0.1, queries=6)).run(m, x, y, 0),
    "square l2": lambda m, x, y: attacks.build(SquareSettings(epsilon=1, norm="l2", queries=6)).run(
        m, x, y, 0
    ),
    "verdicts": lambda m, x, y: robust_verdicts(m, x, y, PGD, 0, batch_size=3),
    "sanity": lambda m, x, y: sanity_checks(m, x, y, PGD, 0),
    "cw": lambda m, x, y: cw.build(CwSettings(steps=8)).solve(m, x, y),
    "deepfool": lambda m, x, y: deepfool.build(DeepFoolSettings()).solve(m, x, y),
    "deepfool linf": lambda m, x, y: deepfool.build(DeepFoolSettings(norm="linf")).solve(m, x, y),
    "correct": lambda m, x, y: correct(m, x, y),
    **{
        f"topk {method} {clean_map}": on_top_k(method, clean_map)
        for method in METHODS
        for clean_map in ("arctanh", "tanh_raw")
    },
}


def batch() -> tuple[Tensor, Tensor]:
    draw = torch.rand((N, *SHAPE), generator=torch.Generator().manual_seed(1))
    return draw, torch.arange(N) % 3


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("kind", ["plain", "rowsums"])
def test_images_and_labels_stay_as_they_are(name: str, kind: str) -> None:
    torch.manual_seed(0)
    model = getattr(hostile, kind)(None, SHAPE, 3).eval()
    images, labels = batch()
    kept = images.clone(), labels.clone()
    RUNS[name](model, images, labels)
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["linf", "l2"]),
    st.lists(st.floats(-2, 2, width=32), min_size=6, max_size=6),
    st.booleans(),
)
def test_budgets_write_into_nothing(norm: str, numbers: list[float], expanded: bool) -> None:
    budget = budgets.build(norm, 0.25)
    gradient = torch.tensor(numbers).reshape(3, 2)
    if expanded:
        gradient = gradient[:, :1].expand(3, 2)
    clean, kept = torch.rand(3, 2), gradient.clone()
    images = clean.clone()
    budget.maximiser(gradient)
    budget.project(clean, gradient)
    budget.distance(clean, gradient)
    budget.distance(clean.double(), gradient.double())
    budget.random_start(clean, torch.Generator().manual_seed(0))
    budget.random_border(clean, torch.Generator().manual_seed(0))
    assert torch.equal(gradient, kept)
    assert torch.equal(clean, images)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_expanded_gradient_gives_the_images_of_foolbox(norm: Any) -> None:
    torch.manual_seed(0)
    model = hostile.rowsums(None, SHAPE, 3).eval()
    images, labels = batch()
    epsilon = {"linf": 0.1, "l2": 1.0}[norm]
    theirs = (
        foolbox.attacks.LinfFastGradientAttack
        if norm == "linf"
        else (foolbox.attacks.L2FastGradientAttack)
    )
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    expected = theirs(random_start=False)(wrapped, images, labels, epsilons=epsilon)[1]
    found = attacks.build(FgsmSettings(epsilon=epsilon, norm=norm)).run(model, images, labels, 0)
    assert torch.allclose(found, expected, atol=1e-6)


def read_only(array: Any) -> np.ndarray:
    frozen = np.array(array, dtype=np.float64)
    frozen.flags.writeable = False
    return frozen


POINTS = np.concatenate(
    [np.random.default_rng(seed).normal(4 * seed, 0.5, (12, 2)) for seed in (0, 1)]
)


@pytest.mark.parametrize(
    "budget",
    [PerPoint(1), Frobenius(1), SinglePoint(1, 2), LInf(1), FewPoints(1, 3), FewLabels(2)],
    ids=lambda budget: type(budget).__name__,
)
def test_budgets_of_point_sets_take_read_only_arrays(budget: Any) -> None:
    perturbation = read_only(POINTS[:, :1].ravel() if isinstance(budget, FewLabels) else POINTS)
    for method in (budget.project, budget.maximiser, budget.size, budget.contains):
        method(perturbation)


@pytest.mark.parametrize(
    "name", ["noise", "smoothed", "merge", "cut", "transfer", "genetic", "cma_es", "one_point"]
)
@pytest.mark.parametrize("weights", ["fixed", "recomputed"])
def test_attacks_on_clusterings_take_read_only_points(name: str, weights: Any) -> None:
    points = read_only(POINTS)
    clustering = AttackedClustering(points, knn_graph(points, 5), 0.5, 0.5)
    problem = BilevelProblem(
        points, PerPoint(0.3), DEVIATIONS["delta"], clustering.learner(weights)
    )
    settings = {"generations": 4} if name == "genetic" else {}
    problem.max_effect(build_clustering(name, **settings))


def test_poisoning_and_flipping_take_read_only_points() -> None:
    points, targets = read_only(POINTS), read_only(np.arange(24) % 2)
    task = LinearTask(points, targets, points, targets)
    task.problem(PerPoint(0.2)).max_effect(HypergradientAscent(task, steps=2))
    flipping_problem(task, 2).max_effect(GreedyFlips(task, shortlist=2))


def test_a_learner_that_works_in_place_does_not_change_the_data() -> None:
    def halves(points: np.ndarray) -> np.ndarray:
        points -= points.mean(axis=0)
        return (points[:, 0] > 0).astype(int)

    def added(points: np.ndarray, perturbation: np.ndarray) -> np.ndarray:
        points += perturbation
        perturbation[:] = 0
        return points

    points = read_only(POINTS)
    problem = BilevelProblem(points, PerPoint(3.0), DEVIATIONS["delta"], halves, perturb=added)
    found = problem.max_effect(build_clustering("noise", draws=3), tau=3.0)
    assert np.array_equal(problem.data, POINTS)
    assert found.size == pytest.approx(3.0) or not found.reached
    with pytest.raises(ValueError, match="read-only"):
        problem.data += 1
