"""A tiny convolutional network and its images."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from tests.helpers.images import labelled_images, small_network


@pytest.fixture
def conv() -> nn.Module:
    return small_network("conv").eval()


@pytest.fixture
def batch(conv: nn.Module) -> tuple[Tensor, Tensor]:
    return labelled_images(conv)
