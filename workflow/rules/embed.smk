rule embed:
    input:
        adversarial=rules.craft.output.train,
    output:
        "<run>/embeddings/{universe}/seed{seed}/{attack}/{reduction}.npy",
    log:
        "<logs>/embed/{universe}/seed{seed}/{attack}/{reduction}.log",
    benchmark:
        "<run>/benchmarks/embed/{universe}-seed{seed}-{attack}-{reduction}.tsv"
    # The longest chain of jobs: the short ones of study 2 fill what it leaves free.
    priority: 5
    conda:
        "../../environment.yml"
    threads: PLAN.embed_threads
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        seed=lambda wildcards: wildcards.seed,
        reduction=lambda wildcards: wildcards.reduction,
        settings=PLAN.embed,
        code=PLAN.code("embed"),
        lock=LOCK,
    message:
        "Reduce {wildcards.attack} images by {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "python -m advlearn embed --adversarial {input.adversarial:q}"
        " --settings {params.settings:q} --reduction {params.reduction} --seed {params.seed}"
        " --out {output:q} 2>&1 | tee {log:q}"
