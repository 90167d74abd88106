"""The rules of the workflow, read as data."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.caching.rule import CacheFlag
from snakemake.settings.types import ConfigSettings, Quietness

from advlearn.cli import STAGES
from advlearn.paper.figures import FIGURES
from advlearn.paper.tables import TABLES
from advlearn.support.codedigest import package_root

ROOT = Path(__file__).parents[2]
TARGETS = {"all", "paper", "demo", "smoke", "selective"}


@pytest.fixture(scope="module")
def rules() -> Iterator[dict[str, Any]]:
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[ROOT / "config" / "smoke.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )._workflow
        yield {rule.name: rule for rule in workflow.rules}


@pytest.fixture(scope="module")
def stages(rules: dict[str, Any]) -> dict[str, Any]:
    return {name: rule for name, rule in rules.items() if name not in TARGETS}


def cached(rule: Any) -> bool:
    return bool(rule.cache.flag & CacheFlag.output)


def test_rules_commands_and_modules_have_the_same_names(stages: dict[str, Any]) -> None:
    modules = {path.stem for path in (package_root() / "stages").glob("[a-z]*.py")} - {"summary"}
    assert set(stages) == set(STAGES) == modules


def test_every_stage_has_a_test_module(stages: dict[str, Any]) -> None:
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/unit/stages").glob("*.py")}
    assert set(stages) <= tests


def test_every_rule_runs_its_own_stage_and_nothing_else(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        command = rule.shellcmd
        assert command.startswith(f"python -m advlearn {name} "), name
        assert "config[" not in command
        assert "wildcards" not in command, "values reach the shell through params, which are hashed"


def test_every_rule_has_log_resources_environment_and_message(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert rule.log, name
        assert {"mem_mb", "runtime"} <= set(rule.resources), name
        assert rule.conda_env, name
        assert rule.message, name


def test_peak_memory_is_asked_for_within_four_gigabytes(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert rule.resources["mem_mb"].value <= 4000, name


def test_uncached_stages_of_the_study_are_timed(stages: dict[str, Any]) -> None:
    untimed = {"record", "tables", "figures", "report"}
    for name, rule in stages.items():
        # Snakemake allows a rule to be cached or timed, not both.
        assert cached(rule) != bool(rule.benchmark) or name in untimed, name


def test_every_rule_depends_on_its_code_and_the_lock(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert {"code", "lock"} <= set(rule.params.keys()), name


def test_torch_stages_depend_on_threads_and_device(stages: dict[str, Any]) -> None:
    for name in ("pretrain", "calibrate", "craft", "retrain", "evaluate"):
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
    harmless = {"seed", "torch_threads", "device", "reduction", "universe", "attack", "single"}
    for name, rule in stages.items():
        for used in re.findall(r"\{([^}]*)\}", rule.shellcmd):
            assert used.endswith(":q") or used.removeprefix("params.") in harmless, (name, used)


def test_every_table_and_figure_is_an_output_with_a_caption(stages: dict[str, Any]) -> None:
    tables = {Path(str(path)).stem for path in stages["tables"].output}
    figures = {Path(str(path)).stem for path in stages["figures"].output}
    assert tables == set(TABLES)
    assert figures == set(FIGURES)
    for name in (*TABLES, *FIGURES):
        caption = ROOT / "workflow" / "report" / f"{name}.rst"
        assert len(caption.read_text().split()) >= 5, caption
    for rule, suffix in (("tables", ".csv"), ("figures", ".svg")):
        for path in stages[rule].output:
            if str(path).endswith(suffix):
                assert "report" in path.flags, path


def test_building_the_graph_imports_neither_torch_nor_pandas() -> None:
    import subprocess
    import sys

    code = (
        "import sys; import advlearn.workflow; "
        "sys.exit(bool({'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT / "src").returncode == 0
    )
