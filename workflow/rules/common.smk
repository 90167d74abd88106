import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

# The project's folder, also where the workflow is included from workflow/Snakefile or elsewhere.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parents[1]

# Rules alone, as `module:` reads them from an address, find neither lock nor configuration.
if not ROOT.joinpath("requirements.txt").is_file():
    raise WorkflowError(
        "\nerror: the rules were read without the project around them"
        f"\n  where:  {workflow.current_basedir.get_path_or_uri(secret_free=True)}"
        "\n  remedy: clone the repository, and name workflow/Snakefile in it by its path"
    )

# The package beside the rules goes before an installed one: both are of one version then.
if ROOT.joinpath("src").is_dir():
    sys.path.insert(0, str(ROOT.joinpath("src")))

import advlearn.plan
from advlearn.config import complete
from advlearn.studies.plan import failures
from advlearn.support.errors import UserError
from advlearn.support.invocation import (
    check_cores,
    check_notes_folder,
    failed_jobs,
    failure_lines,
    say_at_exit,
    shell_prefix,
)
from advlearn.support.slurm import check_status_query

# Snakemake looks for it from the folder in which it runs, which need not be the project's.
BASE = advlearn.plan.relative_path(ROOT.joinpath("config", "config.yaml"))


configfile: BASE


try:
    check_cores(workflow.resource_settings.cores)
    check_notes_folder()
    # A module with a configuration of its own does not read the file above.
    given = complete(config, Path(BASE)) if workflow.modifier.skip_configfile else config
    PLAN = advlearn.plan.Plan(given, workflow.configfiles, ROOT.joinpath("requirements.txt"))
except UserError as error:
    raise WorkflowError(f"\nerror: {error}")

CONFIG = PLAN.config
LOCK = PLAN.lock

# With one line of progress what jobs print is in their logs alone (`| tee`).
prefix = shell_prefix(
    deployed=DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
)
if "advlearn" in workflow.output_settings.log_handler_settings:
    prefix += "exec >/dev/null 2>&1; "
shell.prefix(prefix)


# A line that begins with the word itself would be read as Snakemake's directive of this name.
report_flag = report


def drawn(study, kind, suffix):
    """Files of the tables or figures of a study that the run has."""
    return expand(f"<run>/paper/{kind}/{{name}}{suffix}", name=PLAN.study(study.name).drawn(kind))


def report_files(study, kind, suffix):
    """The same, each with its caption for Snakemake's own report."""
    return [
        report_flag(
            file,
            caption=f"../report/{study.name}/{kind}/{Path(file).stem}.rst",
            category=study.title,
            subcategory=kind.capitalize(),
        )
        for file in drawn(study, kind, suffix)
    ]


def each(pattern, rows):
    """The files of a rule's output for each row of wildcards."""
    return [file for row in rows for file in expand(pattern, **row)]


def refusing(check, more=""):
    """An input function without files: refuses, before any job, what `check` raises a UserError on.

    Of any other exception in an input function Snakemake prints where it was raised.

    Args:
        check: called without arguments.
        more: what else can be done, a line below the error.
    """

    def nothing(wildcards):
        try:
            check()
        except UserError as error:
            sys.exit(f"\nerror: {error}{more}")
        return []

    return nothing


def checked(plan):
    """No file: refuses data that a study cannot use."""
    others = " ".join(study.name for study in PLAN.studies if study is not plan.study)
    more = f"\n  or:     make the other studies alone: snakemake {others}"
    return refusing(plan.check_own_data, more)


def on_one_gpu(plan, stage):
    """The group of a stage's jobs on GPUs: as many as share one are one submission to a cluster."""
    group = plan.group(stage)

    def joined(wildcards):
        name = group(wildcards)
        if name:
            # Not in a profile: of its `group-components` the step that runs a group knows nothing,
            # and would run the jobs one after the other. It reads this file.
            known = workflow.group_settings.group_components
            workflow.group_settings.group_components = {**known, name: plan.group_size}
        return name

    return group and joined


def manifest(**patterns):
    """Path patterns of rules' outputs by kind, JSON: what a collecting stage reads its files by."""
    return json.dumps({kind: str(pattern) for kind, pattern in patterns.items()})


def of_studies(part, names=None):
    """The outputs of a rule that every study has, of the studies named or of all."""
    return [
        getattr(rules, f"{study.name}_{part}").output
        for study in PLAN.studies
        if names is None or study.name in names
    ]


def recorded(wildcards):
    """The studies of a record: all, or the one that was run alone."""
    alone = wildcards.alone.removeprefix("-")
    return [study for study in PLAN.studies if alone in ("", study.name)]


def named_run(name):
    """No file: an input that stops the plan where the configuration is that of another run."""
    return refusing(lambda: PLAN.check_run(name))


pathvars:
    run=PLAN.run_folder,
    logs=PLAN.log_folder,


wildcard_constraints:
    seed=r"\d+",


# Snakemake's own lock outlives a killed run; this one does not (the profiles have `nolock`).
onstart:
    try:
        PLAN.begin()
        if workflow.executor_plugin.name == "slurm":
            options = workflow.executor_settings
            command = options.status_command or "squeue"
            check_status_query(command, options.init_seconds_before_status_checks)
    except UserError as error:
        raise WorkflowError(f"\nerror: {error}")


onsuccess:
    say_at_exit([f"finished: results are in {PLAN.run_folder}"])


# Jobs that do not depend on a failed one have run (the profiles have `keep-going`). What went wrong
# stands last, below the commands that Snakemake prints and what it says after this.
onerror:
    lines = []
    for file in log:
        lines += failures(Path(file).read_text(errors="replace"), PLAN.studies)
    say_at_exit([*lines, *failure_lines(failed_jobs(workflow.scheduler.failed))])
