"""Imports go down the floors only, and what needs no network never loads torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def settings() -> dict[str, Any]:
    loaded = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    section: dict[str, Any] = loaded["tool"]["importlinter"]
    return section


def contract(identifier: str) -> dict[str, Any]:
    (found,) = [entry for entry in settings()["contracts"] if entry["id"] == identifier]
    return dict(found)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the pyproject.toml and src/ of ``folder``."""
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        check=False,
        capture_output=True,
        text=True,
    )


def torch_free_modules() -> list[str]:
    """Every module of the torch-free packages, and the ground floor but determinism."""
    names = []
    for source in [*contract("torch-free")["source_modules"], "advlearn.support"]:
        found = list((ROOT / "src").glob("/".join(source.split("."))))
        found += (ROOT / "src").glob("/".join(source.split(".")) + ".py")
        assert found, source
        for file in [
            file
            for base in found
            for file in (sorted(base.rglob("*.py")) if base.is_dir() else [base])
        ]:
            parts = file.relative_to(ROOT / "src").with_suffix("").parts
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if name != "advlearn.support.determinism"]


def test_contracts_hold() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("support/errors.py", "import advlearn.stages", "Imports go down the floors only"),
        ("budgets/__init__.py", "import advlearn.metrics", "Imports go down the floors only"),
        ("report/table.py", "import advlearn.studies", "Imports go down the floors only"),
        ("attacks/pgd.py", "import advlearn.studies.topk", "Imports go down the floors only"),
        (
            "studies/topk/plan.py",
            "import advlearn.studies.bilevel.plan",
            "No study imports another",
        ),
        ("settings/base.py", "import torch", "What needs no network never imports torch"),
        ("support/io.py", "import torch", "On the ground floor only determinism imports torch"),
    ],
)
def test_contracts_would_notice(tmp_path: Path, module: str, line: str, broken: str) -> None:
    for file in (ROOT / "src").rglob("*.py"):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    changed = tmp_path / "src" / "advlearn" / module
    changed.write_text(changed.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint(tmp_path)
    assert result.returncode != 0
    assert f"{broken} BROKEN" in result.stdout


@pytest.mark.slow
def test_torch_free_modules_do_not_load_torch() -> None:
    """Imports made by other libraries count too, which the contract cannot see."""
    modules = torch_free_modules()
    assert len(modules) > 20
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
