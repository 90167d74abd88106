"""The variable before the tanh."""

from __future__ import annotations

import pytest
import torch

from advlearn.attacks.topk.variable import TanhVariable

EVERY_BYTE = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)


def test_arctanh_starts_at_the_image_itself() -> None:
    variable = TanhVariable("arctanh")
    w = variable.start(EVERY_BYTE)
    assert variable.limit == 1.0
    assert float(w.abs().max()) <= 1 + 1e-6
    torch.testing.assert_close(variable.pixels(w), EVERY_BYTE, rtol=0, atol=1e-6)
    assert variable.clean(EVERY_BYTE) is EVERY_BYTE


def test_tanh_raw_starts_at_a_squashed_image() -> None:
    variable = TanhVariable("tanh_raw")
    squashed = (torch.tanh(2 * EVERY_BYTE - 1) + 1) / 2
    assert variable.limit is None
    torch.testing.assert_close(variable.clean(EVERY_BYTE), squashed)
    assert float(squashed.min()) == pytest.approx(0.1192, abs=1e-4)
    assert float(squashed.max()) == pytest.approx(0.8808, abs=1e-4)


@pytest.mark.parametrize("name", ["arctanh", "tanh_raw"])
def test_slope_is_the_derivative_and_length_the_change(name: str) -> None:
    variable = TanhVariable(name)
    w = torch.linspace(-0.99, 0.99, 64, dtype=torch.float64).reshape(1, 1, 8, 8)
    images = variable.pixels(w)
    slope = (variable.pixels(w + 1e-6) - variable.pixels(w - 1e-6)) / 2e-6
    torch.testing.assert_close(variable.slope(images), slope, rtol=1e-6, atol=1e-8)
    moved = variable.pixels(w * 0.9)
    torch.testing.assert_close(
        variable.length(images, moved), (w * 0.1).norm().reshape(1),
        rtol=1e-4, atol=0,
    )  # fmt: skip


def test_pixels_stay_in_the_box_whatever_the_variable() -> None:
    far = torch.tensor([[-1e6, -1.0000001, 0.0, 1.0000001, 1e6]])
    for name in ("arctanh", "tanh_raw"):
        pixels = TanhVariable(name).pixels(far)
        assert bool(((pixels >= 0) & (pixels <= 1)).all())
