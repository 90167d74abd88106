# Names of the paper's tables and figures, in the order of the report; a contract test holds them
# against the modules that draw them.
TABLES = {
    "selective": [
        "selective_baselines",
        "selective_table1_fgsm",
        "selective_table2_pgd",
        "selective_table3_overall",
        "selective_controls",
    ],
    "topk": [
        "topk_global",
        "topk_random",
        "topk_models",
        "topk_relaxation",
        "topk_transfer",
        "topk_alpha",
        "topk_cardinality",
        "topk_unknown_labels",
    ],
    "bilevel": [
        "bilevel_delta_formulas",
        "bilevel_gamma_interval",
        "bilevel_attacks",
        "bilevel_blackbox",
        "bilevel_onepoint",
        "bilevel_deviation_agreement",
    ],
}
FIGURES = {
    "selective": [
        "selective_fig1_fgsm",
        "selective_fig2_pgd",
        "selective_fig3_reduction",
        "selective_embedding",
        "selective_tradeoff",
        "selective_examples",
    ],
    "topk": [
        "topk_examples",
        "topk_perturbation_vs_k",
        "topk_success_vs_norm",
        "topk_measure_change",
        "topk_alpha",
        "topk_transfer",
    ],
    "bilevel": [
        "bilevel_delta_vs_moved",
        "bilevel_delta_monotonicity",
        "bilevel_clusterpath",
        "bilevel_staircase",
        "bilevel_sandwich",
        "bilevel_calmness",
        "bilevel_defence",
    ],
}


rule collect:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        choices=f"{PLAN.published_folder}/selective_choices.csv",
        evaluations=PLAN.evaluations(),
        calibrations=PLAN.calibrations(),
    output:
        metrics="<run>/tidy/selective_metrics.csv",
        embedding="<run>/tidy/selective_embedding.csv",
        examples="<run>/tidy/selective_examples.npz",
        calibration="<run>/tidy/selective_calibration.csv",
        sanity="<run>/tidy/selective_sanity.csv",
        choices="<run>/tidy/choices.csv",
        study="<run>/tidy/study.json",
    log:
        "<logs>/collect.log",
    benchmark:
        "<run>/benchmarks/collect/collect.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        run=lambda wildcards, output: Path(output.metrics).parents[1],
        settings=PLAN.collect(),
        code=PLAN.code("collect"),
        lock=LOCK,
    message:
        "Gather the tidy tables"
    shell:
        "python -m advlearn collect --run {params.run:q} --data {input.data:q}"
        " --choices {input.choices:q} --settings {params.settings:q}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"


COLLECTED = {
    "selective": rules.collect.output,
    "topk": rules.topk_collect.output,
    "bilevel": rules.bilevel_collect.output,
}
# scikit-learn brings the data of study 3.
DOWNLOADS = {"selective", "topk"}


rule record:
    input:
        lambda wildcards: [file for study in recorded(wildcards) for file in COLLECTED[study]],
        manifest=lambda wildcards: (
            rules.download.output.manifest if DOWNLOADS.intersection(recorded(wildcards)) else []
        ),
    output:
        record="<run>/run{alone}.json",
        config="<run>/config{alone}.yaml",
    log:
        "<logs>/record{alone}.log",
    wildcard_constraints:
        alone="|-selective|-topk|-bilevel",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        run=lambda wildcards, output: Path(output.record).parent,
        config=PLAN.resolved(),
        digests=PLAN.digests(),
        lock_file=PLAN.lock_file,
        code=PLAN.code("record"),
        lock=LOCK,
    message:
        "Write down what the run was made with"
    shell:
        "python -m advlearn record --run {params.run:q} --config {params.config:q}"
        " --digests {params.digests:q} --lock {params.lock_file:q}"
        " --out {output.record:q} {input.manifest:q} 2>&1 | tee {log:q}"


rule selective_tables:
    input:
        rules.collect.output,
        published=PLAN.published(),
    output:
        csv=drawn("selective", "tables", TABLES, ".csv"),
        markdown=expand("<run>/paper/tables/{name}.md", name=TABLES["selective"]),
        latex=expand("<run>/paper/tables/{name}.tex", name=TABLES["selective"]),
    log:
        "<logs>/tables/selective.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        study="selective",
        tidy=lambda wildcards, input: Path(input[0]).parent,
        published=lambda wildcards, input: Path(input.published[0]).parent,
        out=lambda wildcards, output: Path(output.csv[0]).parent,
        code=PLAN.code("tables"),
        lock=LOCK,
    message:
        "Make the tables of {params.study}"
    shell:
        "python -m advlearn tables --study {params.study} --tidy {params.tidy:q}"
        " --published {params.published:q} --out {params.out:q} 2>&1 | tee {log:q}"


rule selective_figures:
    input:
        rules.collect.output,
        published=PLAN.published(),
    output:
        svg=drawn("selective", "figures", FIGURES, ".svg"),
        pdf=expand("<run>/paper/figures/{name}.pdf", name=FIGURES["selective"]),
        png=expand("<run>/paper/figures/{name}.png", name=FIGURES["selective"]),
    log:
        "<logs>/figures/selective.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        study="selective",
        tidy=lambda wildcards, input: Path(input[0]).parent,
        published=lambda wildcards, input: Path(input.published[0]).parent,
        out=lambda wildcards, output: Path(output.svg[0]).parent,
        code=PLAN.code("figures"),
        lock=LOCK,
    message:
        "Draw the figures of {params.study}"
    shell:
        "python -m advlearn figures --study {params.study} --tidy {params.tidy:q}"
        " --published {params.published:q} --out {params.out:q} 2>&1 | tee {log:q}"


use rule selective_tables as topk_tables with:
    input:
        rules.topk_collect.output,
        published=PLAN.published(),
    output:
        csv=drawn("topk", "tables", TABLES, ".csv"),
        markdown=expand("<run>/paper/tables/{name}.md", name=TABLES["topk"]),
        latex=expand("<run>/paper/tables/{name}.tex", name=TABLES["topk"]),
    log:
        "<logs>/tables/topk.log",
    params:
        study="topk",


use rule selective_figures as topk_figures with:
    input:
        rules.topk_collect.output,
        published=PLAN.published(),
    output:
        svg=drawn("topk", "figures", FIGURES, ".svg"),
        pdf=expand("<run>/paper/figures/{name}.pdf", name=FIGURES["topk"]),
        png=expand("<run>/paper/figures/{name}.png", name=FIGURES["topk"]),
    log:
        "<logs>/figures/topk.log",
    params:
        study="topk",


use rule selective_tables as bilevel_tables with:
    input:
        rules.bilevel_collect.output,
        published=PLAN.published(),
    output:
        csv=drawn("bilevel", "tables", TABLES, ".csv"),
        markdown=expand("<run>/paper/tables/{name}.md", name=TABLES["bilevel"]),
        latex=expand("<run>/paper/tables/{name}.tex", name=TABLES["bilevel"]),
    log:
        "<logs>/tables/bilevel.log",
    params:
        study="bilevel",


use rule selective_figures as bilevel_figures with:
    input:
        rules.bilevel_collect.output,
        published=PLAN.published(),
    output:
        svg=drawn("bilevel", "figures", FIGURES, ".svg"),
        pdf=expand("<run>/paper/figures/{name}.pdf", name=FIGURES["bilevel"]),
        png=expand("<run>/paper/figures/{name}.png", name=FIGURES["bilevel"]),
    log:
        "<logs>/figures/bilevel.log",
    params:
        study="bilevel",


rule report:
    input:
        rules.collect.output,
        rules.topk_collect.output,
        rules.bilevel_collect.output,
        rules.selective_tables.output,
        rules.selective_figures.output,
        rules.topk_tables.output,
        rules.topk_figures.output,
        tables=rules.bilevel_tables.output,
        figures=rules.bilevel_figures.output,
        record=expand(rules.record.output.record, alone=""),
        published=PLAN.published(),
    output:
        html="<run>/report.html",
        choices="<run>/paper/choices.md",
    log:
        "<logs>/report.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        tidy=lambda wildcards, input: Path(input[0]).parent,
        published=lambda wildcards, input: Path(input.published[0]).parent,
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        code=PLAN.code("report"),
        lock=LOCK,
    message:
        "Make one page of everything"
    shell:
        "python -m advlearn report --tidy {params.tidy:q} --published {params.published:q}"
        " --tables {params.tables:q} --figures {params.figures:q} --record {input.record:q}"
        " --choices {output.choices:q} --out {output.html:q} 2>&1 | tee {log:q}"
