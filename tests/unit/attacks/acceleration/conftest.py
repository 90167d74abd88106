"""Where kernels are tested: on a GPU, or by Triton's interpreter on a CPU."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

if not torch.cuda.is_available():
    # Triton reads it when it is imported.
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="module")
def device() -> torch.device:
    """The device on which kernels run here."""
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed: it comes with PyTorch for CUDA")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
