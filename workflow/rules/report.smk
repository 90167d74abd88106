# What gathers the studies: tables, figures, a record and a report of each, and the report of all.


rule record:
    input:
        lambda wildcards: [
            file for study in recorded(wildcards) for file in getattr(rules, study.collect).output
        ],
        manifest=lambda wildcards: (
            rules.download.output.manifest
            if any(PLAN.study(study.name).downloads for study in recorded(wildcards))
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
        digests=lambda wildcards: PLAN.digests(recorded(wildcards)),
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
            markdown=drawn(study, "tables", ".md"),
            latex=drawn(study, "tables", ".tex"),
            page=f"<run>/paper/page/{study.name}_tables.json",
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
            " --published {params.published:q} --out {params.out:q} --page {output.page:q}"
            " 2>&1 | tee {log:q}"

    rule:
        name:
            f"{study.name}_figures"
        input:
            getattr(rules, study.collect).output,
            published=PLAN.published(study.name),
        output:
            svg=report_files(study, "figures", ".svg"),
            pdf=drawn(study, "figures", ".pdf"),
            png=drawn(study, "figures", ".png"),
            page=f"<run>/paper/page/{study.name}_figures.json",
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
            " --published {params.published:q} --out {params.out:q} --page {output.page:q}"
            " 2>&1 | tee {log:q}"


# The page of all studies, and that of each one, for a run of it alone.
for name, alone, shown in [
    ("report", "", PLAN.studies),
    *((f"{study.name}_report", f"-{study.name}", [study]) for study in PLAN.studies),
]:

    rule:
        name:
            name
        input:
            [getattr(rules, study.collect).output for study in shown],
            tables=of_studies("tables", [study.name for study in shown]),
            figures=of_studies("figures", [study.name for study in shown]),
            pieces=[
                getattr(rules, f"{study.name}_{part}").output.page
                for study in shown
                for part in ("tables", "figures")
            ],
            record=expand(rules.record.output.record, alone=alone),
            captions=[PLAN.captions(study.name) for study in shown],
            published=[PLAN.published(study.name) for study in shown],
        output:
            html=report_flag(
                f"<run>/report{alone}.html",
                caption="../report/page.rst",
                category="Page",
            ),
            choices=f"<run>/paper/choices{alone}.md",
        log:
            f"<logs>/report{alone}.log",
        conda:
            "../../environment.yml"
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            studies=[f"--study={study.name}" for study in shown],
            pieces=lambda wildcards, input: [f"--pieces={file}" for file in input.pieces],
            tidy=lambda wildcards, input: Path(input[0]).parent,
            published=lambda wildcards, input: Path(input.published[0]).parents[1],
            captions=lambda wildcards, input: Path(input.captions[0]).parents[2],
            figures=lambda wildcards, input: Path(input.figures[0]).parent,
            code=PLAN.code(name),
            lock=LOCK,
        message:
            f"Make one page of {'everything' if not alone else shown[0].name}"
        shell:
            "python -m advlearn report {params.studies:q} --tidy {params.tidy:q}"
            " --published {params.published:q} --captions {params.captions:q}"
            " --figures {params.figures:q} {params.pieces:q} --record {input.record:q}"
            " --choices {output.choices:q} --out {output.html:q} 2>&1 | tee {log:q}"


# A study alone, with a record and a page of its own.
for study in PLAN.studies:

    rule:
        name:
            study.name
        input:
            of_studies("tables", [study.name]),
            of_studies("figures", [study.name]),
            of_studies("report", [study.name]),
            expand(rules.record.output, alone=f"-{study.name}"),
        localrule: True
