# Study 1 from the choice of images on: what a cell is retrained with, and its accuracies.


rule select:
    input:
        outcomes=rules.craft.output.outcomes,
        embedding=rules.embed.output,
        clusters=lambda wildcards: expand(
            rules.cluster.output.clusters,
            clusterer=SELECTIVE.clusterers(wildcards),
            **wildcards,
        ),
        sizes=lambda wildcards: expand(
            rules.cluster.output.sizes,
            clusterer=SELECTIVE.clusterers(wildcards),
            **wildcards,
        ),
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
        settings=SELECTIVE.select,
        own=SELECTIVE.own_rules,
        clusterers=SELECTIVE.clusterers,
        clusters=lambda wildcards, input: [
            part for path in input.clusters for part in ("--clusters", path)
        ],
        no_clustering=SELECTIVE.no_clustering,
        code=PLAN.code("select"),
        lock=LOCK,
    message:
        "Choose images of {wildcards.universe}, {wildcards.attack}, seed {wildcards.seed}"
    shell:
        "python -m advlearn select --outcomes {input.outcomes:q}"
        " --embedding {input.embedding:q} {params.clusters:q} --settings {params.settings:q}"
        " --seed {params.seed} {params.no_clustering}"
        " --out {output.cells:q} 2>&1 | tee {log:q}"


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
    group:
        on_one_gpu(SELECTIVE, "retrain")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=240,
        gpu_share=SELECTIVE.gpu_share("retrain"),
        gres=SELECTIVE.gres("retrain"),
    params:
        seed=lambda wildcards: wildcards.seed,
        model=SELECTIVE.model,
        settings=SELECTIVE.job("retrain"),
        own=SELECTIVE.own_code,
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("retrain"),
        code=PLAN.code("retrain"),
        lock=LOCK,
    message:
        "Retrain all cells of {wildcards.universe}, {wildcards.attack}, {wildcards.reduction},"
        " seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn retrain --data {input.data:q} --weights {input.weights:q}"
        " --adversarial {input.adversarial:q} --selection {input.selection:q}"
        " --model {params.model:q} --settings {params.settings:q} --seed {params.seed}"
        " --threads {params.torch_threads} --device {params.device}"
        " --out {output.weights:q} 2>&1 | tee {log:q}"


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
    group:
        on_one_gpu(SELECTIVE, "evaluate")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=240,
        gpu_share=SELECTIVE.gpu_share("evaluate"),
        gres=SELECTIVE.gres("evaluate"),
    params:
        universe=lambda wildcards: wildcards.universe,
        attack=lambda wildcards: wildcards.attack,
        reduction=lambda wildcards: wildcards.reduction,
        seed=lambda wildcards: wildcards.seed,
        settings=SELECTIVE.job("evaluate"),
        own=SELECTIVE.own_code,
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("evaluate"),
        code=PLAN.code("evaluate"),
        lock=LOCK,
    message:
        "Evaluate all cells of {wildcards.universe}, {wildcards.attack}, {wildcards.reduction},"
        " seed {wildcards.seed}"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn evaluate --data {input.data:q} --weights {input.weights:q}"
        " --adversarial {input.adversarial:q} --selection {input.selection:q}"
        " --retrained {input.retrained:q} --settings {params.settings:q}"
        " --universe {params.universe} --attack {params.attack} --reduction {params.reduction}"
        " --seed {params.seed} --threads {params.torch_threads} --device {params.device}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"


include: "selective_strength.smk"


rule collect:
    input:
        rules.prepare.output,
        data=rules.prepare.output.info,
        choices=f"{PLAN.published_folder}/selective/selective_choices.csv",
        evaluations=each(rules.evaluate.output.metrics, SELECTIVE.lines()),
        strengths=each(rules.strengthen.output, SELECTIVE.strengthened()),
        calibrations=each(rules.calibrate.output, SELECTIVE.calibrations()),
        confirmations=each(rules.confirm.output, SELECTIVE.confirmations()),
    output:
        metrics="<run>/tidy/selective_metrics.csv",
        embedding="<run>/tidy/selective_embedding.csv",
        examples="<run>/tidy/selective_examples.npz",
        universes="<run>/tidy/selective_universes.csv",
        sanity="<run>/tidy/selective_sanity.csv",
        strength="<run>/tidy/selective_strength.csv",
        choices="<run>/tidy/selective_choices.csv",
        study="<run>/tidy/selective_study.json",
    log:
        "<logs>/collect.log",
    benchmark:
        "<run>/benchmarks/collect/collect.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        files=lambda wildcards: manifest(
            evaluation=rules.evaluate.output.metrics,
            sanity=rules.evaluate.output.sanity,
            strength=rules.strengthen.output[0],
            selection=rules.select.output.cells,
            losses=rules.retrain.output.losses,
            clusters=rules.cluster.output.clusters,
            embedding=rules.embed.output[0],
            outcomes=rules.craft.output.outcomes,
            test=rules.craft.output.test,
            calibration=rules.calibrate.output[0],
            confirmation=rules.confirm.output[0],
        ),
        settings=SELECTIVE.job("collect"),
        code=PLAN.code("collect"),
        lock=LOCK,
    message:
        "Gather the tidy tables"
    shell:
        "python -m advlearn collect --files {params.files:q} --data {input.data:q}"
        " --choices {input.choices:q} --settings {params.settings:q}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"
