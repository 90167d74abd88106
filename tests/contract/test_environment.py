"""The lock, environment.yml, the declared Python and what the sources import all say the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from scripts.environment import environment_text
from scripts.lock import ACCELERATOR, INSTALLERS, PROJECT, canonical, lock_text, read_pins

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.txt"
BROWSER = Path("tests/browser/look.py")  # runs in the environment of the tools
OWN = {"advlearn", "snakemake_logger_plugin_advlearn", "tests", "scripts", "benchmarks", "conftest"}


def document() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def pip_lines() -> list[str]:
    (section,) = [item for item in document()["dependencies"] if isinstance(item, dict)]
    assert section.keys() == {"pip"}
    lines: list[str] = section["pip"]
    return lines


def conda_specs() -> list[str]:
    return [item for item in document()["dependencies"] if isinstance(item, str)]


def pins(name: str = "requirements.txt") -> dict[str, str]:
    return read_pins((ROOT / name).read_text(encoding="utf-8"))


def direct_needs() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    needs = [Requirement(text) for line in lines if (text := line.split("#", 1)[0].strip())]
    return {canonical(need.name): need for need in needs}


# --- environment.yml ------------------------------------------------------------------------------


def test_environment_yml_has_only_the_keys_of_a_portable_environment() -> None:
    assert document().keys() == {"name", "channels", "dependencies"}
    assert document()["name"] == PROJECT
    assert document()["channels"] == ["conda-forge", "nodefaults"]


def test_conda_specs_are_valid_match_specs() -> None:
    names = [MatchSpec(spec, strict=True).name for spec in conda_specs()]
    assert [name.normalized for name in names if name is not None] == ["python", "pip"]


def test_match_spec_would_refuse_a_broken_spec() -> None:
    with pytest.raises(InvalidMatchSpecError):
        MatchSpec("python=[[3.11", strict=True)


def test_pip_section_equals_the_lock() -> None:
    listed: dict[str, str] = {}
    for line in pip_lines():
        need = Requirement(line)
        assert not need.extras
        assert need.url is None
        assert need.marker is None
        (specifier,) = need.specifier
        assert specifier.operator == "=="
        listed[canonical(need.name)] = specifier.version
    assert listed == pins()
    assert len(pip_lines()) == len(listed)


def test_environment_yml_is_what_the_script_writes() -> None:
    written = environment_text(
        LOCK.read_text(encoding="utf-8"), (ROOT / ".python-version").read_text(encoding="utf-8")
    )
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == written, (
        "run 'python scripts/environment.py'"
    )


def test_a_changed_pin_changes_environment_yml() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert environment_text(text + "zzz==1\n", "3.11") != environment_text(text, "3.11")


def test_python_version_is_the_same_everywhere() -> None:
    version = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"python={version}" in conda_specs()
    assert project["project"]["requires-python"] == f">={version}"
    assert project["tool"]["mypy"]["python_version"] == version
    assert project["tool"]["ruff"]["target-version"] == "py" + version.replace(".", "")
    assert SpecifierSet(f">={version}").contains(Version(sys.version.split()[0]))


# --- the lock -------------------------------------------------------------------------------------


def test_lock_satisfies_every_direct_need() -> None:
    locked = pins()
    for name, need in direct_needs().items():
        assert name in locked, f"{need} is in requirements.in but not in the lock"
        assert need.specifier.contains(locked[name]), f"{need}, but the lock has {locked[name]}"


def test_lock_has_no_local_versions_or_accelerator_packages() -> None:
    for name, version in pins().items():
        assert "+" not in version
        assert not ACCELERATOR.match(name)


def test_lock_text_drops_what_does_not_belong_in_a_lock() -> None:
    text = lock_text(
        ["torch==2.13.0+cpu", "Zebra_x==1", "advlearn==0.1.0", "pip==1", "nvidia-cublas==1"]
    )
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "torch==2.13.0",
        "Zebra_x==1",
    ]
    with pytest.raises(ValueError, match="not installed from an index"):
        lock_text(["torch @ file:///somewhere/torch.whl"])


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "-r other.txt", "numpy==1\nNumPy==2"])
def test_read_pins_refuses_what_is_no_lock(line: str) -> None:
    with pytest.raises(ValueError, match=r"exact pin|second time"):
        read_pins(line)


def test_running_environment_is_the_lock() -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "freeze", "--all"]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    installed: dict[str, str] = {}
    for line in frozen.splitlines():
        name, separator, version = line.partition("==")
        if separator and not name.startswith(("#", "-e")):  # the project itself, editable
            installed[canonical(name)] = version.split("+", 1)[0]
    extra = {PROJECT, *INSTALLERS, *pins("requirements-bench.txt")}
    locked = pins()
    # Plugins for other clusters than SLURM are the user's choice and need not be locked.
    compared = {
        name: version
        for name, version in installed.items()
        if name not in extra
        and not ACCELERATOR.match(name)
        and (name in locked or not name.startswith("snakemake-"))
    }
    assert compared == locked, "run 'make env', or 'scripts/lock.py' after a change of needs"


# --- imports --------------------------------------------------------------------------------------

# What comes with every PyTorch for CUDA, and the files that are read only where it is there.
BESIDE_TORCH = {"triton": {Path("src/advlearn/attacks/acceleration/kernels.py")}}


def python_files() -> Iterator[Path]:
    for folder in ("src", "tests", "scripts", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported_by(file: Path) -> set[str]:
    """Top-level names of all absolute imports of a Python file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def imported_by_workflow(file: Path) -> set[str]:
    """The same for a Snakefile, which is no Python: its import statements, line by line."""
    text = file.read_text(encoding="utf-8")
    return set(re.findall(r"^\s*(?:import|from)\s+(\w+)", text, flags=re.MULTILINE))


def third_party() -> dict[str, set[Path]]:
    """Each imported name that is neither ours nor the standard library's, with its users."""
    users: dict[str, set[Path]] = {}
    for file in python_files():
        neighbours = {path.stem for path in file.parent.glob("*.py")}
        for name in imported_by(file) - OWN - neighbours - sys.stdlib_module_names:
            users.setdefault(name, set()).add(file.relative_to(ROOT))
    for file in (ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")):
        if file.is_file():
            for name in imported_by_workflow(file) - OWN - sys.stdlib_module_names:
                users.setdefault(name, set()).add(file.relative_to(ROOT))
    return users


def test_every_import_is_in_the_lock_and_every_import_of_the_package_a_direct_need() -> None:
    distributions = packages_distributions()
    locked, bench, direct = pins(), pins("requirements-bench.txt"), direct_needs()
    tools = pins("requirements-tools.txt")
    wrong = []
    for name, users in third_party().items():
        if name in BESIDE_TORCH:
            assert users == BESIDE_TORCH[name]
            continue
        providers = {canonical(found) for found in distributions.get(name, [name])}
        allowed = locked.keys() | {
            peer for peer in bench if all(user.parts[0] == "benchmarks" for user in users)
        }
        if users == {BROWSER}:
            allowed |= tools.keys()
        if not providers & allowed:
            wrong.append(f"{name} (in {min(users)}) is not in the lock")
        elif any(user.parts[0] == "src" for user in users) and not providers & direct.keys():
            wrong.append(f"{name} (in {min(users)}) is not named in requirements.in")
    assert not wrong, "\n".join(sorted(wrong))


def test_import_scan_sees_nested_imports(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f():\n    import yonder.deep\n    from beyond import x\n")
    assert imported_by(file) == {"yonder", "beyond"}
    file.write_text("from pathlib import Path\n\nrule x:\n    output: 'from nowhere import y'\n")
    assert imported_by_workflow(file) == {"pathlib"}
