"""The rules of the workflow, read as data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from snakemake.caching.rule import CacheFlag

from advlearn import plan as workflow
from advlearn.cli import HELPERS, STAGES
from advlearn.paper.figures import FIGURES
from advlearn.paper.tables import TABLES
from advlearn.report.tidy import of_study
from advlearn.support.codedigest import package_root

ROOT = Path(__file__).parents[2]
STUDIES = ("selective", "topk", "bilevel")
TARGETS = {"all", "paper", "demo", "smoke", *STUDIES}
# Tables and figures have a rule for each study, so that a study can be asked for alone.
PARTS = {f"{study}_{kind}": kind for study in STUDIES for kind in ("tables", "figures")}


@pytest.fixture(scope="module")
def stages(rules: dict[str, Any]) -> dict[str, Any]:
    return {name: rule for name, rule in rules.items() if name not in TARGETS}


def stage_of(rule: str) -> str:
    """The stage that a rule runs: its own name but for the parts of a stage."""
    return PARTS.get(rule, rule)


def cached(rule: Any) -> bool:
    return bool(rule.cache.flag & CacheFlag.output)


def test_rules_commands_and_modules_have_the_same_names(stages: dict[str, Any]) -> None:
    modules = {path.stem for path in (package_root() / "stages").glob("[a-z]*.py")} - set(HELPERS)
    assert {stage_of(name) for name in stages} == set(STAGES) == modules
    assert set(PARTS) <= set(stages)


def test_the_record_has_a_digest_of_every_stage_and_of_no_helper(stages: dict[str, Any]) -> None:
    assert set(json.loads(stages["record"].params.digests)) == set(STAGES)
    assert set(HELPERS) == workflow.HELPERS


def test_every_stage_has_a_test_module(stages: dict[str, Any]) -> None:
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/unit/stages").glob("*.py")}
    assert {stage_of(name) for name in stages} | set(HELPERS) <= tests


def test_every_rule_runs_its_own_stage_and_nothing_else(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        command = rule.shellcmd
        assert command.startswith(f"python -m advlearn {stage_of(name)} "), name
        assert "config[" not in command
        assert "wildcards" not in command, "values reach the shell through params, which are hashed"


def test_every_rule_has_log_resources_environment_and_message(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert rule.log, name
        assert {"mem_mb", "runtime"} <= set(rule.resources), name
        assert rule.conda_env, name
        assert rule.message, name


def test_peak_memory_is_asked_for_within_four_gigabytes(stages: dict[str, Any]) -> None:
    # Two follow from the photos of a run: tests/unit/test_workflow.py has their numbers.
    computed = {"topk_pretrain", "topk_attack"}
    for name, rule in stages.items():
        wanted = rule.resources["mem_mb"]
        assert wanted.is_evaluable() == (name in computed), name
        assert name in computed or wanted.value <= 4000, name


def test_uncached_stages_of_the_study_are_timed(stages: dict[str, Any]) -> None:
    untimed = {"record", "tables", "figures", "report"}
    for name, rule in stages.items():
        # Snakemake allows a rule to be cached or timed, not both.
        assert cached(rule) != bool(rule.benchmark) or stage_of(name) in untimed, name


def test_every_rule_depends_on_its_code_and_the_lock(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert {"code", "lock"} <= set(rule.params.keys()), name


def test_torch_stages_depend_on_threads_and_device(stages: dict[str, Any]) -> None:
    study1 = ("pretrain", "calibrate", "craft", "retrain", "evaluate")
    for name in (*study1, "topk_pretrain", "topk_attack", "topk_transfer"):
        assert {"torch_threads", "device", "seed", "settings"} <= set(stages[name].params.keys())


def test_cached_rules_name_every_wildcard_in_params(stages: dict[str, Any]) -> None:
    found = [rule for rule in stages.values() if cached(rule)]
    assert {rule.name for rule in found} == {"download", "pretrain"}
    for rule in found:
        # The cache does not look at wildcards: one that is not a parameter serves wrong files.
        assert set(rule.wildcard_names) <= set(rule.params.keys()), rule.name


def test_every_wildcard_that_names_a_cell_is_a_parameter_or_decides_one(
    stages: dict[str, Any],
) -> None:
    for name, rule in stages.items():
        if "seed" in rule.wildcard_names:
            assert "seed" in rule.params.keys(), name  # noqa: SIM118 (Namedlist is no mapping)


def test_every_value_in_a_command_is_quoted_or_harmless(stages: dict[str, Any]) -> None:
    harmless = {
        "seed", "torch_threads", "threads", "device", "reduction", "universe", "attack", "single",
        "model", "study", "dataset",
    }  # fmt: skip
    for name, rule in stages.items():
        for used in re.findall(r"\{([^}]*)\}", rule.shellcmd):
            assert used.endswith(":q") or used.removeprefix("params.") in harmless, (name, used)


def test_a_part_serves_its_own_study_alone(stages: dict[str, Any]) -> None:
    for name in PARTS:
        study = name.split("_")[0]
        assert stages[name].params.study == study
        assert "--study {params.study}" in stages[name].shellcmd
        tidy = {Path(str(path)).name for path in stages[name].input if "/tidy/" in str(path)}
        made = "collect" if study == "selective" else f"{study}_collect"
        assert tidy == {Path(str(path)).name for path in stages[made].output}, name


def test_every_table_and_figure_is_an_output_with_a_caption(stages: dict[str, Any]) -> None:
    for study in STUDIES:
        for kind, drawn in (("tables", TABLES), ("figures", FIGURES)):
            names = {Path(str(path)).stem for path in stages[f"{study}_{kind}"].output}
            assert names == set(of_study(drawn, study)), (study, kind)
    assert {name.split("_")[0] for name in (*TABLES, *FIGURES)} == set(STUDIES)
    for name in (*TABLES, *FIGURES):
        caption = ROOT / "workflow" / "report" / f"{name}.rst"
        assert len(caption.read_text().split()) >= 5, caption
    for rule, kind in PARTS.items():
        for path in stages[rule].output:
            if str(path).endswith({"tables": ".csv", "figures": ".svg"}[kind]):
                assert "report" in path.flags, path


def test_building_the_graph_imports_neither_torch_nor_pandas() -> None:
    import subprocess
    import sys

    code = (
        "import sys; import advlearn.plan; "
        "sys.exit(bool({'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT / "src").returncode == 0
    )
