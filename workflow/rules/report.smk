# What gathers the studies: tables, figures and a record of each, and the report of all.


rule record:
    input:
        lambda wildcards: [
            file for study in recorded(wildcards) for file in getattr(rules, study.collect).output
        ],
        manifest=lambda wildcards: (
            rules.download.output.manifest
            if any(study.downloads for study in recorded(wildcards))
            else []
        ),
    output:
        record="<run>/run{alone}.json",
        config="<run>/config{alone}.yaml",
    log:
        "<logs>/record{alone}.log",
    wildcard_constraints:
        alone="|".join(["", *(f"-{study.name}" for study in PLAN.studies)]),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        run=lambda wildcards, output: Path(output.record).parent,
        config=PLAN.resolved(),
        digests=PLAN.digests(),
        study_seeds=PLAN.study_seeds(),
        lock_file=PLAN.lock_file,
        code=PLAN.code("record"),
        lock=LOCK,
    message:
        "Write down what the run was made with"
    shell:
        "python -m advlearn record --run {params.run:q} --config {params.config:q}"
        " --study-seeds {params.study_seeds:q} --digests {params.digests:q} --lock {params.lock_file:q}"
        " --out {output.record:q} {input.manifest:q} 2>&1 | tee {log:q}"


for study in PLAN.studies:

    rule:
        name:
            f"{study.name}_tables"
        input:
            getattr(rules, study.collect).output,
            published=PLAN.published(study.name),
        output:
            csv=report_files(study, "tables", ".csv"),
            markdown=expand("<run>/paper/tables/{name}.md", name=study.tables),
            latex=expand("<run>/paper/tables/{name}.tex", name=study.tables),
        log:
            f"<logs>/tables/{study.name}.log",
        conda:
            "../../environment.yml"
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            study=study.name,
            tidy=lambda wildcards, input: Path(input[0]).parent,
            published=lambda wildcards, input: Path(input.published[0]).parents[1],
            out=lambda wildcards, output: Path(output.csv[0]).parent,
            code=PLAN.code(f"{study.name}_tables"),
            lock=LOCK,
        message:
            "Make the tables of {params.study}"
        shell:
            "python -m advlearn tables --study {params.study} --tidy {params.tidy:q}"
            " --published {params.published:q} --out {params.out:q} 2>&1 | tee {log:q}"

    rule:
        name:
            f"{study.name}_figures"
        input:
            getattr(rules, study.collect).output,
            published=PLAN.published(study.name),
        output:
            svg=report_files(study, "figures", ".svg"),
            pdf=expand("<run>/paper/figures/{name}.pdf", name=study.figures),
            png=expand("<run>/paper/figures/{name}.png", name=study.figures),
        log:
            f"<logs>/figures/{study.name}.log",
        conda:
            "../../environment.yml"
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            study=study.name,
            tidy=lambda wildcards, input: Path(input[0]).parent,
            published=lambda wildcards, input: Path(input.published[0]).parents[1],
            out=lambda wildcards, output: Path(output.svg[0]).parent,
            code=PLAN.code(f"{study.name}_figures"),
            lock=LOCK,
        message:
            "Draw the figures of {params.study}"
        shell:
            "python -m advlearn figures --study {params.study} --tidy {params.tidy:q}"
            " --published {params.published:q} --out {params.out:q} 2>&1 | tee {log:q}"

    # A study alone, with a record of its own.
    rule:
        name:
            study.name
        input:
            of_studies("tables", [study.name]),
            of_studies("figures", [study.name]),
            expand(rules.record.output, alone=f"-{study.name}"),
        localrule: True


rule report:
    input:
        [getattr(rules, study.collect).output for study in PLAN.studies],
        tables=of_studies("tables"),
        figures=of_studies("figures"),
        record=expand(rules.record.output.record, alone=""),
        captions=PLAN.captions(),
        published=[PLAN.published(study.name) for study in PLAN.studies],
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
        published=lambda wildcards, input: Path(input.published[0]).parents[1],
        captions=lambda wildcards, input: Path(input.captions[0]).parents[2],
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        code=PLAN.code("report"),
        lock=LOCK,
    message:
        "Make one page of everything"
    shell:
        "python -m advlearn report --tidy {params.tidy:q} --published {params.published:q}"
        " --captions {params.captions:q} --figures {params.figures:q} --record {input.record:q}"
        " --choices {output.choices:q} --out {output.html:q} 2>&1 | tee {log:q}"
