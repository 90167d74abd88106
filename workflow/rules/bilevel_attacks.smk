# Study 3: attacks on the clusterings, by all that is known of them or by their labels alone.


rule bilevel_attack:
    input:
        data=rules.bilevel_data.output,
        path=rules.bilevel_path.output.arrays,
    output:
        attacks="<run>/bilevel/attack/{dataset}/seed{seed}.csv",
        staircase="<run>/bilevel/attack/{dataset}/seed{seed}.staircase.csv",
    log:
        "<logs>/bilevel_attack/{dataset}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/bilevel_attack/{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        dataset=lambda wildcards: wildcards.dataset,
        seed=lambda wildcards: wildcards.seed,
        settings=BILEVEL.job("bilevel_attack"),
        own=BILEVEL.own_attacks,
        code=PLAN.code("bilevel_attack"),
        lock=LOCK,
    message:
        "Attack the clustering of {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m advlearn bilevel_attack --data {input.data:q} --path {input.path:q}"
        " --name {params.dataset} --settings {params.settings:q} --seed {params.seed}"
        " --out {output.attacks:q} 2>&1 | tee {log:q}"


rule bilevel_blackbox:
    input:
        data=rules.bilevel_data.output,
        path=rules.bilevel_path.output.arrays,
    output:
        "<run>/bilevel/blackbox/{dataset}/seed{seed}.csv",
    log:
        "<logs>/bilevel_blackbox/{dataset}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/bilevel_blackbox/{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        dataset=lambda wildcards: wildcards.dataset,
        seed=lambda wildcards: wildcards.seed,
        settings=BILEVEL.job("bilevel_blackbox"),
        own=BILEVEL.own_victims,
        code=PLAN.code("bilevel_blackbox"),
        lock=LOCK,
    message:
        "Attack clusterings of {wildcards.dataset} by their labels alone, seed {wildcards.seed}"
    shell:
        "python -m advlearn bilevel_blackbox --data {input.data:q} --path {input.path:q}"
        " --name {params.dataset} --settings {params.settings:q} --seed {params.seed}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule bilevel_poison:
    input:
        rules.bilevel_data.output,
    output:
        "<run>/bilevel/poison/{dataset}/seed{seed}.csv",
    log:
        "<logs>/bilevel_poison/{dataset}/seed{seed}.log",
    benchmark:
        "<run>/benchmarks/bilevel_poison/{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        dataset=lambda wildcards: wildcards.dataset,
        seed=lambda wildcards: wildcards.seed,
        settings=BILEVEL.job("bilevel_poison"),
        code=PLAN.code("bilevel_poison"),
        lock=LOCK,
    message:
        "Poison classifiers of {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m advlearn bilevel_poison --data {input:q} --name {params.dataset}"
        " --settings {params.settings:q} --seed {params.seed} --out {output:q} 2>&1 | tee {log:q}"


rule bilevel_onepoint:
    output:
        "<run>/bilevel/onepoint.csv",
    log:
        "<logs>/bilevel_onepoint.log",
    benchmark:
        "<run>/benchmarks/bilevel_onepoint/bilevel_onepoint.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        settings=BILEVEL.job("bilevel_onepoint"),
        code=PLAN.code("bilevel_onepoint"),
        lock=LOCK,
    message:
        "Move one digit and count those that change their cluster"
    shell:
        "python -m advlearn bilevel_onepoint --settings {params.settings:q} --out {output:q}"
        " 2>&1 | tee {log:q}"
