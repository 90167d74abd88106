rule retrain:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        weights=rules.pretrain.output.weights,
        adversarial=rules.craft.output.train,
        selection=rules.select.output.cells,
        sets=rules.select.output.sets,
    output:
        weights="<run>/retrained/{universe}/seed{seed}/{attack}/{reduction}.safetensors",
        losses="<run>/retrained/{universe}/seed{seed}/{attack}/{reduction}.csv",
    log:
        "<logs>/retrain/{universe}/seed{seed}/{attack}/{reduction}.log",
    benchmark:
        "<run>/benchmarks/retrain/{universe}-seed{seed}-{attack}-{reduction}.tsv"
    # The longest chain of jobs: the short ones of study 2 fill what it leaves free.
    priority: 5
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=PLAN.gpus,
    params:
        seed=lambda wildcards: wildcards.seed,
        model=PLAN.model,
        settings=PLAN.retrain,
        own=PLAN.own_model,
        torch_threads=CONFIG.threads,
        device=CONFIG.device,
        code=PLAN.code("retrain"),
        lock=LOCK,
    message:
        "Retrain all cells of {wildcards.universe}, {wildcards.attack}, {wildcards.reduction},"
        " seed {wildcards.seed}"
    shell:
        "python -m advlearn retrain --data {input.data:q} --weights {input.weights:q}"
        " --adversarial {input.adversarial:q} --selection {input.selection:q}"
        " --model {params.model:q} --settings {params.settings:q} --seed {params.seed}"
        " --threads {params.torch_threads} --device {params.device}"
        " --out {output.weights:q} 2>&1 | tee {log:q}"
