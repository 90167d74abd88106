# Study 1's search: which settings may have given the published numbers.

# A file of the search that is asked for by its name, although the configuration has no search.
SEARCHED = refusing(lambda: SELECTIVE.settings.search)
BASELINES = f"{PLAN.published_folder}/selective/selective_baselines.csv"


rule calibrate:
    input:
        SEARCHED,
        checked(SELECTIVE),
        rules.prepare.output,
        data=rules.prepare.output.info,
        published=BASELINES,
    output:
        "<run>/search/first/{block}.csv",
    log:
        "<logs>/calibrate/{block}.log",
    benchmark:
        "<run>/benchmarks/calibrate/{block}.tsv"
    # Long and needed only at the end: started first, so that it never runs alone on one core.
    priority: 10
    group:
        on_one_gpu(SELECTIVE, "calibrate")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=240,
        gpu_share=SELECTIVE.gpu_share("calibrate"),
        gres=SELECTIVE.gres("calibrate"),
    params:
        settings=SELECTIVE.job("calibrate"),
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("calibrate"),
        code=PLAN.code("calibrate"),
        lock=LOCK,
    message:
        "Measure the published baselines in block {wildcards.block} of the universes"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn calibrate --data {input.data:q} --published {input.published:q}"
        " --settings {params.settings:q} --threads {params.torch_threads}"
        " --device {params.device} --out {output:q} 2>&1 | tee {log:q}"


rule finalists:
    input:
        SEARCHED,
        calibrations=each(rules.calibrate.output, SELECTIVE.calibrations()),
        published=BASELINES,
    output:
        "<run>/search/finalists.csv",
    log:
        "<logs>/finalists.log",
    benchmark:
        "<run>/benchmarks/finalists/finalists.tsv"
    priority: 10
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        files=lambda wildcards: manifest(calibration=rules.calibrate.output[0]),
        settings=SELECTIVE.job("finalists"),
        code=PLAN.code("finalists"),
        lock=LOCK,
    message:
        "Choose the universes that are measured at full length"
    shell:
        "python -m advlearn finalists --files {params.files:q} --published {input.published:q}"
        " --settings {params.settings:q} --out {output:q} 2>&1 | tee {log:q}"


rule confirm:
    input:
        SEARCHED,
        checked(SELECTIVE),
        rules.prepare.output,
        data=rules.prepare.output.info,
        finalists=rules.finalists.output[0],
        published=BASELINES,
    output:
        "<run>/search/second/{part}.csv",
    log:
        "<logs>/confirm/{part}.log",
    benchmark:
        "<run>/benchmarks/confirm/{part}.tsv"
    priority: 10
    group:
        on_one_gpu(SELECTIVE, "confirm")
    conda:
        "../../environment.yml"
    threads: CONFIG.threads
    resources:
        mem_mb=4000,
        runtime=480,
        gpu_share=SELECTIVE.gpu_share("confirm"),
        gres=SELECTIVE.gres("confirm"),
    params:
        settings=SELECTIVE.job("confirm"),
        torch_threads=CONFIG.threads,
        device=SELECTIVE.device("confirm"),
        code=PLAN.code("confirm"),
        lock=LOCK,
    message:
        "Measure part {wildcards.part} of the finalists at full length"
    shell:
        "ADVLEARN_GPU_SHARE={resources.gpu_share}"
        " python -m advlearn confirm --data {input.data:q} --finalists {input.finalists:q}"
        " --published {input.published:q} --settings {params.settings:q}"
        " --threads {params.torch_threads} --device {params.device}"
        " --out {output:q} 2>&1 | tee {log:q}"


# On request: what is laid over a configuration to run the study in the plausible set.
rule plausible:
    input:
        SEARCHED,
        universes=each(rules.confirm.output, SELECTIVE.confirmations()),
        published=BASELINES,
    output:
        "<run>/search/plausible.yaml",
    log:
        "<logs>/plausible.log",
    benchmark:
        "<run>/benchmarks/plausible/plausible.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        universes=lambda wildcards, input: [
            part for path in input.universes for part in ("--universes", path)
        ],
        code=PLAN.code("plausible"),
        lock=LOCK,
    message:
        "Write the plausible universes down as a configuration"
    shell:
        "python -m advlearn plausible {params.universes:q}"
        " --published {input.published:q} --out {output:q} 2>&1 | tee {log:q}"
