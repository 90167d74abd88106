"""What every unit test leaves behind as it found it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _arithmetic_of_the_process() -> Iterator[None]:
    """Stages ask torch to flush denormal numbers, which hypothesis refuses to work with."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        torch.set_deterministic_debug_mode("default")
