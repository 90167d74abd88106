"""What every job can depend on, and that an edited module runs exactly these jobs again."""

from __future__ import annotations

import os

import pytest

from advlearn import plan
from advlearn.studies import NAMES
from advlearn.studies.base import PARTS
from advlearn.support.codedigest import Sources
from tests.workflow.conftest import TRACES
from tests.workflow.jobs import EVERYTHING, ON_REQUEST, followers
from tests.workflow.project import ROOT, Project

pytestmark = pytest.mark.xdist_group("smoke")


def test_no_job_has_loaded_code_that_its_stage_is_not_known_to_use(smoke: Project) -> None:
    """What was imported in earnest, however it was named, is in the digest that decides."""
    # The command line itself: it finds the stage, and computes nothing.
    frame = {"advlearn", "advlearn.__main__", "advlearn.cli", "advlearn.studies"}
    frame |= {f"advlearn.studies.{name}" for name in ("base", *NAMES)}
    frame |= {f"advlearn.studies.{name}.study" for name in NAMES}
    support = ("", ".errors", ".jobnotes", ".runlock", ".terminal")
    frame |= {f"advlearn.support{name}" for name in support}
    seen = set()
    for trace in (smoke.root / TRACES).iterdir():
        rule, *loaded = trace.read_text(encoding="utf-8").splitlines()
        seen.add(rule)
        assert set(loaded) - frame <= reach(rule, smoke), rule
    assert seen == set(EVERYTHING)


def reach(rule: str, project: Project) -> frozenset[str]:
    """Modules that a rule's result can depend on."""
    package = project.root / "src" / "advlearn"
    return frozenset().union(*map(Sources(package).dependencies, plan.modules_of(rule)))


# One module a package, or every one with ADVLEARN_TEST_MODULES=all (`make stale-test`).
MODULES = sorted((ROOT / "src" / "advlearn").rglob("*.py"))
if os.environ.get("ADVLEARN_TEST_MODULES") != "all":
    others = {ROOT / "src" / "advlearn", ROOT / "src" / "advlearn" / "stages"}
    MODULES = list({path.parent: path for path in MODULES if path.parent not in others}.values())


@pytest.fixture(scope="module")
def editable(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished run whose code a test changes and puts back."""
    return smoke.moved(tmp_path_factory.mktemp("editable") / "copy")


@pytest.fixture(scope="module")
def uses(smoke: Project) -> dict[str, frozenset[str]]:
    """Rule -> modules that it can reach."""
    return {rule: reach(rule, smoke) for rule in (*EVERYTHING, *ON_REQUEST)}


@pytest.mark.parametrize("module", [str(path.relative_to(ROOT)) for path in MODULES])
def test_an_edited_module_runs_again_exactly_its_stages(
    editable: Project, uses: dict[str, frozenset[str]], module: str
) -> None:
    name = module.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    name = name.replace("/", ".")
    changed = {rule for rule in EVERYTHING if name in uses[rule]}
    if any(name in known for known in uses.values()):
        changed.add("record")  # it writes down the digests of all rules
    file = editable.root / module
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(before + "\n_EDITED = 1\n", encoding="utf-8")
        assert set(editable.would_run()) == followers(changed)
    finally:
        file.write_text(before, encoding="utf-8")


def test_an_edited_table_of_one_study_redraws_no_other(uses: dict[str, frozenset[str]]) -> None:
    for name in NAMES:
        own = f"advlearn.studies.{name}."
        readers = {
            rule for rule, modules in uses.items() if any(m.startswith(own) for m in modules)
        }
        others = {f"{other}_{part}" for other in NAMES if other != name for part in PARTS}
        assert f"{name}_tables" in readers
        assert not readers & others
