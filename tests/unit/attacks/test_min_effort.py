"""Carlini and Wagner's attack and DeepFool: agreement with Foolbox 3.3.4, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from foolbox.attacks import L2CarliniWagnerAttack, L2DeepFoolAttack, LinfDeepFoolAttack
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import cw, deepfool
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.min_effort import MinEffortAttack, MinEffortOutcome
from advlearn.budgets.points import Frobenius, LInf
from advlearn.deviations import cross_entropy
from advlearn.problem import BilevelProblem
from advlearn.problem.evasion import MaxEffectProblem
from advlearn.settings.attack import CwSettings, DeepFoolSettings, FgsmSettings, Norm, PgdSettings
from advlearn.support.errors import UserError
from tests.helpers.images import labelled_images, small_network

KINDS = ("linear", "mlp", "conv")
DTYPES = (torch.float32, torch.float64)
# The relative difference of two norms that is agreement; the images are compared as well.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

# The peer keeps the constant in float32: one that is exact in it makes the two comparable.
FAST = CwSettings(
    steps=60, step_size=0.02, initial_const=0.125, binary_search_steps=5, abort_early=False
)
FOOL = DeepFoolSettings(steps=20, candidates=3)
BOTH = pytest.mark.parametrize(
    "solver", [cw.build(FAST), deepfool.build(FOOL)], ids=["cw", "deepfool"]
)


def agree(
    found: MinEffortOutcome, images: Tensor, labels: Tensor, network: nn.Module, expected: Tensor
) -> None:
    """The peer's images are misclassified where ours are, and the norms are the same."""
    with torch.no_grad():
        wrong = network(images).argmax(1) != labels
        fooled = network(expected).argmax(1) != labels
    assert found.reached.equal(fooled)
    # What is misclassified already stays as it is; the peer's tanh moves it by 1e-6.
    assert found.adversarial[wrong].equal(images[wrong])
    assert 0 < int(wrong.sum()) < int(fooled.sum())
    norms = (expected.double() - images.double()).flatten(1).norm(dim=1)
    ours = (found.adversarial.double() - images.double()).flatten(1).norm(dim=1)
    compared = fooled & ~wrong
    # Two images that are rounded in the last digit of every pixel are this far apart: what a short
    # perturbation may be off by, however short it is.
    rounding = torch.finfo(images.dtype).eps * math.sqrt(images[0].numel())
    torch.testing.assert_close(
        ours[compared], norms[compared], rtol=TOLERANCE[images.dtype], atol=rounding
    )
    torch.testing.assert_close(
        found.adversarial[compared], expected[compared], rtol=0, atol=TOLERANCE[images.dtype]
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_cw_is_foolbox(kind: str, dtype: torch.dtype) -> None:
    network = small_network(kind, dtype).eval()
    images, labels = labelled_images(network, dtype=dtype)
    peer = L2CarliniWagnerAttack(
        binary_search_steps=5, steps=60, stepsize=0.02, initial_const=0.125, abort_early=False
    )
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    expected, _, _ = peer(model, images, labels, epsilons=None)
    agree(cw.build(FAST).solve(network, images, labels), images, labels, network, expected)


@pytest.mark.slow
def test_cw_is_foolbox_with_confidence_and_ten_constants() -> None:
    network = small_network("conv", torch.float64).eval()
    images, labels = labelled_images(network, dtype=torch.float64)
    own = FAST.model_copy(update={"confidence": 0.03, "binary_search_steps": 10, "steps": 30})
    peer = L2CarliniWagnerAttack(
        binary_search_steps=10, steps=30, stepsize=0.02, initial_const=0.125, abort_early=False,
        confidence=0.03,
    )  # fmt: skip
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    expected, _, _ = peer(model, images, labels, epsilons=None)
    found = cw.build(own).solve(network, images, labels)
    with torch.no_grad():
        clean_logits, logits = network(images), network(found.adversarial)
    # An image whose wrong class leads by less than the confidence is attacked all the same.
    lead = logits.scatter(1, labels[:, None], -torch.inf).amax(1) - logits.gather(
        1, labels[:, None]
    ).squeeze(1)
    assert bool((lead[found.reached] >= 0.03).all())
    attacked = found.reached & (clean_logits.argmax(1) == labels)
    assert int(attacked.sum()) > 5
    torch.testing.assert_close(found.adversarial[attacked], expected[attacked])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_deepfool_is_foolbox(kind: str, norm: Norm, dtype: torch.dtype) -> None:
    network = small_network(kind, dtype).eval()
    images, labels = labelled_images(network, dtype=dtype)
    peer = {"l2": L2DeepFoolAttack, "linf": LinfDeepFoolAttack}[norm](steps=20, candidates=3)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    expected, _, _ = peer(model, images, labels, epsilons=None)
    settings = FOOL.model_copy(update={"norm": norm})
    agree(
        deepfool.build(settings).solve(network, images, labels), images, labels, network, expected
    )


def test_deepfool_finds_the_distance_to_a_linear_boundary() -> None:
    """Of two classes and no box in the way, the distance is |f| / |g| in closed form."""
    torch.manual_seed(0)
    head = nn.Linear(16, 2)
    network = nn.Sequential(nn.Flatten(), head).double()
    images = 0.5 + 0.01 * torch.randn(20, 1, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        head.bias.sub_(network(images).mean(0))
        logits = network(images)
    labels = logits.argmax(1)
    normal = head.weight[0] - head.weight[1]
    gap = (logits[:, 0] - logits[:, 1]).abs()
    duals: dict[Norm, Tensor] = {"l2": normal.norm(), "linf": normal.abs().sum()}
    for norm, dual in duals.items():
        settings = DeepFoolSettings(norm=norm, overshoot=0.02)
        found = deepfool.build(settings).solve(network, images, labels)
        assert bool(found.reached.all())
        expected = 1.02 * (gap / dual + 1e-4)
        torch.testing.assert_close(found.distance, expected.detach(), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@BOTH
def test_no_answer_depends_on_the_company_of_an_image(solver: MinEffortAttack) -> None:
    network = small_network("conv", torch.float64)
    images, labels = labelled_images(network, dtype=torch.float64)
    whole = solver.solve(network, images, labels)
    parts = replace(solver, batch_size=3).solve(network, images, labels)
    assert whole.reached.equal(parts.reached)
    torch.testing.assert_close(whole.adversarial, parts.adversarial, rtol=0, atol=1e-12)
    assert network.training, "the mode is what it was"
    assert all(parameter.grad is None for parameter in network.parameters())
    assert solver.run(network, images, labels, seed=3).equal(whole.adversarial)


def test_early_abortion_of_one_image_is_that_of_foolbox() -> None:
    """The peer looks at the loss of the batch, which for a batch of one is the image's own."""
    network = small_network("mlp", torch.float64).eval()
    images, labels = labelled_images(network, dtype=torch.float64)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    peer = L2CarliniWagnerAttack(
        binary_search_steps=5, steps=60, stepsize=0.02, initial_const=0.125, abort_early=True
    )
    own = cw.build(FAST.model_copy(update={"abort_early": True}))
    for i in (1, 2, 3, 4):
        clean, label = images[i : i + 1], labels[i : i + 1]
        expected, _, _ = peer(model, clean, label, epsilons=None)
        found = own.solve(network, clean, label)
        assert bool(found.reached)
        torch.testing.assert_close(found.adversarial, expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_early_abortion_looks_at_each_image_alone() -> None:
    network = small_network("conv", torch.float64)
    images, labels = labelled_images(network, dtype=torch.float64)
    images, labels = images[:8], labels[:8]
    patient = cw.build(FAST.model_copy(update={"steps": 150}))
    hasty = cw.build(FAST.model_copy(update={"steps": 150, "abort_early": True}))
    alone = [hasty.solve(network, images[i : i + 1], labels[i : i + 1]) for i in range(6)]
    together = hasty.solve(network, images[:6], labels[:6])
    torch.testing.assert_close(
        torch.cat([one.adversarial for one in alone]), together.adversarial, rtol=0, atol=1e-12
    )
    full = patient.solve(network, images, labels)
    quick = hasty.solve(network, images, labels)
    assert quick.reached.equal(full.reached)
    assert bool((quick.distance <= 1.05 * full.distance + 4e-3).all())


@BOTH
def test_an_image_that_cannot_be_fooled_stays_clean(solver: MinEffortAttack) -> None:
    head = nn.Linear(16, 3)
    network = nn.Sequential(nn.Flatten(), head)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    images, labels = torch.rand(4, 1, 4, 4), torch.tensor([0, 0, 1, 0])
    found = solver.solve(network, images, labels)
    assert found.reached.tolist() == [False, False, True, False]
    assert found.distance.tolist() == [math.inf, math.inf, 0.0, math.inf]
    assert found.adversarial.equal(images)


@pytest.mark.parametrize("settings", [CwSettings(), DeepFoolSettings()], ids=lambda s: s.name)
def test_the_registry_of_study_1_says_where_to_find_them(
    settings: CwSettings | DeepFoolSettings,
) -> None:
    with pytest.raises(UserError, match="no radius") as caught:
        attacks.build(settings)
    assert f"advlearn.attacks.{settings.name}.build" in caught.value.remedy


@BOTH
def test_no_images_give_no_images(solver: MinEffortAttack) -> None:
    images, labels = torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64)
    found = solver.solve(small_network("linear"), images, labels)
    assert found.adversarial.shape == images.shape
    assert len(found.reached) == 0


@BOTH
@pytest.mark.parametrize("wrong", ["nan", "outside", "labels"])
def test_wrong_images_are_refused(solver: MinEffortAttack, wrong: str) -> None:
    images, labels = torch.rand(3, 1, 8, 8), torch.zeros(3, dtype=torch.int64)
    if wrong == "labels":
        labels = labels[:2]
    else:
        images[1, 0, 0, 0] = math.nan if wrong == "nan" else 1.5
    with pytest.raises(UserError):
        solver.solve(small_network("linear"), images, labels)


@dataclass(frozen=True)
class Crafted:
    """The perturbation that was found, for every budget that allows it."""

    shift: np.ndarray

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        if problem.budget.size(self.shift) <= tau:
            yield self.shift


@pytest.mark.slow
@BOTH
def test_the_answer_is_one_of_the_general_problem(solver: MinEffortAttack) -> None:
    """The same perturbation, judged by a BilevelProblem that knows neither attack nor torch."""
    network = small_network("conv").eval()
    images, labels = labelled_images(network)
    found = solver.solve(network, images, labels)
    for i in (1, 2, 3):
        clean, label = images[i : i + 1], labels[i : i + 1]
        general = solver.problem(network).of_image(clean, label, Frobenius(10.0))
        shift = found.adversarial[i : i + 1].numpy().astype(np.float64) - general.data
        outcome = general.min_effort(Crafted(shift), 1.0)
        assert outcome.reached == bool(found.reached[i])
        assert outcome.size == pytest.approx(float(found.distance[i]), rel=1e-9)


@pytest.mark.parametrize("settings", [FgsmSettings(epsilon=0.05), PgdSettings(epsilon=0.05)])
def test_max_effect_is_the_same_in_the_general_problem(
    settings: FgsmSettings | PgdSettings,
) -> None:
    network = small_network("conv").eval()
    images, labels = labelled_images(network)
    solver = attacks.build(settings)
    assert isinstance(solver, ProjectedAscent)
    made = solver.run(network, images, labels, seed=1)
    problem = MaxEffectProblem(solver.budget, cross_entropy, network)
    with torch.no_grad():
        expected = cross_entropy(network(made), labels)
        clean = cross_entropy(network(images), labels)
    for i in range(4):
        general = problem.of_image(images[i : i + 1], labels[i : i + 1])
        assert isinstance(general.budget, LInf)
        shift = made[i : i + 1].numpy().astype(np.float64) - general.data
        assert general.budget.contains(shift, 1e-7)
        assert general.effect(shift) == pytest.approx(float(expected[i]), rel=1e-5)
        assert general.clean_effect == pytest.approx(float(clean[i]), rel=1e-5)
    with pytest.raises(UserError, match="one image"):
        problem.of_image(images, labels)
