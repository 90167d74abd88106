# Study 2: attacks on the classifiers, and what is gathered of them.


rule topk_search:
    input:
        rules.topk_data.output,
        data=rules.topk_data.output.info,
        weights=rules.topk_pretrain.output.weights,
    output:
        "<run>/topk/search/{model}/seed{seed}.csv",
    log:
        "<logs>/topk_search/{model}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/topk_search/{model}-seed{seed}.tsv"
    group:
        on_one_gpu(TOPK, "topk_search")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=TOPK.mem_mb,
        runtime=600,
        gpu_share=TOPK.gpu_share("topk_search"),
        gres=TOPK.gres("topk_search"),
    params:
        seed=lambda wildcards: wildcards.seed,
        model=lambda wildcards: wildcards.model,
        settings=TOPK.job("topk_search"),
        own=TOPK.own_code,
        torch_threads=CONFIG.threads,
        device=TOPK.device("topk_search"),
        code=PLAN.code("topk_search"),
        lock=LOCK,
    message:
        "Choose the steps of the attacks on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn topk_search --data {input.data:q} --weights {input.weights:q}"
        " --settings {params.settings:q} --model {params.model} --seed {params.seed}"
        " --threads {params.torch_threads} --device {params.device} --out {output:q} 2>&1"
        " | tee {log:q}"


rule topk_attack:
    input:
        rules.topk_data.output,
        data=rules.topk_data.output.info,
        weights=rules.topk_pretrain.output.weights,
        search=rules.topk_search.output[0],
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
        own=TOPK.own_code,
        torch_threads=CONFIG.threads,
        device=TOPK.device("topk_attack"),
        code=PLAN.code("topk_attack"),
        lock=LOCK,
    message:
        "Attack {wildcards.model}: {wildcards.job}, seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn topk_attack --data {input.data:q} --weights {input.weights:q}"
        " --search {input.search:q} --settings {params.settings:q} --seed {params.seed}"
        " --threads {params.torch_threads} --device {params.device} --out {output.outcomes:q} 2>&1 | tee {log:q}"


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
        each(rules.topk_search.output[0], TOPK.models()),
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
        search="<run>/tidy/topk_search.csv",
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
            search=rules.topk_search.output[0],
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
