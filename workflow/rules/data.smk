rule download:
    input:
        PLAN.own_arrays(),
    output:
        # Raw files are shared by all runs; their manifest is the run's own, so that no run takes
        # it away while another reads it. Not cached: it says nothing of files that are elsewhere.
        manifest=f"results/raw/{PLAN.raw}/manifest-{CONFIG.run}.json",
    log:
        "<logs>/download.log",
    benchmark:
        "<run>/benchmarks/download/download.tsv"
    retries: 1
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        dataset=CONFIG.data.dataset,
        settings=CONFIG.sources.to_json(),
        code=PLAN.code("download"),
        lock=LOCK,
    message:
        "Obtain the data set and check its files"
    shell:
        "python -m advlearn download --dataset {params.dataset:q}"
        " --settings {params.settings:q} --out {output.manifest:q} 2>&1 | tee {log:q}"


rule prepare:
    input:
        manifest=rules.download.output.manifest,
    output:
        info="<run>/data/dataset.json",
        train_images="<run>/data/train_images.npy",
        train_labels="<run>/data/train_labels.npy",
        test_images="<run>/data/test_images.npy",
        test_labels="<run>/data/test_labels.npy",
        splits="<run>/data/splits.csv",
    log:
        "<logs>/prepare.log",
    benchmark:
        "<run>/benchmarks/prepare/prepare.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=CONFIG.data.to_json(),
        code=PLAN.code("prepare"),
        lock=LOCK,
    message:
        "Turn raw files into arrays and write the splits down"
    shell:
        "python -m advlearn prepare --manifest {input.manifest:q}"
        " --settings {params.settings:q} --out {output.info:q} 2>&1 | tee {log:q}"
