# Names of the paper's tables and figures, in the order of the report; a contract test holds them
# against the modules that draw them.
TABLES = [
    "selective_baselines",
    "selective_table1_fgsm",
    "selective_table2_pgd",
    "selective_table3_overall",
    "selective_controls",
]
FIGURES = [
    "selective_fig1_fgsm",
    "selective_fig2_pgd",
    "selective_fig3_reduction",
    "selective_embedding",
    "selective_tradeoff",
    "selective_examples",
]
STUDY = "Study 1: cluster-selective adversarial training"


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


rule record:
    input:
        rules.collect.output,
    output:
        record="<run>/run.json",
        config="<run>/config.yaml",
    log:
        "<logs>/record.log",
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
        " --out {output.record:q} 2>&1 | tee {log:q}"


rule tables:
    input:
        rules.collect.output,
        published=PLAN.published(),
    output:
        csv=[
            report(
                f"<run>/paper/tables/{name}.csv",
                caption=f"../report/{name}.rst",
                category=STUDY,
                subcategory="Tables",
            )
            for name in TABLES
        ],
        markdown=expand("<run>/paper/tables/{name}.md", name=TABLES),
        latex=expand("<run>/paper/tables/{name}.tex", name=TABLES),
    log:
        "<logs>/tables.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        tidy=lambda wildcards, input: Path(input[0]).parent,
        published=lambda wildcards, input: Path(input.published[0]).parent,
        out=lambda wildcards, output: Path(output.csv[0]).parent,
        code=PLAN.code("tables"),
        lock=LOCK,
    message:
        "Make the paper's tables"
    shell:
        "python -m advlearn tables --tidy {params.tidy:q} --published {params.published:q}"
        " --out {params.out:q} 2>&1 | tee {log:q}"


rule figures:
    input:
        rules.collect.output,
        published=PLAN.published(),
    output:
        svg=[
            report(
                f"<run>/paper/figures/{name}.svg",
                caption=f"../report/{name}.rst",
                category=STUDY,
                subcategory="Figures",
            )
            for name in FIGURES
        ],
        pdf=expand("<run>/paper/figures/{name}.pdf", name=FIGURES),
        png=expand("<run>/paper/figures/{name}.png", name=FIGURES),
    log:
        "<logs>/figures.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        tidy=lambda wildcards, input: Path(input[0]).parent,
        published=lambda wildcards, input: Path(input.published[0]).parent,
        out=lambda wildcards, output: Path(output.svg[0]).parent,
        code=PLAN.code("figures"),
        lock=LOCK,
    message:
        "Draw the paper's figures"
    shell:
        "python -m advlearn figures --tidy {params.tidy:q} --published {params.published:q}"
        " --out {params.out:q} 2>&1 | tee {log:q}"


rule report:
    input:
        rules.collect.output,
        tables=rules.tables.output,
        figures=rules.figures.output,
        record=rules.record.output.record,
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
