# Study 1: cluster-selective adversarial training.

SELECTIVE = PLAN.study("selective")


wildcard_constraints:
    universe=r"\w+",
    attack=r"\w+",
    reduction=r"\w+",
    clusterer=r"[\w.:-]+",
    block=r"\d+",
    part=r"\d+",


rule pretrain:
    input:
        checked(SELECTIVE),
        rules.prepare.output,
        data=rules.prepare.output.info,
    output:
        weights="<run>/models/{universe}/seed{seed}/classifier.safetensors",
        training="<run>/models/{universe}/seed{seed}/training.csv",
    log:
        "<logs>/pretrain/{universe}/seed{seed}.log",
    cache: True
    group:
        on_one_gpu(SELECTIVE, "pretrain")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=60,
        gpu_share=SELECTIVE.gpu_share("pretrain"),
        gres=SELECTIVE.gres("pretrain"),
    params:
        universe=lambda wildcards: wildcards.universe,
        seed=lambda wildcards: wildcards.seed,
        settings=SELECTIVE.job("pretrain"),
        own=SELECTIVE.own_model,
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("pretrain"),
        code=PLAN.code("pretrain"),
        lock=LOCK,
    message:
        "Train the classifier of {wildcards.universe}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn pretrain --data {input.data:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output.weights:q} 2>&1 | tee {log:q}"


rule craft:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        weights=rules.pretrain.output.weights,
    output:
        outcomes="<run>/adversarial/{universe}/seed{seed}/{attack}/outcomes.parquet",
        train="<run>/adversarial/{universe}/seed{seed}/{attack}/train.npy",
        validation="<run>/adversarial/{universe}/seed{seed}/{attack}/validation.npy",
        test="<run>/adversarial/{universe}/seed{seed}/{attack}/test.npy",
    log:
        "<logs>/craft/{universe}/seed{seed}/{attack}.log",
    benchmark:
        "<run>/benchmarks/craft/{universe}-seed{seed}-{attack}.tsv"
    group:
        on_one_gpu(SELECTIVE, "craft")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=60,
        gpu_share=SELECTIVE.gpu_share("craft"),
        gres=SELECTIVE.gres("craft"),
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=SELECTIVE.job("craft"),
        own=SELECTIVE.own_code,
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("craft"),
        code=PLAN.code("craft"),
        lock=LOCK,
    message:
        "Craft {wildcards.attack} images in {wildcards.universe}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn craft --data {input.data:q} --weights {input.weights:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {params.torch_threads}"
        " --device {params.device} --out {output.outcomes:q} 2>&1 | tee {log:q}"


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
    threads: SELECTIVE.embed_threads
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        seed=lambda wildcards: wildcards.seed,
        reduction=lambda wildcards: wildcards.reduction,
        settings=SELECTIVE.embed,
        own=SELECTIVE.own_reduction,
        code=PLAN.code("embed"),
        lock=LOCK,
    message:
        "Reduce {wildcards.attack} images by {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "python -m advlearn embed --adversarial {input.adversarial:q}"
        " --settings {params.settings:q} --reduction {params.reduction} --seed {params.seed}"
        " --out {output:q} 2>&1 | tee {log:q}"


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
        settings=SELECTIVE.cluster,
        own=SELECTIVE.own_clusterer,
        code=PLAN.code("cluster"),
        lock=LOCK,
    message:
        "Cluster {wildcards.attack} images by {wildcards.clusterer}, seed {wildcards.seed}"
    shell:
        "python -m advlearn cluster --embedding {input.embedding:q}"
        " --settings {params.settings:q} --clusterer {params.clusterer:q} --seed {params.seed}"
        " --out {output.clusters:q} 2>&1 | tee {log:q}"


include: "selective_search.smk"
include: "selective_cells.smk"
