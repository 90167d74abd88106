"""Losses of attacks on the top k: against their definitions, image by image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from advlearn.attacks.topk.targets import Goal, TopkTargets, reached
from advlearn.deviations import topk

K = 3


def batch(c: int = 9, n: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (requiring a gradient), relevant labels and specified ones, some not relevant."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(n, c, generator=generator, dtype=torch.float64)
    relevant = torch.rand(n, c, generator=generator) < 0.6
    specified = torch.rand(n, c, generator=generator) < 0.4
    relevant[:, :3], specified[:, :3] = True, torch.tensor([True, False, False])
    relevant[:, 3] = False
    return logits.requires_grad_(True), relevant, specified


def lambda_form(f: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """The paper's loss at the minimising auxiliary variables, one image, no sort of the logits."""
    wanted, others = relevant & specified, relevant & ~specified
    total = f.new_zeros(())
    for terms, size in ((f[wanted].max() - f, len(f) - k), (f - f[others].min(), k)):
        level = terms.sort(descending=True).values[size - 1]
        total = total + level + (terms - level).relu().sum() / size
    return total


def gradients(values: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(values.sum(), logits)[0]


def test_the_average_surrogate_is_the_papers_loss_at_its_minimum() -> None:
    logits, relevant, specified = batch()
    ours = topk.tkmia(logits, relevant, specified, K)
    rows = zip(logits, relevant, specified, strict=True)
    theirs = torch.stack([lambda_form(*row, K) for row in rows])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        gradients(ours, logits), gradients(theirs, logits), rtol=0, atol=1e-12
    )


def test_no_other_auxiliary_variable_is_smaller() -> None:
    logits, relevant, specified = (part[0] for part in batch())
    f = logits.detach()
    terms, size = f[relevant & specified].max() - f, len(f) - K
    smallest = min(
        float(level + (terms - level).relu().sum() / size) for level in torch.linspace(-5, 5, 4001)
    )
    mean = f.sort().values[:size].mean()
    assert smallest == pytest.approx(float(f[relevant & specified].max() - mean), abs=1e-2)
    assert smallest >= float(f[relevant & specified].max() - mean) - 1e-12


@pytest.mark.parametrize("surrogate", ["exact", "hinge"])
def test_exact_surrogates_know_the_sub_goals(surrogate: str) -> None:
    # Ranked 0 > 1 > 2 > 3 > 4; k = 2.
    f = torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0]])
    relevant = torch.tensor([[True, True, True, False, False]])
    inside, outside = torch.zeros(1, 5, dtype=torch.bool), torch.zeros(1, 5, dtype=torch.bool)
    inside[0, 0], outside[0, 2] = True, True
    # Label 0 must fall by 5 - 3 to the place k + 1, label 2 rise by 4 - 3 to place k.
    assert float(topk.tkmia(f, relevant, inside, 2, surrogate)) == 2 + 1
    # Label 2 is out already, labels 0 and 1 are in.
    assert float(topk.tkmia(f, relevant, outside, 2, surrogate)) == 0
    # The paper's surrogate bounds the exact form from above.
    logits, relevant, specified = batch()
    exact = topk.tkmia(logits, relevant, specified, K, "exact")
    assert bool((topk.tkmia(logits, relevant, specified, K) >= exact - 1e-12).all())
    assert bool((topk.tkmia(logits, relevant, specified, K, "hinge") >= 0).all())


def test_baselines_are_their_definitions() -> None:
    logits, relevant, specified = batch()
    values = {
        name: loss(logits, relevant, specified, K).tolist() for name, loss in topk.LOSSES.items()
    }
    for row, (f, y, s) in enumerate(zip(logits.tolist(), relevant, specified, strict=True)):
        inside = [f[j] for j in range(9) if y[j]]
        others = [f[j] for j in range(9) if not y[j]]
        wanted = [f[j] for j in range(9) if y[j] and s[j]]
        rest = [f[j] for j in range(9) if not (y[j] and s[j])]
        low = sorted(f)[: 9 - K]
        expected = {
            "tkml_ap_u": max(inside) - sum(low) / len(low),
            "ml_cw_u_a": max(0.0, max(inside) - min(others)),
            "ml_cw_u_b": sum(max(0.0, value) for value in inside),
            "ml_cw_u_c": max(0.0, max(wanted) - min(rest)),
            "ml_cw_u_d": max(0.0, max(wanted) - sorted(rest)[-min(K, len(rest))]),
        }
        for name, value in expected.items():
            assert values[name][row] == pytest.approx(value, abs=1e-12), name


def test_two_losses_ask_exactly_for_the_removal_and_one_for_more() -> None:
    logits, relevant, specified = batch(n=4000)
    wanted = relevant & specified
    gone = reached(logits, Goal(TopkTargets(relevant, specified, K)))
    assert 50 < int(gone.sum()) < 3950
    removal = topk.tkmia(logits, relevant, specified, K, "removal")
    assert (removal <= 0).equal(gone)
    enough = topk.ml_cw_u_d(logits, relevant, specified, K) == 0
    # Where fewer than k labels are not specified, no perturbation removes all that are.
    possible = (~wanted).sum(1) >= K
    assert bool(possible.any())
    assert enough[possible].equal(gone[possible])
    assert not bool(gone[~possible].any())
    # Variant (c) asks that they are below all other labels.
    more = topk.ml_cw_u_c(logits, relevant, specified, K) == 0
    assert not bool((more & ~gone & possible).any())
    assert int(more.sum()) < int(gone.sum()) / 2


def test_the_removal_alone_is_the_first_term_of_the_exact_form() -> None:
    logits, relevant, specified = batch()
    whole = topk.tkmia(logits, relevant, specified, K, "exact")
    removal = topk.tkmia(logits, relevant, specified, K, "removal")
    for row, (f, y, s) in enumerate(zip(logits.tolist(), relevant, specified, strict=True)):
        leave = max(f[j] for j in range(9) if y[j] and s[j]) - sorted(f)[-K - 1]
        assert float(removal[row]) == pytest.approx(leave, abs=1e-12)
    assert not torch.allclose(removal, whole)


@pytest.mark.parametrize("surrogate", ["average", "exact", "hinge", "removal"])
@pytest.mark.parametrize("name", [name for name in topk.LOSSES if name != "ml_cw_u_b"])
def test_a_constant_added_to_all_logits_changes_nothing(name: str, surrogate: str) -> None:
    logits, relevant, specified = batch()
    loss = topk.build(name, surrogate)
    before, after = (loss(f, relevant, specified, K) for f in (logits, logits + 3.25))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-12)
    # Hence the gradient sums to 0.
    total = gradients(before, logits).sum(1)
    torch.testing.assert_close(total, torch.zeros_like(total), rtol=0, atol=1e-12)


@pytest.mark.parametrize("surrogate", ["average", "exact", "hinge", "removal"])
@pytest.mark.parametrize("name", list(topk.LOSSES))
@pytest.mark.parametrize("relevant", [True, False])
@pytest.mark.parametrize("specified", [True, False])
def test_empty_sets_give_finite_values_and_gradients(
    name: str, surrogate: str, relevant: bool, specified: bool
) -> None:
    logits = batch()[0]
    first, second = (torch.full(logits.shape, value) for value in (relevant, specified))
    values = topk.build(name, surrogate)(logits, first, second, K)
    assert bool(values.isfinite().all())
    assert bool(gradients(values, logits).isfinite().all())
