from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import sanity
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.robustness import RobustVerdicts
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.support.errors import UserError

Batch = tuple[Tensor, Tensor]


def by_name(checks: list[sanity.SanityCheck]) -> dict[str, sanity.SanityCheck]:
    return {check.check: check for check in checks}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        FgsmSettings(epsilon=0.05),
        PgdSettings(epsilon=0.05, steps=5),
        PgdSettings(epsilon=0.3, norm="l2", steps=5, step_size=0.1),
    ],
)
def test_a_sound_attack_passes(
    conv: nn.Module, batch: Batch, settings: FgsmSettings | PgdSettings
) -> None:
    checks = sanity.sanity_checks(conv, *batch, settings, seed=0, grid=(0.5, 1, 4))
    assert [check.check for check in checks if not check.passed] == []
    assert len(checks) == 5


@pytest.mark.slow
def test_saturated_logits_are_noticed(conv: nn.Module, batch: Batch) -> None:
    # Softmax in float32 is exactly one at such logits, so cross-entropy has no gradient.
    model = nn.Sequential(conv, Scale(1e6)).eval()
    found = by_name(sanity.sanity_checks(model, *batch, PgdSettings(epsilon=0.05, steps=3), 0))
    assert not found["gradients_not_zero"].passed
    dlr = PgdSettings(epsilon=0.05, steps=3, deviation="dlr")
    assert by_name(sanity.sanity_checks(model, *batch, dlr, 0))["gradients_not_zero"].passed


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        return logits * self.factor


def test_an_attack_that_leaves_ball_or_box_is_noticed(
    conv: nn.Module, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProjectedAscent, "run", lambda self, model, x, y, seed: x + 1.0)
    found = by_name(sanity.sanity_checks(conv, *batch, FgsmSettings(epsilon=0.05), 0))
    assert not found["inside_ball"].passed
    assert not found["inside_box"].passed
    assert attacks.build(FgsmSettings()) is not None


def test_verdicts_that_grow_or_differ_at_zero_are_noticed(
    conv: nn.Module, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(
        model: nn.Module, images: Tensor, labels: Tensor, settings: FgsmSettings, *_: object
    ) -> RobustVerdicts:
        clean = torch.ones(len(images), dtype=torch.bool)
        robust = torch.arange(len(images)) < 100 * settings.epsilon
        return RobustVerdicts(clean, robust, images, 0)

    monkeypatch.setattr(sanity, "robust_verdicts", odd)
    found = by_name(sanity.sanity_checks(conv, *batch, FgsmSettings(epsilon=0.05), 0))
    assert not found["zero_radius"].passed
    assert not found["monotone"].passed


def test_an_evaluation_of_no_images_is_refused(conv: nn.Module, batch: Batch) -> None:
    images, labels = batch
    with pytest.raises(UserError, match="at least one image"):
        sanity.sanity_checks(conv, images[:0], labels[:0], FgsmSettings(), 0)
