rule pretrain:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
    output:
        weights="<run>/models/{universe}/seed{seed}/classifier.safetensors",
        training="<run>/models/{universe}/seed{seed}/training.csv",
    log:
        "<logs>/pretrain/{universe}/seed{seed}.log",
    cache: True
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PLAN.gpus,
    params:
        universe=lambda wildcards: wildcards.universe,
        seed=lambda wildcards: wildcards.seed,
        settings=PLAN.pretrain,
        own=PLAN.own_model,
        torch_threads=CONFIG.threads,
        device=CONFIG.device,
        code=PLAN.code("pretrain"),
        lock=LOCK,
    message:
        "Train the classifier of {wildcards.universe}, seed {wildcards.seed}"
    shell:
        "python -m advlearn pretrain --data {input.data:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output.weights:q} 2>&1 | tee {log:q}"


rule calibrate:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
    output:
        "<run>/calibration/seed{seed}.csv",
    log:
        "<logs>/calibrate/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/calibrate/seed{seed}.tsv"
    # Long and needed only at the end: started first, so that it never runs alone on one core.
    priority: 10
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=PLAN.gpus,
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=PLAN.calibrate(),
        torch_threads=CONFIG.threads,
        device=CONFIG.device,
        code=PLAN.code("calibrate"),
        lock=LOCK,
    message:
        "Measure the published baselines in every universe, seed {wildcards.seed}"
    shell:
        "python -m advlearn calibrate --data {input.data:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output:q} 2>&1 | tee {log:q}"
