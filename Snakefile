"""advlearn: three adversarial-learning papers from raw data to tables and figures.

Front door of the workflow. Choose a configuration with --configfile (config/demo.yaml,
config/smoke.yaml, or one of config/scenarios); config/config.yaml holds every key and is the
base of them all.
"""

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/retrain.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/topk.smk"
include: "workflow/rules/bilevel.smk"
include: "workflow/rules/paper.smk"


localrules:
    download,  # the nodes of a cluster often have no network
    all,
    paper,
    demo,
    smoke,
    selective,
    topk,
    bilevel,


rule all:
    default_target: True
    input:
        rules.report.output,


rule selective:
    input:
        rules.selective_tables.output,
        rules.selective_figures.output,
        expand(rules.record.output, alone="-selective"),


rule topk:
    input:
        rules.topk_tables.output,
        rules.topk_figures.output,
        expand(rules.record.output, alone="-topk"),


rule bilevel:
    input:
        rules.bilevel_tables.output,
        rules.bilevel_figures.output,
        expand(rules.record.output, alone="-bilevel"),


# Tables and figures are named beside the report: one that was lost is made again.
rule paper:
    input:
        rules.report.output,
        rules.selective_tables.output,
        rules.selective_figures.output,
        rules.topk_tables.output,
        rules.topk_figures.output,
        rules.bilevel_tables.output,
        rules.bilevel_figures.output,


rule demo:
    input:
        rules.paper.input,


rule smoke:
    input:
        rules.paper.input,
