import shutil
from pathlib import Path

import grimp
import pytest

from advlearn.support.codedigest import code_digest, dependencies, external_digest, package_root
from advlearn.support.errors import UserError

STAGES = sorted(path.stem for path in (package_root() / "stages").glob("[a-z]*.py"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        package_root(), tmp_path / "advlearn", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path / "advlearn"


def digests(root: Path) -> dict[str, str]:
    return {stage: code_digest(f"advlearn.stages.{stage}", root) for stage in STAGES}


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "\nEDITED = 1\n")


# What is imported by a name that is only known when the program runs.
BY_NAME = {
    "advlearn.attacks": ("attacks.fgsm", "attacks.pgd"),
    "advlearn.budgets": ("budgets.balls", "budgets.base"),
    "advlearn.deviations": ("deviations.logits",),
    "advlearn.embeddings": tuple(f"embeddings.{name}" for name in ("identity", "pca", "tsne")),
    "advlearn.learners.clusterers": tuple(
        f"learners.clusterers.{name}" for name in ("agglomerative", "dbscan", "hdbscan", "kmeans")
    ),
    "advlearn.settings.network": tuple(
        f"learners.networks.{name}" for name in ("cnn", "imagenet_resnet", "mlp", "resnet", "vit")
    ),
}


def reached(graph: grimp.ImportGraph, stage: str) -> set[str]:
    """Modules that a stage can import, by grimp's reading of the imports, packages included."""
    found: set[str] = set()
    waiting = {f"advlearn.stages.{stage}"}
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
def test_editing_a_module_changes_the_digest_of_exactly_the_stages_that_use_it(copy: Path) -> None:
    """Every module; a stage runs again when its digest changes (tests/workflow/test_rerun.py)."""
    before = digests(copy)
    graph = grimp.build_graph("advlearn", cache_dir=None)
    uses = {stage: reached(graph, stage) for stage in STAGES}
    files = sorted(copy.rglob("*.py"))
    assert len(files) > 250
    for file in files:
        name = ".".join(["advlearn", *file.relative_to(copy).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        users = {stage for stage in STAGES if name in uses[stage]}
        text = file.read_text()
        edit(file)
        after = digests(copy)
        assert {stage for stage in STAGES if before[stage] != after[stage]} == users, name
        file.write_text(text)
    assert digests(copy) == before


def test_known_dependencies_are_found() -> None:
    craft = dependencies("advlearn.studies.selective.stages.craft")
    assert {
        "advlearn.stages",
        "advlearn.attacks.pgd",
        "advlearn.budgets",
        "advlearn.learners.networks.cnn",
        "advlearn.support.seeds",
    } <= craft
    assert "advlearn.learners.clusterers.kmeans" not in craft
    assert "advlearn.learners.clusterers.kmeans" in dependencies(
        "advlearn.studies.selective.stages.cluster"
    )
    assert not any(
        "attacks" in name for name in dependencies("advlearn.studies.selective.stages.cluster")
    )
    assert "advlearn.config" not in craft, "a new configuration key must not rerun a study"


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
    assert before["retrain"] == after["retrain"] or "advlearn.data" in dependencies(
        "advlearn.studies.selective.stages.retrain", copy
    )


def test_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        code_digest("advlearn.nowhere")


def test_digest_of_an_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own_network_module.py"
    file.write_text("def build(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = external_digest("own_network_module:build")
    file.write_text("def build(): return 2\n")
    assert first is not None
    assert external_digest("own_network_module:build") != first
    assert external_digest("mlp") is None
    with pytest.raises(UserError, match="no Python module 'no_such_module_here'"):
        external_digest("no_such_module_here:build")
