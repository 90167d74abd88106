"""What is not finite is never a success and never a robust image, whatever the attack."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import cw, deepfool, fab, topk
from advlearn.attacks.robustness import robust_verdicts, worst_case_verdicts
from advlearn.attacks.sanity import sanity_checks, strength_checks
from advlearn.budgets import L2Ball
from advlearn.settings.attack import (
    ApgdSettings,
    CwSettings,
    DeepFoolSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.topk import TopkAttackSettings
from advlearn.support import finite
from advlearn.support.errors import UserError
from tests.helpers import hostile
from tests.helpers.networks import layers

SHAPE, N, CLASSES = (1, 8, 8), 12, 4
Run = Callable[[nn.Module, Tensor, Tensor], Any]

PGD = PgdSettings(epsilon=0.1, steps=3)
RADIUS: dict[str, Any] = {
    "fgsm": FgsmSettings(epsilon=0.1),
    "fgsm l2": FgsmSettings(epsilon=1, norm="l2"),
    "pgd": PGD,
    "pgd l2": PgdSettings(epsilon=1, norm="l2", steps=3, random_start=False),
    "pgd restarts": PgdSettings(epsilon=0.1, steps=2, restarts=2),
    "pgd dlr": PgdSettings(epsilon=0.1, steps=2, deviation="dlr"),
    "pgd margin": PgdSettings(epsilon=0.1, steps=2, deviation="negative_margin"),
    "apgd": ApgdSettings(epsilon=0.1, steps=6),
    "apgd l2": ApgdSettings(epsilon=1, norm="l2", steps=3, restarts=2),
    "apgd targeted": ApgdSettings(epsilon=0.1, steps=2, deviation="targeted_dlr", targets=None),
    "fab": FabSettings(epsilon=0.1, steps=3),
    "fab l2": FabSettings(epsilon=1, norm="l2", steps=3, restarts=2, targets=2),
    "square": SquareSettings(epsilon=0.1, queries=6),
    "square l2": SquareSettings(epsilon=1, norm="l2", queries=6),
}


def of_images(settings: Any) -> Run:
    return lambda model, x, y: attacks.build(settings).run(model, x, y, 0)


def on_top_k(method: Any) -> Run:
    settings = TopkAttackSettings(method=method, iterations=12, clean_map="arctanh")

    def run(model: nn.Module, x: Tensor, y: Tensor) -> Any:
        relevant = nn.functional.one_hot(y, CLASSES).bool()
        relevant[:, 0] = True
        return topk.run(model, x, topk.TopkTargets(relevant, relevant, 1), settings, 5)

    return run


RUNS: dict[str, Run] = {
    **{name: of_images(settings) for name, settings in RADIUS.items()},
    "cw": lambda m, x, y: cw.build(CwSettings(steps=5)).solve(m, x, y),
    "cw greedy": lambda m, x, y: cw.build(CwSettings(steps=5, abort_early=False)).solve(m, x, y),
    "deepfool": lambda m, x, y: deepfool.build(DeepFoolSettings(steps=3)).solve(m, x, y),
    "deepfool linf": lambda m, x, y: deepfool.build(DeepFoolSettings(steps=3, norm="linf")).solve(
        m, x, y
    ),
    "fab shortest": lambda m, x, y: fab.ShortestFab(steps=3).solve(m, x, y),
    "verdicts fgsm": lambda m, x, y: robust_verdicts(m, x, y, RADIUS["fgsm"], 0),
    "verdicts pgd": lambda m, x, y: robust_verdicts(m, x, y, PGD, 0, batch_size=5),
    "worst case": lambda m, x, y: worst_case_verdicts(m, x, y, [RADIUS["fgsm"], PGD], 0),
    "worst case strong": lambda m, x, y: worst_case_verdicts(
        m, x, y, [RADIUS["apgd"], RADIUS["square"]], 0
    ),
    "sanity": lambda m, x, y: sanity_checks(m, x, y, PGD, 0),
    "strength": lambda m, x, y: strength_checks(m, x, y, PGD, 0, queries=6),
    **{
        f"topk {method}": on_top_k(method)
        for method in ("tkmia", "tkml_ap_u", "ml_cw_u_a", "kfool", "projected")
    },
}
# FGSM does not look at what it makes; Carlini and Wagner's variable has no black pixel.
EXEMPT = {("brittle", "fg"), ("dark", "cw")}
EXEMPT |= {(kind, "sq") for kind in ("still", "dark", "cut_off")}
# Square Attack needs no gradient, so that none can be wrong.
CLIMBERS = [name for name in RUNS if not name.startswith("square")]
SINGLE = [name for name in RUNS if not name.startswith("topk")]


def network(name: str) -> nn.Module:
    torch.manual_seed(3)
    built: nn.Module = getattr(hostile, name)(None, SHAPE, CLASSES)
    return built.eval()


def batch(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Images of 8 bits without black, whose labels are the model's predictions."""
    draw = torch.rand((N, *SHAPE), generator=torch.Generator().manual_seed(1))
    images = (1 + 253 * draw).round() / 255
    with torch.no_grad():
        return images, model(images).nan_to_num().argmax(1)


@pytest.mark.parametrize("name", RUNS)
def test_the_same_classifier_with_a_gradient_is_attacked(name: str) -> None:
    model = network("plain")
    RUNS[name](model, *batch(model))


@pytest.mark.parametrize("name", CLIMBERS)
def test_a_gradient_that_is_nan(name: str) -> None:
    model = network("still")
    with pytest.raises(UserError, match=r"input gradients are not finite for \d+ of \d+ images"):
        RUNS[name](model, *batch(model))


# Carlini and Wagner's variable has no image with a black pixel.
@pytest.mark.parametrize("name", [name for name in CLIMBERS if not name.startswith("cw")])
def test_a_gradient_that_is_nan_for_one_image(name: str) -> None:
    model = network("dark")
    images, labels = batch(model)
    images[7, 0, 0, 0] = 0
    with torch.no_grad():
        labels = model(images).argmax(1)
    with pytest.raises(UserError, match=r"input gradients are not finite for \d+ of \d+ images"):
        RUNS[name](model, images, labels)


# FGSM makes an image and does not look at it: whoever does is stopped (test_logits.py).
@pytest.mark.parametrize("name", [name for name in RUNS if not name.startswith("fgsm")])
def test_logits_that_are_nan_once_an_image_is_perturbed(name: str) -> None:
    model = network("brittle")
    with pytest.raises(UserError, match=r"logits are not finite for \d+ of \d+ images"):
        RUNS[name](model, *batch(model))


@pytest.mark.parametrize("name", RUNS)
def test_log_probabilities_of_minus_infinity(name: str) -> None:
    model = network("unlikely")
    with pytest.raises(UserError, match="return the scores before the softmax"):
        RUNS[name](model, *batch(model))


@pytest.mark.parametrize("name", CLIMBERS)
def test_a_network_without_a_gradient(name: str) -> None:
    model = network("cut_off")
    with pytest.raises(UserError, match="no gradient with respect to its input"):
        RUNS[name](model, *batch(model))


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("shape", ["transposed", "squeezed"])
def test_logits_of_a_wrong_shape(name: str, shape: str) -> None:
    model = network(shape)
    images, labels = batch(network("plain"))
    if shape == "squeezed":
        images, labels = images[:1], labels[:1]
    with pytest.raises(UserError, match="returned logits of shape"):
        RUNS[name](model, images, labels)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels + CLASSES, "outside the network's 4 classes"),
        (lambda labels: labels - CLASSES, "the first class is 0"),
        (lambda labels: labels.double(), "whole numbers"),
        (lambda labels: labels[1:], "one label for each image"),
    ],
    ids=["too large", "negative", "floating", "too few"],
)
def test_labels_that_no_class_has(
    name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    model = network("plain")
    images, labels = batch(model)
    with pytest.raises(UserError, match=message):
        RUNS[name](model, images, change(labels))


def error_of(name: str, model: nn.Module, images: Tensor, labels: Tensor) -> str:
    try:
        RUNS[name](model, images, labels)
    except UserError as error:
        # Places in a batch whose slots are filled at other steps.
        return re.sub(r"\d+", "N", str(error)) if name.startswith("verdicts") else str(error)
    return "none"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("kind", ["plain", "still", "dark", "brittle", "unlikely", "cut_off"])
def test_looking_every_few_steps_has_the_errors_of_looking_at_each(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(kind)
    images, labels = batch(model)
    if kind == "dark":
        images[7, 0, 0, 0] = 0
        with torch.no_grad():
            labels = model(images).argmax(1)
    expected = error_of(name, model, images, labels)
    assert (expected == "none") == (kind == "plain" or (kind, name[:2]) in EXEMPT)
    for every in (2, 4):
        monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
        assert error_of(name, model, images, labels) == expected


@pytest.mark.parametrize("name", [name for name in SINGLE if not name.startswith("verdicts")])
def test_labels_are_looked_at_before_a_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 4)
    model = network("plain")
    images, labels = batch(model)
    with pytest.raises(UserError, match="outside the network's 4 classes"):
        RUNS[name](model, images, labels + CLASSES)


def test_targets_of_another_number_of_labels() -> None:
    images, _ = batch(network("plain"))
    mask = torch.ones((N, 5), dtype=torch.bool)
    settings = TopkAttackSettings(method="tkmia", iterations=2)
    with pytest.raises(UserError, match=r"shape \(1, 4\) for 1 images"):
        topk.run(network("plain"), images, topk.TopkTargets(mask, mask, 1), settings, 5)
    with pytest.raises(UserError, match="bool masks"):
        topk.TopkTargets(mask.long(), mask, 1)


def test_a_gradient_of_zero_is_one() -> None:
    model = network("plain")
    images, labels = batch(model)
    with torch.no_grad():
        layers(model)[1].weight.zero_()
        labels = model(images).argmax(1)
    verdicts = robust_verdicts(model, images, labels, RADIUS["fgsm"], 0)
    assert verdicts.robust.all()
    checks = {check.check: check for check in sanity_checks(model, images, labels, PGD, 0)}
    assert checks["gradients_not_zero"].value == 1
    assert not checks["gradients_not_zero"].passed


def test_a_gradient_whose_square_overflows_has_its_direction() -> None:
    gradient = torch.randn((3, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    gradient[1] = 0
    large = gradient.clone()
    large[2] *= 1e30
    expected = L2Ball(1.0).maximiser(gradient)
    found = L2Ball(1.0).maximiser(large)
    assert torch.equal(found[:2], expected[:2])
    assert torch.allclose(found[2], expected[2], rtol=1e-5)


@pytest.mark.parametrize("name", ["cw", "deepfool", "topk kfool"])
def test_gradients_too_large_for_the_attack_are_no_distance(name: str) -> None:
    model = network("plain")
    images, labels = batch(model)
    with torch.no_grad():
        layers(model)[1].weight.mul_(1e30)
        layers(model)[1].bias.zero_()
        labels = model(images).argmax(1)
    with pytest.raises(UserError, match="gradients are not finite"):
        RUNS[name](model, images, labels)


def test_known_verdicts_of_another_length() -> None:
    model = network("plain")
    images, labels = batch(model)
    with pytest.raises(UserError, match="one verdict for each"):
        robust_verdicts(model, images, labels, PGD, 0, clean=torch.ones(3, dtype=torch.bool))
