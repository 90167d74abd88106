import shutil
from pathlib import Path

import grimp
import pytest

from advlearn.plan import modules_of, rules
from advlearn.support.codedigest import (
    Sources,
    own_function_digest,
    package_root,
)
from advlearn.support.errors import UserError

STAGES = package_root() / "stages"
# What is digested together: the modules of every rule, and every stage that no rule runs.
PARTS = {
    **{path.stem: [f"advlearn.stages.{path.stem}"] for path in STAGES.glob("[a-z]*.py")},
    **{rule: modules_of(rule) for rule in rules()},
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        package_root(), tmp_path / "advlearn", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path / "advlearn"


def digests(root: Path) -> dict[str, str]:
    sources = Sources(root)
    return {part: sources.digest(*modules) for part, modules in PARTS.items()}


def edit(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8") + "\nEDITED = 1\n", encoding="utf-8")


# What is imported by a name that is only known when the program runs.
BY_NAME = {
    "advlearn.attacks": tuple(
        f"attacks.{name}" for name in ("apgd", "fab", "fgsm", "pgd", "square")
    ),
    "advlearn.budgets": ("budgets.balls", "budgets.base"),
    "advlearn.deviations": ("deviations.logits",),
    "advlearn.embeddings": tuple(f"embeddings.{name}" for name in ("identity", "pca", "tsne")),
    "advlearn.learners.clusterers": tuple(
        f"learners.clusterers.{name}" for name in ("agglomerative", "dbscan", "hdbscan", "kmeans")
    ),
    "advlearn.settings.network": tuple(
        f"learners.networks.{name}"
        for name in ("cnn", "imagenet_resnet", "mlp", "resnet", "torchvision_networks", "vit")
    ),
}


def reached(graph: grimp.ImportGraph, modules: list[str]) -> set[str]:
    """What modules can import, by grimp's reading of the imports, packages included."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name == "advlearn":
            continue
        found.add(name)
        waiting |= graph.find_modules_directly_imported_by(name)
        waiting.add(name.rpartition(".")[0])
        waiting |= {f"advlearn.{other}" for other in BY_NAME.get(name, ())}
    return found


@pytest.mark.slow
def test_editing_a_module_changes_the_digest_of_exactly_the_rules_that_use_it(copy: Path) -> None:
    """Every module; a rule runs again when its digest changes (tests/workflow/test_rerun.py)."""
    before = digests(copy)
    graph = grimp.build_graph("advlearn", cache_dir=None, exclude_type_checking_imports=True)
    uses = {part: reached(graph, modules) for part, modules in PARTS.items()}
    files = sorted(copy.rglob("*.py"))
    assert len(files) > 250
    for file in files:
        name = ".".join(["advlearn", *file.relative_to(copy).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        users = {part for part in PARTS if name in uses[part]}
        text = file.read_text()
        edit(file)
        after = digests(copy)
        assert {part for part in PARTS if before[part] != after[part]} == users, name
        file.write_text(text)
    assert digests(copy) == before


def test_known_dependencies_are_found() -> None:
    craft = Sources().dependencies("advlearn.studies.selective.stages.craft")
    assert {
        "advlearn.studies.selective.stages",
        "advlearn.attacks.pgd",
        "advlearn.budgets",
        "advlearn.learners.networks.cnn",
        "advlearn.support.seeds",
    } <= craft
    assert "advlearn.learners.clusterers.kmeans" not in craft
    assert "advlearn.learners.clusterers.kmeans" in Sources().dependencies(
        "advlearn.studies.selective.stages.cluster"
    )
    assert not any(
        "attacks" in name
        for name in Sources().dependencies("advlearn.studies.selective.stages.cluster")
    )
    assert "advlearn.config" not in craft, "a new configuration key must not rerun a study"


def test_an_edit_in_one_study_concerns_no_other(copy: Path) -> None:
    before = digests(copy)
    edit(copy / "studies" / "topk" / "study.py")
    after = digests(copy)
    changed = {part for part in PARTS if before[part] != after[part]}
    assert {"topk_tables", "topk_figures", "report"} <= changed
    assert not any(part.startswith(("selective", "bilevel")) for part in changed)


def make_module(root: Path, name: str, text: str) -> str:
    (root / "support" / f"{name}.py").write_text(text)
    return f"advlearn.support.{name}"


def test_what_only_type_checkers_import_is_no_dependency(copy: Path) -> None:
    module = make_module(
        copy,
        "typed",
        "from typing import TYPE_CHECKING\n"
        "from advlearn.support import seeds\n"
        "if TYPE_CHECKING:\n"
        "    from advlearn.support import io\n"
        "else:\n"
        "    from advlearn.support import choices\n",
    )
    found = Sources(copy).dependencies(module)
    assert {"advlearn.support.seeds", "advlearn.support.choices"} <= found
    assert "advlearn.support.io" not in found
    before = Sources(copy).digest(module)
    edit(copy / "support" / "io.py")
    assert Sources(copy).digest(module) == before


def test_references_of_a_registry_are_no_dependencies(copy: Path) -> None:
    """Below their study's package, and a study says itself which modules decide a stage."""
    module = make_module(copy, "registry", 'RUN = "stages.craft:craft"\nTABLE = "support.io"\n')
    assert Sources(copy).dependencies(module) == {"advlearn.support", module}
    study = Sources().dependencies("advlearn.studies.selective.study")
    assert not any(".stages." in name or ".paper" in name for name in study)
    # Whole names are followed: so library registries name what they import when asked.
    named = make_module(copy, "named", 'RUN = "advlearn.support.io"\n')
    assert "advlearn.support.io" in Sources(copy).dependencies(named)


def test_sources_that_were_read_give_the_digest_of_then(copy: Path) -> None:
    module = "advlearn.data.catalogue"
    before = Sources(copy).digest(module)
    sources = Sources(copy)
    catalogue = next((copy / "data").glob("*.csv"))
    catalogue.write_text(catalogue.read_text() + "\n")
    assert Sources(copy).digest(module) != before
    edit(copy / "data" / "catalogue.py")
    (copy / "data" / "facts.py").unlink()
    assert sources.digest(module) == before


def test_several_modules_have_one_digest(copy: Path) -> None:
    seeds, rows = "advlearn.support.seeds", "advlearn.support.rows"
    both = Sources(copy).digest(seeds, rows)
    assert both not in {Sources(copy).digest(seeds), Sources(copy).digest(rows)}
    assert both == Sources(copy).digest(rows, seeds)
    for name in ("seeds", "rows"):
        before = Sources(copy).digest(seeds, rows)
        edit(copy / "support" / f"{name}.py")
        assert Sources(copy).digest(seeds, rows) != before


def test_comments_docstrings_and_layout_do_not_count(copy: Path) -> None:
    before = digests(copy)
    file = copy / "support" / "seeds.py"
    text = file.read_text().replace('"""Seeds derived', '"""Numbers derived')
    file.write_text("# a comment\n" + text.replace("\n\n\n", "\n\n\n\n"))
    assert digests(copy) == before


def test_data_files_of_the_package_count(copy: Path) -> None:
    before = digests(copy)
    catalogue = next((copy / "data").glob("*.csv"))
    catalogue.write_text(catalogue.read_text() + "\n")
    after = digests(copy)
    assert before["download"] != after["download"]
    assert before["retrain"] == after["retrain"] or "advlearn.data" in Sources(copy).dependencies(
        "advlearn.studies.selective.stages.retrain"
    )


def test_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        Sources().digest("advlearn.nowhere")


def test_digest_of_an_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own_network_module.py"
    file.write_text("def build(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = own_function_digest("own_network_module:build")
    file.write_text("def build(): return 2\n")
    assert first is not None
    assert own_function_digest("own_network_module:build") != first
    assert own_function_digest("mlp") is None
    with pytest.raises(UserError, match="no Python module 'no_such_module_here'"):
        own_function_digest("no_such_module_here:build")


@pytest.mark.parametrize(
    ("source", "there"),
    [
        ("def build(): ...", True),
        ("class build: ...", True),
        ("build = lambda: 1", True),
        ("if True:\n    def build(): ...", True),
        ("from json import loads as build", True),
        ("from json import *", True),
        ("def __getattr__(name): ...", True),
        ("def build(:", True),  # importing it says what is wrong
        ("def builds(): ...", False),
        ("'build'", False),
    ],
)
def test_a_name_that_a_module_cannot_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, there: bool
) -> None:
    (tmp_path / "own_module_of_names.py").write_text(f"{source}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    if there:
        assert own_function_digest("own_module_of_names:build")
        return
    with pytest.raises(UserError, match="has nothing called 'build'") as caught:
        own_function_digest("own_module_of_names:build")
    assert "own_module_of_names.py" in caught.value.where
