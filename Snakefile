"""advlearn: three adversarial-learning papers from raw data to tables and figures.

Front door of the workflow. Choose a configuration with --configfile (config/demo.yaml,
config/smoke.yaml, or one of config/scenarios); config/config.yaml beside this file holds every
key and is the base of them all (workflow/rules/common.smk reads it).
"""

from snakemake.utils import min_version

min_version("9.20")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/selective.smk"
include: "workflow/rules/topk.smk"
include: "workflow/rules/bilevel.smk"
include: "workflow/rules/report.smk"


localrules:
    download,  # the nodes of a cluster often have no network
    all,
    paper,
    demo,
    smoke,


rule all:
    default_target: True
    input:
        rules.report.output,


# Tables and figures are named with the report: one that was lost is made again.
rule paper:
    input:
        rules.report.output,
        of_studies("tables"),
        of_studies("figures"),


# The shipped runs by name: with a configuration of another run they stop and say what to type.
rule demo:
    input:
        named_run("demo"),
        rules.paper.input,


rule smoke:
    input:
        named_run("smoke"),
        rules.paper.input,
