from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.deviations import (
    build,
    cross_entropy,
    dlr,
    margin,
    negative_margin,
    targeted_dlr,
)
from advlearn.support.errors import UserError

LOGITS = torch.tensor([[3.0, 1.0, 0.0, -1.0], [0.5, 2.0, 1.5, 0.0]])
LABELS = torch.tensor([0, 2])


def test_values_by_hand() -> None:
    torch.testing.assert_close(margin(LOGITS, LABELS), torch.tensor([2.0, -0.5]))
    torch.testing.assert_close(negative_margin(LOGITS, LABELS), torch.tensor([-2.0, 0.5]))
    # -(3 - 1) / (3 - 0) and -(1.5 - 2) / (2 - 0.5)
    torch.testing.assert_close(dlr(LOGITS, LABELS), torch.tensor([-2 / 3, 1 / 3]))
    expected = -LOGITS.log_softmax(1)[[0, 1], LABELS]
    torch.testing.assert_close(cross_entropy(LOGITS, LABELS), expected)


@given(
    seed=st.integers(0, 1000), shift=st.floats(-5, 5), scale=st.floats(0.1, 10), k=st.integers(3, 9)
)
@settings(max_examples=60)
def test_dlr_ignores_shift_and_scale_and_its_sign_is_the_verdict(
    seed: int, shift: float, scale: float, k: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((7, k), generator=generator, dtype=torch.float64)
    labels = torch.randint(k, (7,), generator=generator)
    value = dlr(logits, labels)
    torch.testing.assert_close(dlr(scale * logits + shift, labels), value, rtol=1e-6, atol=1e-8)
    assert torch.equal(value > 0, logits.argmax(1) != labels)
    assert torch.equal(margin(logits, labels) < 0, logits.argmax(1) != labels)


@pytest.mark.parametrize("name", ["cross_entropy", "dlr", "negative_margin"])
def test_each_image_on_its_own_and_ascent_lowers_the_margin(name: str) -> None:
    deviation = build(name)
    logits = LOGITS.clone().requires_grad_(True)
    value = deviation(logits, LABELS)
    assert value.shape == (2,)
    (gradient,) = torch.autograd.grad(value[0], logits)
    assert bool((gradient[1] == 0).all())
    assert gradient[0, 0] < 0
    assert gradient[0, 1] > 0


def test_dlr_needs_three_classes() -> None:
    with pytest.raises(UserError, match="three classes") as caught:
        dlr(LOGITS[:, :2], torch.tensor([0, 1]))
    assert "negative_margin" in caught.value.remedy


def test_targeted_dlr_by_hand_and_without_shift_and_scale() -> None:
    goals = torch.tensor([[0, 2], [2, 1]])
    # (0 - 3) / (3 - (0 - 1) / 2) and (2 - 1.5) / (2 - (0.5 + 0) / 2)
    expected = torch.tensor([-3 / 3.5, 0.5 / 1.75])
    torch.testing.assert_close(targeted_dlr(LOGITS, goals), expected)
    torch.testing.assert_close(targeted_dlr(3 * LOGITS + 7, goals), expected)


def test_targeted_dlr_needs_four_classes() -> None:
    with pytest.raises(UserError, match="four classes") as caught:
        targeted_dlr(LOGITS[:, :3], torch.tensor([[0, 1], [2, 1]]))
    assert "'dlr'" in caught.value.remedy


def test_unknown_deviation() -> None:
    with pytest.raises(UserError, match="unknown deviation 'hinge'") as caught:
        build("hinge")
    assert "cross_entropy" in caught.value.remedy
