from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from advlearn.report import labels
from advlearn.report.colours import CONTRAST, contrast, ink, luminance
from tests.helpers.readable import PALETTE

# Colours as people without one kind of cone see them, in linear RGB: Viénot, Brettel and Mollon,
# "Digital video colourmaps for checking the legibility of displays by dichromats" (1999).
PROTANOPIA = [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]
DEUTERANOPIA = [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000") == pytest.approx(21)
    assert contrast("#FFFFFF") == pytest.approx(1)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)  # the palest grey for type
    assert contrast("#767676") == contrast("#FFFFFF", "#767676")
    assert luminance("#FF0000") == pytest.approx(0.2126)


@pytest.mark.parametrize("colour", sorted({*PALETTE, labels.GREY, "#FFFFFF"}))
def test_ink_is_dark_enough_and_no_darker(colour: str) -> None:
    found = ink(colour)
    assert contrast(found) >= CONTRAST
    assert contrast(found) < 1.25 * CONTRAST or found == colour
    # The proportions of red, green and blue stay, so that it is the same colour to the eye.
    before, after = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (colour, found))
    assert after == pytest.approx(before * after.sum() / max(before.sum(), 1), abs=3)


def test_dark_colours_are_their_own_ink() -> None:
    assert ink(labels.BLUE) == labels.BLUE
    assert ink(labels.BLACK) == labels.BLACK
    assert ink(labels.ORANGE) != labels.ORANGE


@pytest.mark.parametrize("matrix", [PROTANOPIA, DEUTERANOPIA], ids=["protanopia", "deuteranopia"])
def test_the_palette_is_told_apart_without_one_kind_of_cone(matrix: list[list[float]]) -> None:
    seen = {colour: np.array(matrix) @ linear(colour) for colour in PALETTE}
    for first, second in combinations(sorted(PALETTE), 2):
        assert np.linalg.norm(seen[first] - seen[second]) > 0.1, (first, second)


def test_red_and_green_would_not_be() -> None:
    red, green = (np.array(DEUTERANOPIA) @ linear(c) for c in ("#C00000", "#7F6000"))
    assert np.linalg.norm(red - green) < 0.1
