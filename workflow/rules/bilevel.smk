# Study 3: the bilevel model, convex clustering, its certificates and the delta-measure.

BILEVEL = PLAN.study("bilevel")


wildcard_constraints:
    dataset=r"\w+",


rule bilevel_data:
    input:
        checked(BILEVEL),
        BILEVEL.own,
    output:
        "<run>/bilevel/data/{dataset}.npz",
    log:
        "<logs>/bilevel_data/{dataset}.log",
    benchmark:
        "<run>/benchmarks/bilevel_data/{dataset}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=BILEVEL.job("bilevel_data"),
        code=PLAN.code("bilevel_data"),
        lock=LOCK,
    message:
        "Make the point set {wildcards.dataset}"
    shell:
        "python -m advlearn bilevel_data --settings {params.settings:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule bilevel_path:
    input:
        data=rules.bilevel_data.output,
    output:
        table="<run>/bilevel/path/{dataset}.csv",
        arrays="<run>/bilevel/path/{dataset}.npz",
        trajectories="<run>/bilevel/path/{dataset}.trajectories.csv",
    log:
        "<logs>/bilevel_path/{dataset}.log",
    benchmark:
        "<run>/benchmarks/bilevel_path/{dataset}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        dataset=lambda wildcards: wildcards.dataset,
        settings=BILEVEL.job("bilevel_path"),
        code=PLAN.code("bilevel_path"),
        lock=LOCK,
    message:
        "Follow the clusterpath of {wildcards.dataset}"
    shell:
        "python -m advlearn bilevel_path --data {input.data:q} --name {params.dataset}"
        " --settings {params.settings:q} --out {output.table:q} 2>&1 | tee {log:q}"


rule bilevel_certify:
    input:
        data=rules.bilevel_data.output,
        path=rules.bilevel_path.output.arrays,
    output:
        intervals="<run>/bilevel/certify/{dataset}/interval.csv",
        sandwich="<run>/bilevel/certify/{dataset}/sandwich.csv",
        trials="<run>/bilevel/certify/{dataset}/trials.csv",
        calmness="<run>/bilevel/certify/{dataset}/calmness.csv",
        defence="<run>/bilevel/certify/{dataset}/defence.csv",
    log:
        "<logs>/bilevel_certify/{dataset}.log",
    benchmark:
        "<run>/benchmarks/bilevel_certify/{dataset}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        dataset=lambda wildcards: wildcards.dataset,
        settings=BILEVEL.job("bilevel_certify"),
        code=PLAN.code("bilevel_certify"),
        lock=LOCK,
    message:
        "Certify the clustering of {wildcards.dataset}"
    shell:
        "python -m advlearn bilevel_certify --data {input.data:q} --path {input.path:q}"
        " --name {params.dataset} --settings {params.settings:q}"
        " --out {output.intervals:q} 2>&1 | tee {log:q}"


rule bilevel_delta:
    output:
        formulas="<run>/bilevel/delta/formulas.csv",
        moved="<run>/bilevel/delta/moved.csv",
        monotone="<run>/bilevel/delta/monotone.csv",
        agreement="<run>/bilevel/delta/agreement.csv",
    log:
        "<logs>/bilevel_delta.log",
    benchmark:
        "<run>/benchmarks/bilevel_delta/bilevel_delta.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=BILEVEL.job("bilevel_delta"),
        code=PLAN.code("bilevel_delta"),
        lock=LOCK,
    message:
        "Measure the delta-measure and its alternatives"
    shell:
        "python -m advlearn bilevel_delta --settings {params.settings:q}"
        " --out {output.formulas:q} 2>&1 | tee {log:q}"


include: "bilevel_attacks.smk"


rule bilevel_collect:
    input:
        each(rules.bilevel_path.output, BILEVEL.datasets()),
        each(rules.bilevel_certify.output, BILEVEL.of("certify")),
        each(rules.bilevel_attack.output, BILEVEL.seeded("attack")),
        each(rules.bilevel_blackbox.output, BILEVEL.seeded("blackbox")),
        each(rules.bilevel_poison.output, BILEVEL.seeded("poison")),
        each(rules.bilevel_delta.output, BILEVEL.once("bilevel_delta")),
        each(rules.bilevel_onepoint.output, BILEVEL.once("bilevel_onepoint")),
        data=each(rules.bilevel_data.output, BILEVEL.datasets()),
        choices=f"{PLAN.published_folder}/bilevel/bilevel_choices.csv",
    output:
        formulas="<run>/tidy/bilevel_formulas.csv",
        moved="<run>/tidy/bilevel_moved.csv",
        monotone="<run>/tidy/bilevel_monotone.csv",
        agreement="<run>/tidy/bilevel_agreement.csv",
        path="<run>/tidy/bilevel_path.csv",
        trajectories="<run>/tidy/bilevel_trajectories.csv",
        intervals="<run>/tidy/bilevel_intervals.csv",
        sandwich="<run>/tidy/bilevel_sandwich.csv",
        trials="<run>/tidy/bilevel_trials.csv",
        attacks="<run>/tidy/bilevel_attacks.csv",
        staircase="<run>/tidy/bilevel_staircase.csv",
        calmness="<run>/tidy/bilevel_calmness.csv",
        blackbox="<run>/tidy/bilevel_blackbox.csv",
        poisoning="<run>/tidy/bilevel_poisoning.csv",
        onepoint="<run>/tidy/bilevel_onepoint.csv",
        defence="<run>/tidy/bilevel_defence.csv",
        choices="<run>/tidy/bilevel_choices.csv",
        study="<run>/tidy/bilevel_study.json",
    log:
        "<logs>/bilevel_collect.log",
    benchmark:
        "<run>/benchmarks/bilevel_collect/bilevel_collect.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        files=lambda wildcards: manifest(
            data=rules.bilevel_data.output,
            clusterpath=rules.bilevel_path.output.arrays,
            path=rules.bilevel_path.output.table,
            trajectories=rules.bilevel_path.output.trajectories,
            **rules.bilevel_certify.output,
            **rules.bilevel_attack.output,
            blackbox=rules.bilevel_blackbox.output,
            poisoning=rules.bilevel_poison.output,
            onepoint=rules.bilevel_onepoint.output,
            **rules.bilevel_delta.output,
        ),
        settings=BILEVEL.job("bilevel_collect"),
        code=PLAN.code("bilevel_collect"),
        lock=LOCK,
    message:
        "Gather the tidy tables of study 3"
    shell:
        "python -m advlearn bilevel_collect --files {params.files:q} --choices {input.choices:q}"
        " --settings {params.settings:q} --out {output.study:q} 2>&1 | tee {log:q}"
