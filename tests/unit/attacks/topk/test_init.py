"""All attacks: identity with a plain loop, batch sizes, the loop's promises, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.topk import TopkOutcome, TopkTargets
from advlearn.attacks.topk.targets import build_goal, reached
from advlearn.metrics.ranking import measures, top_k_mask
from advlearn.settings.topk import METHODS, TopkAttackSettings, authors, sound
from advlearn.support.errors import BudgetViolation, UserError
from benchmarks import plain_topk
from tests.helpers.networks import layers
from tests.helpers.scenes import LABELS, K, scenes, small_network, targets_of

pytestmark = pytest.mark.slow

Result = tuple[TopkOutcome, Tensor]


def attacked(
    model: nn.Module,
    images: Tensor,
    targets: TopkTargets,
    settings: TopkAttackSettings,
    batch_size: int = 16,
) -> Result:
    """The outcome and the perturbed images in the order of the targets."""
    found = torch.full_like(images, torch.nan)

    def sink(positions: list[int], adversarial: Tensor) -> None:
        assert bool(found[positions].isnan().all()), "an image was handed on twice"
        found[positions] = adversarial

    return topk.run(model, images, targets, settings, batch_size, sink=sink), found


def prepared(
    settings: TopkAttackSettings, n: int = 30, dtype: torch.dtype = torch.float32
) -> tuple[nn.Module, Tensor, TopkTargets]:
    model, images = small_network(dtype), scenes(n, dtype)
    return model, images, targets_of(topk.clean_logits(model, images, settings, 10))


@pytest.mark.parametrize("method", ["tkmia", "tkml_ap_u", "kfool"])
def test_the_authors_preset_is_the_plain_loop(method: Any) -> None:
    # The step at which an image succeeds is compared, too: in float64, where rounding moves none.
    settings = authors(method, learning_rate=0.02, iterations=40)
    model, images, targets = prepared(settings, dtype=torch.float64)
    outcome, adversarial = attacked(model, images, targets, settings, batch_size=7)
    assert int(outcome.success.sum()) > 0
    assert int(outcome.iterations.max()) > 0
    for i in range(len(images)):
        arguments = model, images[i : i + 1], targets.relevant[i], targets.specified[i], K
        if method == "kfool":
            plain = plain_topk.kfool(*arguments, iterations=40)
        else:
            plain = plain_topk.descent(*arguments, method, 0.02, 40)
        assert bool(outcome.success[i]) == plain.success
        if method != "kfool":
            assert int(outcome.iterations[i]) == plain.steps
            torch.testing.assert_close(adversarial[i], plain.image[0], rtol=0, atol=1e-10)
            z = 2 * images[i].double() - 1
            change = torch.atanh(0.999999 * (2 * plain.image[0].double() - 1)) - z
            assert float(outcome.l2_pretanh[i]) == pytest.approx(float(change.norm()), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("preset", [authors, sound])
@pytest.mark.parametrize("method", METHODS)
def test_results_do_not_depend_on_the_batch_size(method: Any, preset: Any) -> None:
    settings = preset(method, learning_rate=0.02, iterations=24)
    model, images, targets = prepared(settings, 20, torch.float64)
    whole, expected = attacked(model, images, targets, settings, 64)
    for batch_size in (1, 7):
        part, found = attacked(model, images, targets, settings, batch_size)
        assert part.success.equal(whole.success)
        assert part.iterations.equal(whole.iterations)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(part.adversarial_logits, whole.adversarial_logits)


@pytest.mark.slow
@pytest.mark.parametrize("success", ["removed", "strict"])
@pytest.mark.parametrize("preset", [authors, sound])
@pytest.mark.parametrize("method", METHODS)
def test_the_outcome_says_what_is_true_of_the_images(
    method: Any, preset: Any, success: Any
) -> None:
    settings = preset(method, learning_rate=0.03, iterations=30, success=success)
    model, images, targets = prepared(settings)
    outcome, adversarial = attacked(model, images, targets, settings)
    assert bool(((adversarial >= 0) & (adversarial <= 1)).all())
    with torch.no_grad():
        clean = images if preset is sound else (torch.tanh(2 * images - 1) + 1) / 2
        torch.testing.assert_close(outcome.clean_logits, model(clean), rtol=0, atol=1e-4)
        torch.testing.assert_close(
            outcome.adversarial_logits, model(adversarial), rtol=0, atol=1e-4
        )
    change = (adversarial.double() - clean.double()).flatten(1)
    torch.testing.assert_close(outcome.l2, change.norm(dim=1), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(outcome.linf, change.abs().amax(1), rtol=1e-5, atol=1e-7)
    gone = ~(targets.specified & top_k_mask(outcome.adversarial_logits, K)).any(1)
    before, after = (
        measures(logits, targets.relevant, K)
        for logits in (outcome.clean_logits, outcome.adversarial_logits)
    )
    expected = gone & (after >= before - 1e-9).all(1) if success == "strict" else gone
    assert outcome.success.equal(expected)
    assert bool((outcome.seconds > 0).all())
    if success == "removed" and method != "ml_cw_u_b":
        assert int(outcome.success.sum()) > 0


def test_tkmia_lowers_the_measures_less_than_the_attack_that_ignores_them() -> None:
    settings = sound("tkmia", keep="first")
    model, images, targets = prepared(settings)
    delta = {}
    for method in ("tkmia", "tkml_ap_u"):
        outcome, _ = attacked(
            model, images, targets, settings.model_copy(update={"method": method})
        )
        assert bool(outcome.success.all())
        before, after = (
            measures(logits, targets.relevant, K)[:, 1].mean()
            for logits in (outcome.clean_logits, outcome.adversarial_logits)
        )
        delta[method] = float(after - before)
    assert delta["tkmia"] > delta["tkml_ap_u"]


@pytest.mark.parametrize("success", ["removed", "strict"])
def test_the_nearest_success_is_nearer_than_the_first(success: Any) -> None:
    first = sound("tkmia", keep="first", success=success)
    nearest = first.model_copy(update={"keep": "min_norm"})
    model, images, targets = prepared(first)
    one, _ = attacked(model, images, targets, first)
    other, _ = attacked(model, images, targets, nearest)
    assert one.success.equal(other.success)
    both = one.success
    assert int(both.sum()) > 0
    assert bool((other.l2[both] <= one.l2[both] + 1e-6).all())
    assert float(other.l2[both].mean()) < 0.9 * float(one.l2[both].mean())


def test_failures_end_at_the_last_iterate_that_was_looked_at() -> None:
    settings = authors("tkmia", learning_rate=1e-6, iterations=5)
    model, images, targets = prepared(settings, dtype=torch.float64)
    outcome, adversarial = attacked(model, images, targets, settings)
    assert not bool(outcome.success.any())
    assert outcome.iterations.tolist() == [5] * len(images)
    plain = plain_topk.descent(
        model, images[:1], targets.relevant[0], targets.specified[0], K, "tkmia", 1e-6, 5
    )
    torch.testing.assert_close(adversarial[:1], plain.image, rtol=0, atol=1e-12)


def test_an_attack_starts_at_the_clean_image_and_black_and_white_pixels_move() -> None:
    settings = sound("tkmia", learning_rate=0.05, iterations=20, keep="first")
    model, images, targets = prepared(settings)
    images[:, :, :6] = images[:, :, :6].round()
    still, unmoved = attacked(model, images, targets, settings.model_copy(update={"iterations": 1}))
    torch.testing.assert_close(unmoved, images, rtol=0, atol=1e-6)
    assert float(still.l2.max()) < 1e-5
    _, adversarial = attacked(model, images, targets, settings)
    moved = (adversarial - images).abs()
    for edge in (0.0, 1.0):
        assert float(moved[images == edge].max()) > 1e-3


def test_images_are_read_a_few_at_a_time_from_whatever_holds_them() -> None:
    settings = sound("tkmia", learning_rate=0.05, iterations=15, keep="first")
    model, images, targets = prepared(settings, dtype=torch.float64)
    rows = [3, 8, 9, 21]

    class Store:
        def __getitem__(self, positions: list[int]) -> np.ndarray:
            assert len(positions) <= 8
            assert set(positions) <= set(rows)
            return images.numpy()[positions]

    whole, expected = attacked(model, images, targets, settings)
    found: dict[int, Tensor] = {}
    part = topk.run(
        model, Store(), targets[torch.tensor(rows)], settings, 3, positions=rows,
        sink=lambda names, batch: found.update(zip(names, batch, strict=True)),
    )  # fmt: skip
    assert sorted(found) == rows
    for row in rows:
        torch.testing.assert_close(found[row], expected[row], rtol=0, atol=1e-10)
    torch.testing.assert_close(part.l2, whole.l2[rows], rtol=0, atol=1e-9)
    logits = topk.clean_logits(model, Store(), settings, 3, rows)
    torch.testing.assert_close(logits.float(), whole.clean_logits[rows])


def test_without_the_truth_success_is_still_judged_by_it() -> None:
    settings = sound("tkmia", learning_rate=0.05, iterations=30, success="strict", keep="first")
    model, images, targets = prepared(settings)
    logits = topk.clean_logits(model, images, settings, 10)
    blind = topk.uncertain_targets(targets, logits, range(30), hidden=0.9, seed=0)
    outcome, _ = attacked(model, images, blind, settings)
    goal = build_goal(targets, outcome.clean_logits, "strict")
    assert outcome.success.equal(reached(outcome.adversarial_logits, goal))
    sighted, _ = attacked(model, images, targets, settings)
    assert int(outcome.success.sum()) < int(sighted.success.sum())


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(method: Any) -> None:
    settings = sound(method, iterations=6)
    model, images, targets = prepared(settings)
    model.train()
    parts = layers(model)
    parts[1].eval()
    parts[0].bias.grad = torch.ones_like(parts[0].bias)
    before = [value.clone() for value in model.state_dict().values()]
    first, _ = attacked(model, images, targets, settings)
    second, _ = attacked(model, images, targets, settings)
    assert first.l2.equal(second.l2)
    assert model.training
    assert not parts[1].training
    assert bool((parts[0].bias.grad == 1).all())
    assert parts[0].weight.grad is None
    assert all(p.requires_grad for p in model.parameters())
    assert all(a.equal(b) for a, b in zip(before, model.state_dict().values(), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_no_images(method: Any) -> None:
    none = torch.zeros((0, LABELS), dtype=torch.bool)
    outcome = topk.run(
        small_network(), scenes(3), TopkTargets(none, none, K), sound(method), 8, positions=[]
    )
    assert len(outcome.success) == 0
    assert outcome.adversarial_logits.shape == (0, LABELS)


def test_logits_that_are_not_finite_name_the_image() -> None:
    settings = sound("tkmia", iterations=3)
    model, images, targets = prepared(settings)

    class Broken(nn.Module):
        def forward(self, batch: Tensor) -> Tensor:
            bad = ((batch - images[19]).abs() < 1e-6).flatten(1).all(1)
            logits: Tensor = model(batch)
            return logits.masked_fill(bad[:, None], torch.nan)

    with pytest.raises(UserError, match="position 19"):
        attacked(Broken(), images, targets, settings)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_pixels_outside_the_box_are_refused(network: nn.Module, value: float) -> None:
    images = scenes(5)
    images[3, 0, 2, 2] = value
    masks = torch.ones((5, LABELS), dtype=torch.bool)
    with pytest.raises(UserError, match=r"in \[0, 1\]"):
        topk.run(network, images, TopkTargets(masks, masks, K), sound("tkmia"), 5)


def test_leaving_the_box_is_a_defect(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "advlearn.attacks.topk.variable.TanhVariable.pixels", lambda self, w: 0.5 + w
    )
    settings = sound("tkmia", iterations=2)
    images = scenes(5)
    targets = targets_of(topk.clean_logits(network, images, settings, 5))
    with pytest.raises(BudgetViolation, match="outside"):
        topk.run(network, images, targets, settings, 5)


def test_rows_without_images_are_refused(network: nn.Module) -> None:
    masks = torch.ones((5, LABELS), dtype=torch.bool)
    targets, settings = TopkTargets(masks, masks, K), sound("tkmia")
    for batch_size, positions in ((4, [0, 1]), (0, None)):
        with pytest.raises(UserError, match="one image"):
            topk.run(network, scenes(5), targets, settings, batch_size, positions=positions)
