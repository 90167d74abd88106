"""Small point sets whose convex clustering is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.point_sets import blobs


@pytest.fixture
def three() -> np.ndarray:
    return blobs((8, 6, 7), 3, 5.0, 0.35, seed=1)


@pytest.fixture
def two() -> np.ndarray:
    return blobs((10, 14), 2, 6.0, 0.4, seed=2)
