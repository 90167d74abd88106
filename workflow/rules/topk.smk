# Study 2: top-k attacks on multi-label classifiers.

TOPK = PLAN.study("topk")


wildcard_constraints:
    model=r"\w+",
    job=r"\w+",


rule topk_data:
    input:
        checked(TOPK),
        rules.prepare.output if TOPK.downloads else [],
        data=rules.prepare.output.info if TOPK.downloads else [],
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
        data=lambda wildcards, input: [f"--data={input.data}"] if TOPK.downloads else [],
        settings=TOPK.job("topk_data"),
        raw=TOPK.raw(),
        code=PLAN.code("topk_data"),
        lock=LOCK,
    message:
        "Make the multi-label data set and write its splits down"
    shell:
        "python -m advlearn topk_data {params.data:q} --settings {params.settings:q}"
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


include: "topk_attacks.smk"
