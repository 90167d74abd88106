rule cluster:
    input:
        embedding=rules.embed.output,
    output:
        clusters="<run>/clusters/{universe}/seed{seed}/{attack}/{reduction}/{clusterer}.parquet",
        sizes="<run>/clusters/{universe}/seed{seed}/{attack}/{reduction}/{clusterer}.csv",
    log:
        "<logs>/cluster/{universe}/seed{seed}/{attack}/{reduction}/{clusterer}.log",
    benchmark:
        "<run>/benchmarks/cluster/{universe}-seed{seed}-{attack}-{reduction}-{clusterer}.tsv"
    # The longest chain of jobs: the short ones of study 2 fill what it leaves free.
    priority: 5
    conda:
        "../../environment.yml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        seed=lambda wildcards: wildcards.seed,
        clusterer=lambda wildcards: wildcards.clusterer,
        settings=PLAN.cluster,
        own=PLAN.own_clusterer,
        code=PLAN.code("cluster"),
        lock=LOCK,
    message:
        "Cluster {wildcards.attack} images by {wildcards.clusterer}, seed {wildcards.seed}"
    shell:
        "python -m advlearn cluster --embedding {input.embedding:q}"
        " --settings {params.settings:q} --clusterer {params.clusterer:q} --seed {params.seed}"
        " --out {output.clusters:q} 2>&1 | tee {log:q}"


rule select:
    input:
        outcomes=rules.craft.output.outcomes,
        clusters=PLAN.clusterings,
    output:
        cells="<run>/selections/{universe}/seed{seed}/{attack}/{reduction}.csv",
        sets="<run>/selections/{universe}/seed{seed}/{attack}/{reduction}.npz",
    log:
        "<logs>/select/{universe}/seed{seed}/{attack}/{reduction}.log",
    benchmark:
        "<run>/benchmarks/select/{universe}-seed{seed}-{attack}-{reduction}.tsv"
    priority: 5
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=PLAN.select,
        clusterers=PLAN.clusterers,
        clusters=lambda wildcards, input: [
            part for path in input.clusters for part in ("--clusters", path)
        ],
        single=PLAN.single,
        code=PLAN.code("select"),
        lock=LOCK,
    message:
        "Choose images of {wildcards.universe}, {wildcards.attack}, seed {wildcards.seed}"
    shell:
        "python -m advlearn select --outcomes {input.outcomes:q}"
        " {params.clusters:q} --settings {params.settings:q} --seed {params.seed} {params.single}"
        " --out {output.cells:q} 2>&1 | tee {log:q}"
