"""The rules of the workflow, read as data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from snakemake.caching.rule import CacheFlag

from advlearn import cli, plan
from advlearn.studies import studies
from advlearn.studies.base import PARTS as KINDS
from advlearn.support.codedigest import package_root

ROOT = Path(__file__).parents[2]
TARGETS = {"all", "paper", "demo", "smoke", *(study.name for study in studies())}
# What is made of tidy tables has a rule for each study, so that it can be asked for alone.
PARTS = {rule: stage for rule, stage in plan.rules().items() if stage in KINDS}


@pytest.fixture(scope="module")
def stages(rules: dict[str, Any]) -> dict[str, Any]:
    return {name: rule for name, rule in rules.items() if name not in TARGETS}


def stage_of(rule: str) -> str:
    """The stage that a rule runs: its own name but for the parts of a stage."""
    return PARTS.get(rule, rule)


def cached(rule: Any) -> bool:
    return bool(rule.cache.flag & CacheFlag.output)


def test_rules_commands_and_modules_have_the_same_names(stages: dict[str, Any]) -> None:
    assert dict.fromkeys(plan.rules()) == dict.fromkeys(stages, None)
    assert {stage_of(name) for name in stages} == set(cli.stages())
    shared = {path.stem for path in (package_root() / "stages").glob("[a-z]*.py")}
    assert shared == {*plan.SHARED, *KINDS, *cli.HELPERS, "tidy_folder"}
    for study in studies():
        folder = package_root() / "studies" / study.name / "stages"
        modules = {path.stem for path in folder.glob("[a-z]*.py")}
        assert {each.run.partition(":")[0] for each in study.stages.values()} == {
            f"stages.{name}" for name in modules
        }


def test_the_registry_names_what_there_is(stages: dict[str, Any]) -> None:
    """References of the registry are strings: nothing else would notice a wrong one."""
    for study in studies():
        for reference in (study.settings, study.plan, study.tidy, study.page):
            assert study.load(reference) is not None
        for stage in study.stages.values():
            assert callable(study.load(stage.run))
            assert not stage.job or hasattr(study.load(stage.job), "of")
        assert study.collect in study.stages
        assert all(callable(study.table(name).build) for name in study.tables)
        assert all(callable(study.figure(name).draw) for name in study.figures)
        assert all(name.startswith(f"{study.name}_") for name in (*study.tables, *study.figures))


def test_the_record_has_a_digest_of_every_rule_and_of_no_helper(stages: dict[str, Any]) -> None:
    class Wildcards:
        alone = ""

    digests = stages["record"].params.digests
    assert set(json.loads(digests(Wildcards))) == set(stages)
    Wildcards.alone = "-bilevel"
    study = set(json.loads(digests(Wildcards)))
    assert {"download", "bilevel_path", "bilevel_report", "report"} <= study
    assert not [name for name in study if name.startswith("topk") or name == "craft"]


def test_every_stage_has_a_test_module(stages: dict[str, Any]) -> None:
    unit = ROOT / "tests" / "unit"
    for name in {*plan.SHARED, *KINDS, *cli.HELPERS}:
        assert (unit / "stages" / f"test_{name}.py").is_file(), name
    for study in studies():
        for name, stage in study.stages.items():
            module = stage.run.partition(":")[0].removeprefix("stages.")
            test = unit / "studies" / study.name / "stages" / f"test_{module}.py"
            assert test.is_file(), name


def test_every_rule_runs_its_own_stage_and_nothing_else(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        # A job that may be on a GPU is told its share of it, which is no parameter of its result.
        share = "ADVLEARN_GPU_SHARE={resources.gpu_share} " if "gpu_share" in rule.resources else ""
        command = rule.shellcmd
        assert command.startswith(f"{share}python -m advlearn {stage_of(name)} "), name
        assert "config[" not in command
        assert "wildcards" not in command, "values reach the shell through params, which are hashed"


def test_every_rule_has_log_resources_environment_and_message(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert rule.log, name
        assert {"mem_mb", "runtime"} <= set(rule.resources), name
        assert rule.conda_env, name
        assert rule.message, name


def test_peak_memory_is_asked_for_within_four_gigabytes(stages: dict[str, Any]) -> None:
    # Three follow from the photos of a run: the tests of the plan of topk have their numbers.
    computed = {"topk_pretrain", "topk_search", "topk_attack"}
    for name, rule in stages.items():
        wanted = rule.resources["mem_mb"]
        assert wanted.is_evaluable() == (name in computed), name
        assert name in computed or wanted.value <= 4000, name


def test_no_rule_writes_what_a_run_of_another_name_writes(stages: dict[str, Any]) -> None:
    """Two runs may work in one folder: before a job Snakemake removes its outputs."""
    for name, rule in stages.items():
        for file in map(
            str, (*rule.output, *rule.log, *([rule.benchmark] if rule.benchmark else []))
        ):
            own = file.startswith(("results/smoke/", "logs/smoke/"))
            assert own or Path(file).stem.endswith("-smoke"), (name, file)


def test_uncached_stages_of_the_study_are_timed(stages: dict[str, Any]) -> None:
    untimed = {"record", "tables", "figures", "report"}
    for name, rule in stages.items():
        # Snakemake allows a rule to be cached or timed, not both.
        assert cached(rule) != bool(rule.benchmark) or stage_of(name) in untimed, name


def test_every_rule_depends_on_its_code_and_the_lock(stages: dict[str, Any]) -> None:
    for name, rule in stages.items():
        assert {"code", "lock"} <= set(rule.params.keys()), name


def test_torch_stages_depend_on_threads_and_device(stages: dict[str, Any]) -> None:
    study1 = ("pretrain", "craft", "retrain", "evaluate", "strengthen")
    for name in (*study1, "topk_pretrain", "topk_search", "topk_attack", "topk_transfer"):
        assert {"torch_threads", "device", "seed", "settings"} <= set(stages[name].params.keys())
    # The seeds of the search are among its settings.
    for name in ("calibrate", "confirm"):
        assert {"torch_threads", "device", "settings"} <= set(stages[name].params.keys())


def test_cached_rules_name_every_wildcard_in_params(stages: dict[str, Any]) -> None:
    found = [rule for rule in stages.values() if cached(rule)]
    # Not download: its manifest says nothing where the raw files are not.
    assert {rule.name for rule in found} == {"pretrain"}
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
        "seed", "torch_threads", "threads", "device", "reduction", "universe", "attack",
        "no_clustering", "model", "study", "dataset", "resources.gpu_share",
    }  # fmt: skip
    for name, rule in stages.items():
        for used in re.findall(r"\{([^}]*)\}", rule.shellcmd):
            assert used.endswith(":q") or used.removeprefix("params.") in harmless, (name, used)


def test_a_part_serves_its_own_study_alone(stages: dict[str, Any]) -> None:
    for study in studies():
        for part in KINDS:
            rule = stages[f"{study.name}_{part}"]
            if part == "report":
                assert rule.params.studies == [f"--study={study.name}"]
                assert " {params.studies:q} " in rule.shellcmd
                # What the page shows was made with the tables and figures, and is not made again.
                made = {
                    stages[f"{study.name}_{kind}"].output.page for kind in ("tables", "figures")
                }
                assert set(rule.input.pieces) == made
            else:
                assert rule.params.study == study.name
                assert "--study {params.study}" in rule.shellcmd
            files = {Path(str(path)) for path in rule.input}
            assert all(study.name in path.name for path in files if "/paper/" in str(path))
            tidy = {path.name for path in files if "/tidy/" in str(path)}
            assert tidy == {Path(str(path)).name for path in stages[study.collect].output}
            published = {Path(str(path)).parent.name for path in rule.input.published}
            assert published <= {study.name}


def test_the_collecting_rule_makes_what_the_schema_says(stages: dict[str, Any]) -> None:
    for study in studies():
        schema = study.load(study.tidy).schema
        made = {Path(str(path)).name for path in stages[study.collect].output}
        assert made == {*schema.files, schema.record}, study.name
        for name in (*schema.tables, *schema.arrays):
            assert (schema.stage_of(name) or study.collect) in study.stages, name


def test_every_table_and_figure_is_an_output_with_a_caption(stages: dict[str, Any]) -> None:
    for study in studies():
        for kind, drawn in (("tables", study.tables), ("figures", study.figures)):
            outputs = stages[f"{study.name}_{kind}"].output
            found = {Path(str(path)).stem for path in outputs if path != outputs.page}
            assert found == set(drawn), (study.name, kind)
            for path in outputs:
                if str(path).endswith({"tables": ".csv", "figures": ".svg"}[kind]):
                    assert "report" in path.flags, path
            for name in drawn:
                caption = ROOT / "workflow" / "report" / study.name / kind / f"{name}.rst"
                assert len(caption.read_text().split()) >= 5, caption


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
