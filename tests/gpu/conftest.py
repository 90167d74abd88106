"""What the tests of a GPU share: a device, with the flags of a stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from advlearn.support.determinism import configure_torch


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    """The device as a stage finds it; the test is skipped where there is none."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is visible to torch")
    yield configure_torch(1, "cuda")
    torch.set_flush_denormal(False)
    torch.set_deterministic_debug_mode("default")
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
