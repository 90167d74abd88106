"""Attacks by one interface: the engine's results, targets as in Foolbox, numpy as torch."""

from __future__ import annotations

import inspect
from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import advlearn
from advlearn import attacks
from advlearn.api.images import BoundedAttack, ImageAttack
from advlearn.attacks import cw, deepfool
from advlearn.attacks.fab import ShortestFab
from advlearn.settings.attack import (
    ApgdSettings,
    CwSettings,
    DeepFoolSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from tests.helpers.images import labelled_images, small_network

ATTACKS: dict[str, tuple[ImageAttack, Any]] = {
    "fgsm": (advlearn.FGSM(0.1), FgsmSettings(epsilon=0.1)),
    "pgd": (advlearn.PGD(0.5, norm="l2", steps=4), PgdSettings(epsilon=0.5, norm="l2", steps=4)),
    "apgd": (advlearn.APGD(0.1, steps=5), ApgdSettings(epsilon=0.1, steps=5)),
    "fab": (advlearn.FAB(0.1, steps=5), FabSettings(epsilon=0.1, steps=5)),
    "square": (advlearn.Square(0.1, queries=20), SquareSettings(epsilon=0.1, queries=20)),
    "cw": (advlearn.CarliniWagner(steps=20), CwSettings(steps=20)),
    "deepfool": (advlearn.DeepFool("linf"), DeepFoolSettings(norm="linf")),
    "shortest_fab": (advlearn.ShortestFAB("linf", steps=8), ShortestFab("linf", steps=8)),
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return small_network("conv")


@pytest.fixture(scope="module")
def batch(network: nn.Module) -> tuple[Tensor, Tensor]:
    return labelled_images(network)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_answer_is_that_of_the_engine(
    name: str, network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    attack, settings = ATTACKS[name]
    images, labels = batch
    builders: dict[str, Any] = {
        "cw": cw.build,
        "deepfool": deepfool.build,
        "shortest_fab": lambda engine: engine,
    }
    expected = builders.get(name, attacks.build)(settings).run(network, images, labels, 3)
    before = images.clone()
    found = attack(network, images, labels, seed=3)
    assert torch.equal(found.adversarial, expected)
    assert torch.equal(images, before)
    assert network.training
    logits = network.eval()(expected)
    clean = network(images)
    network.train()
    assert torch.equal(found.success, logits.argmax(1) != labels)
    assert torch.equal(found.attacked, clean.argmax(1) == labels)
    assert found.distance.dtype == torch.float64
    order = {"linf": torch.inf, "l2": 2}[found.norm]
    length = torch.linalg.vector_norm((expected - images).double().flatten(1), order, dim=1)
    torch.testing.assert_close(found.distance, length)


@pytest.mark.parametrize("name", ATTACKS)
def test_numpy_gives_numpy_with_the_same_numbers(
    name: str, network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    attack, _ = ATTACKS[name]
    images, labels = batch
    tensors = attack(network, images, labels)
    images_given, labels_given = images.numpy(), labels.numpy().astype(np.uint8)
    images_given.flags.writeable = False
    arrays = attack(network, images_given, labels_given)
    for key in ("adversarial", "success", "attacked", "distance"):
        assert isinstance(getattr(arrays, key), np.ndarray)
        assert np.array_equal(getattr(arrays, key), getattr(tensors, key).numpy())


@pytest.mark.parametrize("name", ATTACKS)
def test_a_target_is_reached_where_the_radius_allows_and_depends_on_no_company(
    name: str, network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    attack, _ = ATTACKS[name]
    images, labels = batch
    targets = (labels + 1) % 3
    found = attack(network, images, labels, targets=targets)
    network.eval()
    predicted = network(found.adversarial).argmax(1)
    clean = network(images).argmax(1)
    network.train()
    assert torch.equal(found.success, predicted == targets)
    assert torch.equal(found.attacked, clean != targets)
    reached = {"square": 0.05, "cw": 0.5, "deepfool": 0.9, "shortest_fab": 0.9}
    assert found.success_rate >= reached.get(name, 0.2)
    if name in ("cw", "deepfool", "shortest_fab"):
        half = attack(network, images[:9], labels[:9], targets=targets[:9])
        torch.testing.assert_close(half.adversarial, found.adversarial[:9])


def test_a_targeted_descent_is_that_of_foolbox(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    targets = (labels + 1) % 3
    network.eval()
    peer = foolbox.attacks.LinfPGD(abs_stepsize=0.02, steps=8, random_start=False)
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    goal = foolbox.criteria.TargetedMisclassification(targets)
    _, expected, _ = peer(model, images, goal, epsilons=0.1)
    own = advlearn.PGD(0.1, steps=8, step_size=0.02, random_start=False)
    found = own(network, images, labels, targets=targets)
    network.train()
    torch.testing.assert_close(found.adversarial, expected)


def test_a_targeted_penalty_is_that_of_foolbox(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    targets = (labels + 1) % 3
    network.eval()
    peer = foolbox.attacks.L2CarliniWagnerAttack(
        steps=60, stepsize=0.05, binary_search_steps=4, initial_const=0.1, abort_early=False
    )
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    goal = foolbox.criteria.TargetedMisclassification(targets)
    _, expected, hit = peer(model, images, goal, epsilons=None)
    own = advlearn.CarliniWagner(
        steps=60, step_size=0.05, binary_search_steps=4, initial_const=0.1, abort_early=False
    )
    found = own(network, images, labels, targets=targets)
    network.train()
    both = found.attacked & found.success & hit
    assert both.sum() >= 10
    assert torch.equal(found.success[found.attacked], hit[found.attacked])
    length = torch.linalg.vector_norm((expected - images).flatten(1), dim=1).double()
    torch.testing.assert_close(found.distance[both], length[both], rtol=1e-4, atol=1e-5)


def test_the_defaults_are_those_of_the_settings() -> None:
    for attack, settings in ATTACKS.values():
        if isinstance(settings, ShortestFab):
            continue
        own = {
            name.removeprefix("n_"): parameter.default
            for name, parameter in inspect.signature(type(attack)).parameters.items()
            if parameter.default is not parameter.empty
        }
        fields = type(settings).model_fields
        assert own == {name: fields[name].default for name in own}
        assert set(fields) - own.keys() == {"name"} | (
            {"epsilon"} if isinstance(attack, BoundedAttack) else set()
        )


BAD: dict[str, tuple[Any, str]] = {
    "function": (lambda m, x, y: (lambda z: z, x, y, {}), "must be a torch.nn.Module"),
    "list": (lambda m, x, y: (m, x.tolist(), y, {}), "a numpy array or a torch tensor"),
    "bytes": (lambda m, x, y: (m, (x * 255).byte(), y, {}), "must be floating numbers"),
    "double": (lambda m, x, y: (m, x.double(), y, {}), "torch.float64, the network's weights"),
    "outside": (lambda m, x, y: (m, 2 * x, y, {}), "outside the box"),
    "strings": (lambda m, x, y: (m, np.array(["a"] * len(x)), y, {}), "cannot become a tensor"),
    "floats": (lambda m, x, y: (m, x, y.float(), {}), "labels must be whole numbers"),
    "truths": (lambda m, x, y: (m, x, y > 0, {}), "labels must be whole numbers"),
    "few": (lambda m, x, y: (m, x, y[1:], {}), "one label for each image"),
    "class": (lambda m, x, y: (m, x, y + 9, {}), "outside the network's 3 classes"),
    "target": (lambda m, x, y: (m, x, y, {"targets": y + 3}), "a target is outside"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_in_words(
    case: str, network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    make, said = BAD[case]
    model, images, labels, more = make(network, *batch)
    with pytest.raises(ValueError, match=said) as caught:
        advlearn.PGD(0.1, steps=2)(model, images, labels, **more)
    assert isinstance(caught.value, advlearn.UserError)
    assert caught.value.remedy


@pytest.mark.parametrize("values", [{"steps": 0}, {"norm": "l1"}, {"n_targets": 0}])
def test_a_search_without_a_radius_names_its_parameters_too(values: dict[str, Any]) -> None:
    key = next(iter(values)).removeprefix("n_")
    with pytest.raises(advlearn.UserError, match=f"ShortestFAB cannot be built: {key}"):
        advlearn.ShortestFAB(**values)


def test_the_nearest_input_is_within_the_radius_or_not(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    shortest = advlearn.ShortestFAB("linf", steps=8)(network, *batch)
    within = advlearn.FAB(0.05, steps=8)(network, *batch)
    attacked = shortest.attacked
    assert torch.equal(within.attacked, attacked)
    near = shortest.success & (shortest.distance <= 0.05)
    assert 0 < int(near[attacked].sum()) < int(attacked.sum())
    assert torch.equal(within.success[attacked], near[attacked])
    chosen = [advlearn.FAB(0.05, steps=8)]
    judged = advlearn.robust_accuracy(network, *batch, attacks=chosen)
    assert torch.equal(judged.robust, attacked & ~near)


@pytest.mark.parametrize("values", [{"epsilon": -1}, {"epsilon": 2}, {"steps": 0}, {"norm": "l1"}])
def test_a_parameter_out_of_its_range_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(advlearn.UserError, match=f"PGD cannot be built: {next(iter(values))}"):
        advlearn.PGD(**{"epsilon": 0.1, **values})


def test_robust_accuracy_is_the_worst_of_the_attacks(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    chosen = [advlearn.PGD(0.1, steps=5), advlearn.Square(0.1, queries=20)]
    both = advlearn.robust_accuracy(network, images.numpy(), labels.numpy(), attacks=chosen)
    first = advlearn.robust_accuracy(network, images, labels, attacks=chosen[:1])
    assert isinstance(both.robust, np.ndarray)
    assert both.robust_accuracy <= first.robust_accuracy < first.accuracy < 1
    assert not (both.robust & ~both.correct).any()
    assert repr(both).startswith("RobustAccuracy(23 inputs, accuracy=0.")
    usual = advlearn.robust_accuracy(network, images[:5], labels[:5], 0.05)
    assert 0 <= usual.robust_accuracy <= usual.accuracy


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "given once"),
        ({"epsilon": 0.1, "attacks": [advlearn.FGSM(0.1)]}, "given once"),
        ({"attacks": [advlearn.DeepFool()]}, "within a radius"),
        ({"attacks": [advlearn.FGSM(0.1), advlearn.FGSM(0.2)]}, "same norm and epsilon"),
    ],
)
def test_robust_accuracy_refuses(
    more: dict[str, Any], said: str, network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    with pytest.raises(advlearn.UserError, match=said):
        advlearn.robust_accuracy(network, *batch, **more)


def test_no_inputs_are_attacked_and_not_averaged(network: nn.Module) -> None:
    images, labels = torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64)
    found = advlearn.FGSM(0.1)(network, images, labels, targets=labels)
    assert found.adversarial.shape == images.shape
    assert np.isnan(found.success_rate)
    with pytest.raises(advlearn.UserError, match="no inputs"):
        advlearn.robust_accuracy(network, images, labels, 0.1)
