rule evaluate:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        weights=rules.pretrain.output.weights,
        adversarial=rules.craft.output.outcomes,
        validation=rules.craft.output.validation,
        test=rules.craft.output.test,
        selection=rules.select.output.cells,
        retrained=rules.retrain.output.weights,
    output:
        metrics="<run>/evaluation/{universe}/seed{seed}/{attack}/{reduction}.csv",
        verdicts="<run>/evaluation/{universe}/seed{seed}/{attack}/{reduction}.npz",
        sanity="<run>/evaluation/{universe}/seed{seed}/{attack}/{reduction}.sanity.csv",
    log:
        "<logs>/evaluate/{universe}/seed{seed}/{attack}/{reduction}.log",
    benchmark:
        "<run>/benchmarks/evaluate/{universe}-seed{seed}-{attack}-{reduction}.tsv"
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
        universe=lambda wildcards: wildcards.universe,
        attack=lambda wildcards: wildcards.attack,
        reduction=lambda wildcards: wildcards.reduction,
        seed=lambda wildcards: wildcards.seed,
        settings=PLAN.evaluate,
        own=PLAN.own_model,
        torch_threads=CONFIG.threads,
        device=CONFIG.device,
        code=PLAN.code("evaluate"),
        lock=LOCK,
    message:
        "Evaluate all cells of {wildcards.universe}, {wildcards.attack}, {wildcards.reduction},"
        " seed {wildcards.seed}"
    shell:
        "python -m advlearn evaluate --data {input.data:q} --weights {input.weights:q}"
        " --adversarial {input.adversarial:q} --selection {input.selection:q}"
        " --retrained {input.retrained:q} --settings {params.settings:q}"
        " --universe {params.universe} --attack {params.attack} --reduction {params.reduction}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"
