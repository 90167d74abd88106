# Study 2: top-k attacks on multi-label classifiers.

TOPK = PLAN.study("topk")


wildcard_constraints:
    model=r"\w+",
    job=r"\w+",


rule topk_data:
    input:
        checked(TOPK),
        rules.prepare.output,
        data=rules.prepare.output.info,
    output:
        info="<run>/topk/data/dataset.json",
        index="<run>/topk/data/images.csv",
        skipped="<run>/topk/data/skipped.csv",
        images="<run>/topk/data/images.npy",
    log:
        "<logs>/topk_data.log",
    benchmark:
        "<run>/benchmarks/topk_data/topk_data.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        settings=TOPK.job("topk_data"),
        raw=TOPK.raw(),
        code=PLAN.code("topk_data"),
        lock=LOCK,
    message:
        "Make the multi-label data set and write its splits down"
    shell:
        "python -m advlearn topk_data --data {input.data:q} --settings {params.settings:q}"
        " --raw {params.raw:q} --threads {threads} --out {output.info:q} 2>&1 | tee {log:q}"


rule topk_pretrain:
    input:
        rules.topk_data.output,
        data=rules.topk_data.output.info,
    output:
        weights="<run>/topk/models/{model}/seed{seed}.safetensors",
        training="<run>/topk/models/{model}/seed{seed}.csv",
        metrics="<run>/topk/models/{model}/seed{seed}.metrics.csv",
    log:
        "<logs>/topk_pretrain/{model}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/topk_pretrain/{model}-seed{seed}.tsv"
    group:
        on_one_gpu(TOPK, "topk_pretrain")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=TOPK.mem_mb,
        runtime=600,
        gpu_share=TOPK.gpu_share("topk_pretrain"),
        gres=TOPK.gres("topk_pretrain"),
    params:
        seed=lambda wildcards: wildcards.seed,
        model=lambda wildcards: wildcards.model,
        settings=TOPK.job("topk_pretrain"),
        sources=TOPK.sources,
        cache="results/raw/imagenet",
        own=TOPK.own_model,
        torch_threads=CONFIG.threads,
        device=TOPK.device("topk_pretrain"),
        code=PLAN.code("topk_pretrain"),
        lock=LOCK,
    message:
        "Train the multi-label classifier {wildcards.model}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn topk_pretrain --data {input.data:q} --settings {params.settings:q}"
        " --model {params.model} --seed {params.seed} --sources {params.sources:q}"
        " --cache {params.cache:q} --threads {params.torch_threads} --device {params.device}"
        " --out {output.weights:q} 2>&1 | tee {log:q}"


rule topk_attack:
    input:
        rules.topk_data.output,
        data=rules.topk_data.output.info,
        weights=rules.topk_pretrain.output.weights,
    output:
        outcomes="<run>/topk/attacks/{model}/{job}/seed{seed}.parquet",
        cells="<run>/topk/attacks/{model}/{job}/seed{seed}.csv",
        images="<run>/topk/attacks/{model}/{job}/seed{seed}.npy",
    log:
        "<logs>/topk_attack/{model}/{job}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/topk_attack/{model}-{job}-seed{seed}.tsv"
    group:
        on_one_gpu(TOPK, "topk_attack")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=TOPK.mem_mb,
        runtime=600,
        gpu_share=TOPK.gpu_share("topk_attack"),
        gres=TOPK.gres("topk_attack"),
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=TOPK.job("topk_attack"),
        own=TOPK.own_model,
        torch_threads=CONFIG.threads,
        device=TOPK.device("topk_attack"),
        code=PLAN.code("topk_attack"),
        lock=LOCK,
    message:
        "Attack {wildcards.model}: {wildcards.job}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn topk_attack --data {input.data:q} --weights {input.weights:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {params.torch_threads}"
        " --device {params.device} --out {output.outcomes:q} 2>&1 | tee {log:q}"


rule topk_transfer:
    input:
        rules.topk_data.output,
        weights=lambda wildcards: expand(
            rules.topk_pretrain.output.weights, model=TOPK.settings.models, **wildcards
        ),
        attacks=lambda wildcards: expand(
            rules.topk_attack.output,
            model=TOPK.settings.models,
            job="transfer",
            **wildcards,
        ),
        data=rules.topk_data.output.info,
    output:
        "<run>/topk/transfer/seed{seed}.csv",
    log:
        "<logs>/topk_transfer/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/topk_transfer/seed{seed}.tsv"
    group:
        on_one_gpu(TOPK, "topk_transfer")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=120,
        gpu_share=TOPK.gpu_share("topk_transfer"),
        gres=TOPK.gres("topk_transfer"),
    params:
        files=lambda wildcards: manifest(
            weights=rules.topk_pretrain.output.weights,
            outcomes=rules.topk_attack.output.outcomes,
            cells=rules.topk_attack.output.cells,
            images=rules.topk_attack.output.images,
        ),
        seed=lambda wildcards: wildcards.seed,
        settings=TOPK.job("topk_transfer"),
        own=TOPK.own_models(),
        torch_threads=CONFIG.threads,
        device=TOPK.device("topk_transfer"),
        code=PLAN.code("topk_transfer"),
        lock=LOCK,
    message:
        "Show every classifier the images made for the others, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn topk_transfer --data {input.data:q} --files {params.files:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {params.torch_threads}"
        " --device {params.device} --out {output:q} 2>&1 | tee {log:q}"


rule topk_collect:
    input:
        rules.topk_data.output,
        each(rules.topk_pretrain.output.metrics, TOPK.models()),
        each(rules.topk_attack.output.outcomes, TOPK.attacks()),
        each(rules.topk_attack.output.cells, TOPK.attacks()),
        each(rules.topk_transfer.output, TOPK.transfers()),
        each(rules.topk_attack.output.images, [TOPK.shown()]),
        data=rules.topk_data.output.info,
        choices=f"{PLAN.published_folder}/topk/topk_choices.csv",
    output:
        metrics="<run>/tidy/topk_metrics.csv",
        images="<run>/tidy/topk_images.csv",
        models="<run>/tidy/topk_models.csv",
        transfer="<run>/tidy/topk_transfer.csv",
        examples="<run>/tidy/topk_examples.npz",
        choices="<run>/tidy/topk_choices.csv",
        study="<run>/tidy/topk_study.json",
    log:
        "<logs>/topk_collect.log",
    benchmark:
        "<run>/benchmarks/topk_collect/topk_collect.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        files=lambda wildcards: manifest(
            models=rules.topk_pretrain.output.metrics,
            outcomes=rules.topk_attack.output.outcomes,
            cells=rules.topk_attack.output.cells,
            images=rules.topk_attack.output.images,
            transfer=rules.topk_transfer.output[0],
        ),
        settings=TOPK.job("topk_collect"),
        code=PLAN.code("topk_collect"),
        lock=LOCK,
    message:
        "Gather the tidy tables of study 2"
    shell:
        "python -m advlearn topk_collect --files {params.files:q} --data {input.data:q}"
        " --choices {input.choices:q} --settings {params.settings:q}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"
