"""Every case of the table is built and run, and does what its row says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from advlearn.attacks import topk
from advlearn.attacks.label_flipping import flipping_problem
from advlearn.attacks.poisoning import LinearTask
from advlearn.attacks.presets import PRESETS, preset
from advlearn.budgets.points import PerPoint
from advlearn.deviations import cross_entropy
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex.graph import knn_graph
from advlearn.learners.partitioners import build as partitioner
from advlearn.problem import BilevelProblem
from advlearn.settings.attack import (
    ApgdSettings,
    CwSettings,
    DeepFoolSettings,
    EvaluationSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.network import RetrainSettings
from advlearn.settings.topk import sound
from advlearn.support.errors import UserError
from advlearn.training.adversarial import online_attack
from tests.helpers.images import labelled_images, small_network

Run = Callable[[Any], bool]


def inside(settings: EvaluationSettings) -> Run:
    """Max effect against a frozen network: more loss, inside the ball."""

    def run(build: Any) -> bool:
        network = small_network("conv").eval()
        images, labels = labelled_images(network)
        made = build(settings).run(network, images, labels, seed=0)
        with torch.no_grad():
            clean, after = (cross_entropy(network(x), labels).mean() for x in (images, made))
        near = float((made - images).abs().max()) <= settings.epsilon + 1e-6
        return near and bool(after > clean)

    return run


def shortest(settings: CwSettings | DeepFoolSettings) -> Run:
    """Min effort against a frozen network: misclassified, and near."""

    def run(build: Any) -> bool:
        network = small_network("conv").eval()
        images, labels = labelled_images(network)
        found = build(settings).solve(network, images, labels)
        with torch.no_grad():
            wrong = network(found.adversarial).argmax(1) != labels
        return bool(found.reached.all() & wrong.all()) and float(found.distance.max()) < 2

    return run


def out_of_the_top_k(run_topk: Any) -> bool:
    network = small_network("mlp").eval()
    images, _ = labelled_images(network)
    with torch.no_grad():
        order = network(images).argsort(1, descending=True)
    relevant = torch.zeros(len(images), 3, dtype=torch.bool).scatter(1, order[:, :1], True)
    targets = topk.TopkTargets(relevant=relevant, specified=relevant, k=1)
    found = run_topk(network, images, targets, sound("tkmia", iterations=50), batch_size=8)
    return bool(found.success.float().mean() > 0.9)


def hardened(retrain: Any) -> bool:
    """Min max: what the network learns against the attack makes the attack weaker."""
    network = small_network("mlp")
    images, labels = labelled_images(network, n=60)
    attack = PgdSettings(epsilon=0.05, steps=4)
    craft = online_attack(attack, 4)

    def loss_under_attack() -> float:
        made = craft(network, images, labels, 1)
        with torch.no_grad():
            return float(cross_entropy(network.eval()(made), labels).mean())

    before = loss_under_attack()
    settings = RetrainSettings(
        crafting="online", schedule="adversarial_only", epochs=3, batch_size=20
    )
    retrain(network, images, labels, None, torch.arange(60), settings, 0, craft)
    return loss_under_attack() < before


def a_task() -> LinearTask:
    generator = np.random.default_rng(0)
    points = generator.standard_normal((60, 2))
    targets = (points[:, 0] + 0.5 * generator.standard_normal(60) > 0).astype(np.float64)
    return LinearTask(points[:25], targets[:25], points[25:], targets[25:])


def poisoned(ascent: Any) -> bool:
    task = a_task()
    found = task.problem(PerPoint(0.3)).max_effect(ascent(task, steps=5))
    return bool(found.reached and found.size <= 0.3 * (1 + 1e-12))


def turned_round(greedy: Any) -> bool:
    task = a_task()
    return bool(flipping_problem(task, 2).max_effect(greedy(task)).size == 2)


def three_groups() -> np.ndarray:
    generator = np.random.default_rng(1)
    return np.repeat([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], 8, axis=0) + 0.3 * (
        generator.standard_normal((24, 2))
    )


def clusters_moved(build: Any) -> bool:
    learner = partitioner("ward", n_clusters=3)
    problem = BilevelProblem(three_groups(), PerPoint(3.0), DEVIATIONS["delta"], learner)
    return bool(problem.max_effect(build("genetic", generations=10)).reached)


def clusters_merged(build: Any) -> bool:
    points = three_groups()
    graph = knn_graph(points, k=12, phi=0.05)
    learner = partitioner("convex", graph=graph, gamma=0.3)
    problem = BilevelProblem(points, PerPoint(3.0), DEVIATIONS["delta"], learner)
    assert len(set(problem.before)) == 3
    found = problem.min_effort(build("merge"), nu=1.0, tolerance=0.02)
    return found.reached and 0 < found.size < 3


RUNS: dict[str, Run] = {
    "fgsm": inside(FgsmSettings(epsilon=0.05)),
    "pgd": inside(PgdSettings(epsilon=0.05, steps=5)),
    "apgd": inside(ApgdSettings(epsilon=0.05, steps=5)),
    "fab": inside(FabSettings(epsilon=0.05, steps=10)),
    "square": inside(SquareSettings(epsilon=0.05, queries=40)),
    "cw": shortest(CwSettings(steps=40, step_size=0.05, initial_const=1.0)),
    "deepfool": shortest(DeepFoolSettings(candidates=3)),
    "tkmia": out_of_the_top_k,
    "adversarial_training": hardened,
    "poisoning": poisoned,
    "label_flipping": turned_round,
    "clustering": clusters_moved,
    "convex_clustering": clusters_merged,
}


def test_every_preset_is_run() -> None:
    assert sorted(RUNS) == sorted(PRESETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_does_what_its_row_says(name: str) -> None:
    assert RUNS[name](preset(name).load())


def test_only_evasion_has_a_frozen_learner() -> None:
    for name, case in PRESETS.items():
        assert case.frozen == (case.upper == "image"), name
        assert case.form in {"max effect", "min effort", "min max"}


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown preset 'fsgm'") as caught:
        preset("fsgm")
    assert "fgsm" in caught.value.remedy


def test_the_table_imports_nothing_that_it_names() -> None:
    code = "import advlearn.attacks.presets, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
