"""Step rules of one's own: MI-FGSM of docs/own-attack.md, and rules that would go wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.sanity import sanity_checks
from advlearn.attacks.stacked import check_stack, solver_of
from advlearn.learners.networks.stack import Stack
from advlearn.settings.attack import OwnAttackSettings, attack_from_json
from advlearn.support.errors import UserError
from advlearn.training.adversarial import online_settings
from tests.helpers.images import labelled_images

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own-attack.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## 6.")[2].partition("\n## ")[0]
(CODE,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
STEPS, EPSILON, SIZE = 8, 0.03, 0.012


@pytest.fixture(autouse=True)
def mylab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    package, module = ModuleType("mylab"), ModuleType("mylab.attacks")
    exec(compile(CODE, str(PAGE), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "mylab", package)
    monkeypatch.setitem(sys.modules, "mylab.attacks", module)
    return module


def settings(**changes: Any) -> OwnAttackSettings:
    values = {
        "name": "mylab.attacks:mi_fgsm",
        "epsilon": EPSILON,
        "steps": STEPS,
        "step_size": SIZE,
        "random_start": False,
        "settings": {"decay": 0.9},
    }
    return OwnAttackSettings.model_validate({**values, **changes})


def plain(model: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    """All iterates of MI-FGSM, written down as in the paper, all images in one batch."""
    iterate, total, found = images.clone(), torch.zeros_like(images), [images.clone()]
    for _ in range(STEPS):
        point = iterate.clone().requires_grad_()
        nn.functional.cross_entropy(model(point), labels, reduction="sum").backward()
        assert point.grad is not None
        total = 0.9 * total + point.grad / point.grad.abs().flatten(1).mean(1)[:, None, None, None]
        moved = iterate + SIZE * total.sign()
        iterate = moved.clamp(images - EPSILON, images + EPSILON).clamp(0, 1)
        found.append(iterate.clone())
    return found


def test_the_images_are_those_of_the_paper(conv: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    images, labels = batch
    expected = plain(conv, images, labels)[-1]
    for size in (3, None):
        found = replace(solver_of(settings()), batch_size=size).run(conv, images, labels, 0)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [1, 7, 50, 200, None])
def test_robust_accuracy_does_not_depend_on_the_batch(size: int | None, conv: nn.Module) -> None:
    images, labels = labelled_images(conv, 200)
    iterates = plain(conv, images, labels)
    robust = torch.stack([conv(each).argmax(1) == labels for each in iterates]).all(0)
    assert 20 < robust.sum() < 150
    found = robust_verdicts(conv, images, labels, settings(), seed=0, batch_size=size)
    assert torch.equal(found.robust, robust)


def test_without_memory_it_is_pgd(conv: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    own = settings(settings={"decay": 0.0}, norm="linf", random_start=True, restarts=2)
    pgd = attack_from_json(
        f'{{"name": "pgd", "epsilon": {EPSILON}, "steps": {STEPS}, "step_size": {SIZE},'
        ' "restarts": 2}'
    )
    for each in (0, 1):
        expected = attacks.build(pgd).run(conv, *batch, each)
        assert torch.equal(attacks.build(own).run(conv, *batch, each), expected)


def test_the_checks_of_an_evaluation_take_it(conv: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    assert all(check.passed for check in sanity_checks(conv, *batch, settings(), seed=0))


def test_it_is_cut_for_online_crafting_and_read_from_a_configuration() -> None:
    assert online_settings(settings(restarts=1), 3).steps == 3  # type: ignore[union-attr]
    assert attack_from_json(settings().to_json()) == settings()


def test_networks_side_by_side_are_refused(conv: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    solver = solver_of(settings())
    stack = Stack(conv, [conv.state_dict()] * 2)
    with pytest.raises(UserError, match="against one network at a time"):
        check_stack(stack, *batch, [solver] * 2)


BROKEN = {
    "memory on the object": (
        "def begin(self, clean): self.sum = 0 * clean; return {}\n"
        "  def direction(self, gradient, memory):\n"
        "    if self.sum.shape != gradient.shape: self.sum = 0 * gradient\n"
        "    self.sum = self.sum + gradient / gradient.abs().mean(); return self.sum",
        "another direction for an image alone",
    ),
    "rows mixed": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient - gradient.mean(0)",
        "another direction for an image alone",
    ),
    "shape": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient.flatten(1)",
        "a direction of shape",
    ),
    "type": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient.double()",
        "a direction of type",
    ),
    "memory without rows": (
        "def begin(self, clean): return {'t': clean.new_zeros(1, 7)}\n"
        "  def direction(self, gradient, memory): return gradient",
        "a memory that is no dict of tensors",
    ),
    "memory that comes later": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory):\n"
        "    memory['sum'] = memory.get('sum', 0) + gradient; return memory['sum']",
        "a memory of other names, shapes or types",
    ),
    "not finite": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient / 0",
        "directions of the attack are not finite",
    ),
    "a row for each other image": (
        "def begin(self, clean): return {'t': clean.new_zeros(len(clean), len(clean))}\n"
        "  def direction(self, gradient, memory): return gradient",
        "a memory of another layout for an image alone",
    ),
    "another device": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient.to('meta')",
        "a direction on the device meta, wanted cpu",
    ),
    "an error": (
        "def begin(self, clean): return {}\n"
        "  def direction(self, gradient, memory): return gradient.nothing",
        "Broken raised AttributeError",
    ),
    "no rule": ("pass", "no step rule"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("call", ["run", "verdicts"])
def test_a_rule_that_would_be_wrong_is_refused(
    case: str,
    call: str,
    mylab: ModuleType,
    conv: nn.Module,
    batch: tuple[Tensor, Tensor],
) -> None:
    body, said = BROKEN[case]
    exec(f"class Broken:\n  {body}\ndef broken(settings): return Broken()", mylab.__dict__)
    own = settings(name="mylab.attacks:broken")
    calls: dict[str, Callable[[], object]] = {
        "run": lambda: attacks.build(own).run(conv, *batch, 0),
        "verdicts": lambda: robust_verdicts(conv, *batch, own, seed=0),
    }
    with pytest.raises(UserError, match=said):
        calls[call]()


@pytest.mark.parametrize("name", ["mylab.attacks:none", "nowhere.attacks:x"])
def test_what_cannot_be_imported_is_named(name: str) -> None:
    with pytest.raises(UserError, match=f"cannot load the attack '{name}'"):
        attacks.build(settings(name=name))
