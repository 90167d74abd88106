"""What `pip install` declares: ranges that hold the lock, and all that the library imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from scripts.lock import canonical, read_pins
from tests.contract.test_environment import OWN, direct_needs, imported_by, pins

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def needs(lines: list[str]) -> dict[str, Requirement]:
    return {canonical(need.name): need for need in map(Requirement, lines)}


def test_there_are_the_extras_that_the_pages_name() -> None:
    assert set(EXTRAS) == {"workflow", "topk", "test", "docs"}


@pytest.mark.parametrize("group", ["", "workflow", "topk", "test"])
def test_the_lock_is_within_the_ranges(group: str) -> None:
    locked = pins()
    for name, need in needs(EXTRAS[group] if group else PROJECT["dependencies"]).items():
        assert need.specifier, f"{need} has no range"
        assert need.specifier.contains(locked[name]), f"{need}, but the lock has {locked[name]}"


def test_the_tools_are_within_the_range_of_docs() -> None:
    tools = read_pins((ROOT / "requirements-tools.txt").read_text(encoding="utf-8"))
    for name, need in needs(EXTRAS["docs"]).items():
        assert need.specifier.contains(tools[name]), f"{need}, but the tools are {tools[name]}"


def test_the_package_declares_all_that_it_imports() -> None:
    declared = needs(PROJECT["dependencies"] + EXTRAS["workflow"]).keys()
    assert declared <= direct_needs().keys()
    distributions = packages_distributions()
    for file in (ROOT / "src").rglob("*.py"):
        for name in imported_by(file) - OWN - sys.stdlib_module_names - {"triton"}:
            providers = {canonical(found) for found in distributions.get(name, [name])}
            assert providers & declared, f"{name}, which {file} imports"


@pytest.mark.slow
def test_the_library_page_runs_with_the_declared_packages_alone() -> None:
    """What else is installed here is refused, but for what the declared ones need in turn."""
    refused = needs(EXTRAS["workflow"] + EXTRAS["test"]).keys() - {"packaging", "jinja2"}
    names = sorted(
        name
        for name, found in packages_distributions().items()
        if {canonical(one) for one in found} & refused
    )
    assert {"pandas", "matplotlib", "snakemake", "torchvision", "yaml"} <= set(names)
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    # A name that is None in sys.modules is one whose import fails.
    code = f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n" + "\n".join(blocks)
    result = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr


def test_the_command_line_says_what_it_needs() -> None:
    code = "import sys; sys.modules['typer'] = None; import advlearn.cli"
    result = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert result.returncode == 1
    assert result.stderr.strip().endswith("pip install 'advlearn[workflow]'")


def test_the_wheel_has_every_file_of_the_package() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["advlearn"]
    package = ROOT / "src" / "advlearn"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    there = {path for path in package.rglob("*") if path.is_file()}
    left_out = {path for path in there - packed if path.suffix not in {".py", ".pyc"}}
    assert left_out == set()
