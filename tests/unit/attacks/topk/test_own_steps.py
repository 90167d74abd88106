"""Steps of one's own in study 2: the one of docs/own-attack.md, and steps that would go wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.topk import engine
from advlearn.metrics.ranking import top_k_mask
from advlearn.settings.topk import OwnTopkMethod, TopkAttackSettings, sound
from advlearn.support.errors import UserError
from advlearn.support.finite import NotFiniteError
from tests.helpers.scenes import K, scenes, small_network, targets_of

PAGE = Path(__file__).resolve().parents[4] / "docs" / "own-attack.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## 8.")[2].partition("\n## ")[0]
(CODE,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
OWN = OwnTopkMethod(function="mylab.topk:Straight", settings={"decay": 0.4, "back": 0.3})
STEPS, RATE = 25, 0.1


@pytest.fixture(autouse=True)
def mylab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("mylab.topk")
    exec(compile(CODE, str(PAGE), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "mylab", ModuleType("mylab"))
    monkeypatch.setitem(sys.modules, "mylab.topk", module)
    return module


def settings(**changes: Any) -> TopkAttackSettings:
    return sound("straight", own=OWN, iterations=STEPS, learning_rate=RATE, **changes)


def plain(model: nn.Module, image: Tensor, relevant: Tensor, specified: Tensor) -> list[Tensor]:
    """All iterates of the page's method on one image, written down for it alone."""
    wanted = specified & relevant
    iterate, direction, found = image.clone(), torch.zeros_like(image), [image]
    for _ in range(STEPS - 1):
        point = iterate.clone().requires_grad_()
        logits = model(point[None])
        (slope,) = torch.autograd.grad((logits * wanted).sum(), point)
        direction = 0.4 * direction - slope / slope.norm()
        if bool((wanted & top_k_mask(logits.detach(), K)[0]).any()):
            iterate = iterate + RATE * direction
        else:
            iterate = iterate + 0.3 * (image - iterate)
        iterate = iterate.clamp(0, 1)
        found.append(iterate)
    return found


@pytest.mark.parametrize(("size", "every"), [(1, 1), (3, 1), (3, 4), (None, 4)])
def test_the_nearest_success_of_each_image_is_that_of_its_own_loop(
    size: int | None, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "look_every", lambda device: every)
    model, images = small_network(torch.float64), scenes(9, torch.float64)
    targets = targets_of(topk.clean_logits(model, images, settings()))
    for keep in ("first", "min_norm"):
        outcome = topk.run(model, images, targets, settings(keep=keep), size)
        assert outcome.success.double().mean() >= 0.3
        assert len(outcome.iterations.unique()) > 1
        for row, image in enumerate(images):
            masks = targets.relevant[row], targets.specified[row]
            iterates = torch.stack(plain(model, image, *masks))
            inside = top_k_mask(model(iterates).detach(), K) & (masks[0] & masks[1])
            length = (iterates - image).flatten(1).norm(dim=1)
            hits = (~inside.any(1)).nonzero().squeeze(1)
            assert bool(outcome.success[row]) == bool(len(hits))
            if len(hits):
                kept = hits[length[hits].argmin()] if keep == "min_norm" else hits[0]
                torch.testing.assert_close(outcome.l2[row], length[kept].double())


def test_the_squashed_image_is_where_it_begins_as_the_authors_begin() -> None:
    model, images = small_network(), scenes(4)
    own = settings(clean_map="tanh_raw")
    targets = targets_of(topk.clean_logits(model, images, own))
    outcome = topk.run(model, images, targets, own)
    torch.testing.assert_close(outcome.clean_logits, topk.clean_logits(model, images, own))


BROKEN: dict[str, tuple[str, str]] = {
    "memory on the object": (
        "  def begin(self, clean): self.sum = 0 * clean; return {}\n"
        "  def step(self, now):\n"
        "    if self.sum.shape != now.images.shape: self.sum = 0 * now.images\n"
        "    self.sum = self.sum + now.gradient(lambda f: f[:, 0]); return now.images + self.sum",
        "other images for an image alone",
    ),
    "rows mixed": (
        "  def begin(self, clean): return {}\n"
        "  def step(self, now): return now.images - now.images.mean(0)",
        "other images for an image alone",
    ),
    "shape": (
        "  def begin(self, clean): return {}\n  def step(self, now): return now.images.flatten(1)",
        r"images of shape \(3, ",
    ),
    "no tensor": (
        "  def begin(self, clean): return {}\n  def step(self, now): return 0.0",
        "images of shape float",
    ),
    "type": (
        "  def begin(self, clean): return {}\n  def step(self, now): return now.images.double()",
        "images of type torch.float64, wanted torch.float32",
    ),
    "memory without rows": (
        "  def begin(self, clean): return {'t': clean.new_zeros(1, 7)}\n"
        "  def step(self, now): return now.images",
        "a memory that is no dict of tensors",
    ),
    "memory that comes later": (
        "  def begin(self, clean): return {}\n"
        "  def step(self, now): now.memory['t'] = now.images; return now.images",
        "a memory of other names, shapes or types",
    ),
    "not finite": (
        "  def begin(self, clean): return {}\n  def step(self, now): return now.images / 0",
        "images of the step of Straight are not finite",
    ),
    "another device": (
        "  def begin(self, clean): return {}\n  def step(self, now): return now.images.to('meta')",
        "images on the device meta, wanted cpu",
    ),
    "memory on another device": (
        "  def begin(self, clean): return {'t': clean.to('meta')}\n"
        "  def step(self, now): return now.images",
        "a memory that is no dict of tensors with 3 rows on the device cpu",
    ),
    "a row for each other image": (
        "  def begin(self, clean): return {'t': clean.new_zeros(len(clean), len(clean))}\n"
        "  def step(self, now): return now.images",
        "a memory of another layout for an image alone",
    ),
    "a gradient of many numbers": (
        "  def begin(self, clean): return {}\n"
        "  def step(self, now): return now.images - now.gradient(lambda logits: logits)",
        r"numbers to take the gradient of, of shape \(3, 9\), wanted \(3,\)",
    ),
    "a gradient of other logits": (
        "  def begin(self, clean): return {}\n"
        "  def step(self, now): return now.images - now.gradient(lambda _: now.logits[:, 0])",
        "numbers without a gradient by the logits",
    ),
    "an error": (
        "  def begin(self, clean): return {}\n  def step(self, now): return now.nothing",
        "Straight raised AttributeError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_steps_that_would_be_wrong_are_refused(case: str, mylab: ModuleType) -> None:
    body, said = BROKEN[case]
    exec(f"class Straight:\n  def __init__(self, settings): pass\n{body}", mylab.__dict__)
    model, images = small_network(), scenes(4)
    targets = targets_of(topk.clean_logits(model, images, settings()))
    with pytest.raises((UserError, NotFiniteError), match=said):
        topk.run(model, images, targets, settings())


def test_what_a_step_writes_into_is_its_own(mylab: ModuleType) -> None:
    def spoilt(straight: Any) -> Any:
        def step(now: Any) -> Tensor:
            moved: Tensor = straight.step(now)
            for values in (now.images, now.logits, now.clean):
                values.zero_()
            now.relevant.zero_(), now.specified.zero_()
            return moved

        return Told(straight.begin, step)

    model, images = small_network(), scenes(6)
    targets = targets_of(topk.clean_logits(model, images, settings()))
    expected = topk.run(model, images, targets, settings())
    original = mylab.__dict__["Straight"]
    mylab.__dict__["Straight"] = lambda values: spoilt(original(values))
    found = topk.run(model, images, targets, settings())
    assert torch.equal(found.l2, expected.l2)
    assert torch.equal(found.success, expected.success)


DESCENT = "now.gradient(lambda f: (f * (now.specified & now.relevant)).sum(1))"
HELD: dict[str, tuple[str, str]] = {
    "one tensor under two names": (
        "g = {0}; a, b = now.memory['a'], now.memory['b']\n"
        "    now.memory['a'] = b; now.memory['b'] = b",
        "now.images - 0.05 * g - 0.01 * a",
    ),
    "one number for all": (
        "g = {0}; a = now.memory['a']; now.memory['a'] = torch.ones(1).expand(a.shape)",
        "now.images - 0.05 * g - 0.01 * a",
    ),
    "a tensor that it goes on to use": (
        "g = {0}; a = now.memory['a'].clone()\n"
        "    if now.images.shape == getattr(self, 'last', g[:0]).shape: self.last.fill_(0)\n"
        "    self.last = now.memory['a'] = torch.ones_like(g)",
        "now.images - 0.05 * g - 0.01 * a",
    ),
    "what needs a gradient": (
        "g = {0}; x = now.images.requires_grad_(); now.memory['a'] = 2 * x",
        "x - 0.05 * g",
    ),
}


@pytest.mark.parametrize("case", HELD)
def test_what_a_step_returns_is_held_apart(
    case: str, mylab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, moved = (text.replace("{0}", DESCENT) for text in HELD[case])
    exec(
        "class Straight:\n  def __init__(self, settings): pass\n"
        "  def begin(self, clean): return {'a': 0 * clean, 'b': 1 + 0 * clean}\n"
        f"  def step(self, now):\n    {before}\n    return {moved}",
        mylab.__dict__,
    )
    model, images = small_network(), scenes(9)
    targets = targets_of(topk.clean_logits(model, images, settings()))
    expected = topk.run(model, images, targets, settings(keep="first"), 1)
    assert len(expected.iterations.unique()) > 1
    for size, every in ((4, 1), (4, 3), (9, 1)):
        monkeypatch.setattr(engine, "look_every", lambda device, every=every: every)
        found = topk.run(model, images, targets, settings(keep="first"), size)
        torch.testing.assert_close(found.l2, expected.l2, rtol=1e-4, atol=1e-6)
        assert not found.adversarial_logits.requires_grad


def test_a_gradient_cannot_change_by_what_success_is_judged(mylab: ModuleType) -> None:
    model, images = small_network(), scenes(6)
    targets = targets_of(topk.clean_logits(model, images, settings()))
    outcomes = []
    for ending in ("", "_"):
        exec(
            "class Straight:\n  def __init__(self, settings): pass\n"
            "  def begin(self, clean): return {}\n"
            "  def step(self, now):\n"
            "    kept = now.specified & now.relevant\n"
            f"    g = now.gradient(lambda f: f.masked_fill{ending}(~kept, 0).sum(1))\n"
            "    return now.images - 0.05 * g",
            mylab.__dict__,
        )
        outcomes.append(topk.run(model, images, targets, settings()))
    assert torch.equal(outcomes[0].l2, outcomes[1].l2)
    assert torch.equal(outcomes[0].adversarial_logits, outcomes[1].adversarial_logits)


def test_it_begins_at_the_image_that_a_step_is_given_as_clean(mylab: ModuleType) -> None:
    exec(
        "class Straight:\n  def __init__(self, settings): pass\n"
        "  def begin(self, clean): return {'clean': clean}\n"
        "  def step(self, now):\n"
        "    assert torch.equal(now.memory['clean'], now.clean)\n"
        "    return now.images * 0.99",
        mylab.__dict__,
    )
    model, images = small_network(), scenes(4)
    for kind in ("arctanh", "tanh_raw"):
        own = settings(clean_map=kind)
        targets = targets_of(topk.clean_logits(model, images, own))
        assert len(topk.run(model, images, targets, own, 3).l2) == 4


class Told:
    """Begins and steps as it is told."""

    def __init__(self, begin: Any, step: Any) -> None:
        self.begin, self.step = begin, step


def test_no_images_need_no_steps() -> None:
    model = small_network()
    targets = targets_of(topk.clean_logits(model, scenes(2), settings()))
    assert len(topk.run(model, scenes(2)[:0], targets[:0], settings()).success) == 0
