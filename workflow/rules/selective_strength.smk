# Study 1: strong attacks on the models whose robustness is claimed.


rule strengthen:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        weights=rules.pretrain.output.weights,
        selection=rules.select.output.cells,
        retrained=rules.retrain.output.weights,
        verdicts=rules.evaluate.output.verdicts,
    output:
        "<run>/strength/{universe}/seed{seed}/{attack}/{reduction}.csv",
    log:
        "<logs>/strengthen/{universe}/seed{seed}/{attack}/{reduction}.log",
    benchmark:
        "<run>/benchmarks/strengthen/{universe}-seed{seed}-{attack}-{reduction}.tsv"
    group:
        on_one_gpu(SELECTIVE, "strengthen")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=3000,
        runtime=240,
        gpu_share=SELECTIVE.gpu_share("strengthen"),
        gres=SELECTIVE.gres("strengthen"),
    params:
        universe=lambda wildcards: wildcards.universe,
        attack=lambda wildcards: wildcards.attack,
        reduction=lambda wildcards: wildcards.reduction,
        seed=lambda wildcards: wildcards.seed,
        settings=SELECTIVE.job("strengthen"),
        own=SELECTIVE.own_model,
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("strengthen"),
        code=PLAN.code("strengthen"),
        lock=LOCK,
    message:
        "Attack models of {wildcards.universe}, {wildcards.attack}, {wildcards.reduction},"
        " seed {wildcards.seed}, with strong attacks"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn strengthen --data {input.data:q} --weights {input.weights:q}"
        " --selection {input.selection:q} --retrained {input.retrained:q}"
        " --verdicts {input.verdicts:q} --settings {params.settings:q}"
        " --universe {params.universe} --attack {params.attack} --reduction {params.reduction}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output:q} 2>&1 | tee {log:q}"
