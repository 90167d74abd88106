"""docs/library.md: its code runs, and it shows every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import advlearn

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "library.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "nan" not in printed
    assert "convert 8-bit pixels" in printed
    assert 0 < names["proof"].radius < 6
    assert names["clustering"].labels_.max() == 1


@pytest.mark.parametrize("name", advlearn.__all__)
def test_every_public_name_has_an_example_and_a_docstring(name: str) -> None:
    assert f"advlearn.{name}" in "".join(BLOCKS)
    assert getattr(advlearn, name).__doc__


def test_importing_the_package_imports_no_library() -> None:
    result = run("import advlearn, sys; print([m for m in ('torch', 'numpy') if m in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def test_clusterings_need_no_torch() -> None:
    names = "delta, ConvexClustering, certify, BilevelProblem, PerPoint, UserError"
    result = run(f"from advlearn import {names}; import sys; print('torch' in sys.modules)")
    assert result.stdout.strip() == "False", result.stderr


def test_names_are_listed_and_others_refused() -> None:
    assert set(advlearn.__all__) <= set(dir(advlearn))
    with pytest.raises(AttributeError, match="no attribute 'Pgd'"):
        _ = advlearn.Pgd
