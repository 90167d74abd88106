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
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PLAN.gpus,
    params:
        seed=lambda wildcards: wildcards.seed,
        settings=PLAN.craft,
        own=PLAN.own_model,
        torch_threads=CONFIG.threads,
        device=CONFIG.device,
        code=PLAN.code("craft"),
        lock=LOCK,
    message:
        "Craft {wildcards.attack} images in {wildcards.universe}, seed {wildcards.seed}"
    shell:
        "python -m advlearn craft --data {input.data:q} --weights {input.weights:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {params.torch_threads}"
        " --device {params.device} --out {output.outcomes:q} 2>&1 | tee {log:q}"
