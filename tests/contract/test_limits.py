"""How large a file may become, and who may know the names of the studies."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from advlearn.studies import NAMES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "advlearn"
PYTHON = sorted(
    path
    for folder in ("src", "tests", "scripts", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
RULES = sorted((ROOT / "workflow").rglob("*.smk"))
LINES, CLASS_LINES, RULE_LINES, PLAN_LINES = 400, 200, 250, 200
KNOW_ALL_STUDIES = 15


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_there_is_something_to_measure() -> None:
    assert len(PYTHON) > 400
    assert len(RULES) >= len(NAMES) + 3


def test_no_file_is_long() -> None:
    assert {shown(path): n for path in PYTHON if (n := lines(path)) > LINES} == {}
    assert {shown(path): n for path in RULES if (n := lines(path)) > RULE_LINES} == {}
    assert lines(PACKAGE / "plan.py") <= PLAN_LINES


def test_no_class_is_long() -> None:
    found = {}
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > CLASS_LINES:
                    found[f"{shown(path)}:{node.name}"] = length
    assert found == {}


def test_no_loop_closes_over_its_variable() -> None:
    allowed = re.compile(r"noqa: ?\S*" + "B023")
    assert [shown(path) for path in PYTHON if allowed.search(path.read_text())] == []


def production_files() -> Iterator[Path]:
    """What runs, and what it is told; neither tests, documentation nor results."""
    for pattern in ("src/**/*.py", "scripts/*.py", "benchmarks/*.py", "workflow/**/*"):
        yield from (path for path in ROOT.glob(pattern) if path.suffix in {".py", ".smk", ".rst"})
    for pattern in ("config/**/*.yaml", "profiles/**/*.yaml"):
        yield from ROOT.glob(pattern)
    yield from (ROOT / name for name in ("Snakefile", "Makefile", "pyproject.toml"))


def test_few_files_name_all_studies() -> None:
    words = [re.compile(rf"(?<![A-Za-z]){name}(?![a-z])") for name in NAMES]
    found = [
        shown(path)
        for path in production_files()
        if all(word.search(path.read_text(encoding="utf-8")) for word in words)
    ]
    assert "src/advlearn/studies/__init__.py" in found
    assert len(found) <= KNOW_ALL_STUDIES, found


def branches(source: str) -> list[int]:
    """Lines on which something is decided by the name of a study."""
    found = []
    for node in ast.walk(ast.parse(source)):
        compared: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in {"startswith", "removeprefix", "endswith"}:
                compared = list(node.args)
        elif isinstance(node, ast.match_case):
            compared = [node.pattern]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            compared = [key for key in node.value.keys if key is not None]
        names = {
            each.value.strip("_-")
            for part in compared
            for each in ast.walk(part)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        }
        if names & set(NAMES):
            found.append(node.lineno if hasattr(node, "lineno") else 0)
    return found


def test_nothing_branches_on_the_name_of_a_study() -> None:
    found = {}
    for path in (*PACKAGE.rglob("*.py"), *(ROOT / "scripts").glob("*.py")):
        if at := branches(path.read_text(encoding="utf-8")):
            found[shown(path)] = at
    assert found == {}
    for path in (ROOT / "Snakefile", *RULES):
        text = path.read_text(encoding="utf-8")
        compared = re.findall(r"""(?:==|!=|\bin)\s*[("'\[{]+(\w+)["']""", text)
        assert not set(compared) & set(NAMES), shown(path)


@pytest.mark.parametrize(
    "source",
    [
        'if study == "topk": pass',
        'if study in ("topk", "bilevel"): pass',
        'x = name.startswith("bilevel_")',
        'x = {"topk": 1}[study]',
        'match study:\n    case "selective": pass',
    ],
)
def test_a_branch_would_be_noticed(source: str) -> None:
    assert branches(source)


AT_THE_TOP = set(
    """.containerignore .editorconfig .gitignore .pre-commit-config.yaml .python-version
    .snakemake-workflow-catalog.yml CHANGELOG.md CITATION.cff CONTRIBUTING.md Containerfile LICENSE
    Makefile README.md Snakefile environment.yml mkdocs.yml pyproject.toml requirements-bench.txt
    requirements-tools.txt requirements.in requirements.txt""".split()
)


def test_nothing_lies_at_the_top_by_chance() -> None:
    """Notes and logs that were added with everything else."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {name for name in listed if "/" not in name} == AT_THE_TOP
