"""Estimates of what a retraining computes: images that are trained on, and gradients of attacks."""

from __future__ import annotations

from typing import Any

import pytest

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.data import ImageFacts
from advlearn.settings.network import RetrainSettings
from advlearn.studies.selective.work import _retraining

IMAGES = ImageFacts(shape=(1, 28, 28), n_classes=10, n_train=1000, n_validation=100, n_test=100)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, 1000),
        ({"epochs": 3}, 3000),
        ({"crafting": "online", "online_steps": 4}, 1000 + 4000),
        ({"crafting": "online", "online_steps": 4, "share": 0.5}, 1000 + 2000),
        ({"adversarial_steps": 10, "batch_size": 32, "clean_steps": 2}, 3 * 320),
        ({"clean_steps": 1, "share": 0.1}, 2 * 100),
        ({"further_clean_epochs": 4}, 5000),
        (
            {"crafting": "online", "online_steps": 4, "adversarial_steps": 10, "batch_size": 32},
            1000 + 4 * 320,
        ),
    ],
)
def test_steps_that_are_counted_are_counted(how: dict[str, Any], expected: float) -> None:
    settings = RetrainSettings.model_validate(how)
    assert _retraining(settings, PgdSettings(), IMAGES) == pytest.approx(expected)


def test_online_fgsm_takes_one_gradient() -> None:
    settings = RetrainSettings(crafting="online", online_steps=9)
    assert _retraining(settings, FgsmSettings(), IMAGES) == pytest.approx(2000)
