"""Tolerances hold on other processors, as far as this one can act as them.

`make isa-test` runs all tests of what computes.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.processors import HERE, PROCESSORS, run

pytestmark = [
    pytest.mark.skipif(not HERE, reason="only x86 processors can act as others"),
    pytest.mark.slow,
]

# The comparisons that are nearest to what rounding allows, without those that take seconds.
DELICATE = (
    "-k", "not cw and not constants and not abortion",
    "tests/unit/attacks/acceleration/test_cpu.py",
    "tests/unit/attacks/test_ascent.py",
    "tests/unit/attacks/test_foolbox.py",
    "tests/unit/attacks/test_min_effort.py",
    "tests/unit/budgets/test_balls.py",
    "tests/unit/embeddings/test_pca.py",
)  # fmt: skip

PROBE = """
import numpy as np, scipy.linalg, torch
from threadpoolctl import threadpool_info
torch.conv2d(torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3))
print("aten", torch.backends.cpu.get_cpu_capability().lower())
print("numpy", *np.show_config("dicts")["SIMD Extensions"].get("found", []))
print("openblas", *{one["architecture"] for one in threadpool_info() if "architecture" in one})
"""


def passed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.mark.parametrize("name", HERE)
def test_the_libraries_compute_as_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_VERBOSE", "1")
    told = passed(run(name, "-c", PROBE)).splitlines()
    processor = PROCESSORS[name]
    assert f"aten {processor.aten}" in told
    assert " ".join(["numpy", *processor.numpy]) in told
    assert f"openblas {processor.openblas}" in told
    instructions = [line.rpartition("isa:")[2] for line in told if "cpu,isa:" in line]
    assert len(instructions) == 1
    if processor.onednn is not None:
        words = instructions[0].replace(".", "").replace("-", "").upper().split()
        assert processor.onednn in words


@pytest.mark.parametrize("name", HERE)
def test_tolerances_hold_on(name: str) -> None:
    told = passed(run(name, "-m", "pytest", "-q", "-p", "no:cacheprovider", *DELICATE))
    assert re.search(r"\d{3} passed", told), told
