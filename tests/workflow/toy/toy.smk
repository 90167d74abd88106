# A toy study: means of a few draws.

TOY = PLAN.study("toy")


rule toy_draw:
    output:
        "<run>/toy/seed{seed}.csv",
    log:
        "<logs>/toy_draw/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/toy_draw/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=TOY.job("toy_draw"),
        code=PLAN.code("toy_draw"),
        lock=LOCK,
    message:
        "Draw numbers, seed {wildcards.seed}"
    shell:
        "python -m advlearn toy_draw --settings {params.settings:q} --seed {params.seed}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule toy_collect:
    input:
        each(rules.toy_draw.output, TOY.draws()),
        choices=f"{PLAN.published_folder}/toy/toy_choices.csv",
    output:
        draws="<run>/tidy/toy_draws.csv",
        choices="<run>/tidy/toy_choices.csv",
        study="<run>/tidy/toy_study.json",
    log:
        "<logs>/toy_collect.log",
    benchmark:
        "<run>/benchmarks/toy_collect/toy_collect.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        files=lambda wildcards: manifest(draw=rules.toy_draw.output),
        settings=TOY.job("toy_collect"),
        code=PLAN.code("toy_collect"),
        lock=LOCK,
    message:
        "Gather the tidy table of the toy study"
    shell:
        "python -m advlearn toy_collect --files {params.files:q} --choices {input.choices:q}"
        " --settings {params.settings:q} --out {output.study:q} 2>&1 | tee {log:q}"
