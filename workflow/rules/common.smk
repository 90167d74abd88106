import sys
from pathlib import Path

# The package is found where it is installed, or in src/ beside the Snakefile.
try:
    import advlearn.workflow
except ModuleNotFoundError:
    sys.path.insert(0, str(Path(workflow.basedir).joinpath("src")))
    import advlearn.workflow

from snakemake.exceptions import WorkflowError
from advlearn.support.errors import UserError

try:
    PLAN = advlearn.workflow.Plan(
        config, workflow.configfiles, Path(workflow.basedir).joinpath("requirements.txt")
    )
except UserError as error:
    raise WorkflowError(f"\nerror: {error}")

CONFIG = PLAN.config
LOCK = PLAN.lock

if not workflow.deployment_settings.deployment_method:
    shell.prefix(PLAN.shell_prefix)


pathvars:
    run=PLAN.run_folder,
    logs=PLAN.log_folder,


wildcard_constraints:
    universe=r"\w+",
    seed=r"\d+",
    attack=r"\w+",
    reduction="none|pca|tsne",
    clusterer=r"[\w.:-]+",


onsuccess:
    shell("echo finished: results are in {PLAN.run_folder}")
