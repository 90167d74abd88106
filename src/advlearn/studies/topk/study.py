"""Study 2 for the registry."""

from __future__ import annotations

from advlearn.studies.base import Stage, Study

STUDY = Study(
    name="topk",
    title="Study 2: imperceptible top-k multi-label attacks",
    settings="settings.study:TopkSettings",
    plan="plan:TopkPlan",
    stages={
        "topk_data": Stage(
            "stages.data:topk_data",
            "make the multi-label data set of study 2",
            "settings.jobs:TopkDataJob",
            describes_data=True,
        ),
        "topk_pretrain": Stage(
            "stages.pretrain:topk_pretrain",
            "train a multi-label classifier",
            "settings.jobs:TopkModelSettings",
        ),
        "topk_search": Stage(
            "stages.search:topk_search",
            "choose the step of each attack on validation images",
            "settings.jobs:TopkSearchJob",
        ),
        "topk_attack": Stage(
            "stages.attack:topk_attack",
            "push labels out of the top k of a multi-label classifier",
            "settings.jobs:TopkAttackJob",
        ),
        "topk_transfer": Stage(
            "stages.transfer:topk_transfer",
            "show every multi-label classifier the images made for the others",
            "settings.jobs:TopkTransferJob",
        ),
        "topk_collect": Stage(
            "stages.collect:topk_collect",
            "gather the tidy tables of study 2",
            "settings.jobs:TopkCollectSettings",
        ),
    },
    collect="topk_collect",
    tidy="paper.run:TopkTidy",
    tables={
        "topk_claims": "paper.tables.claims",
        "topk_models": "paper.tables.models",
        "topk_search": "paper.tables.search",
        "topk_global": "paper.tables.fixed_labels",
        "topk_random": "paper.tables.random",
        "topk_relaxation": "paper.tables.relaxation",
        "topk_alpha": "paper.tables.alpha",
        "topk_cardinality": "paper.tables.cardinality",
        "topk_density": "paper.tables.density",
        "topk_unknown_labels": "paper.tables.unknown_labels",
        "topk_transfer": "paper.tables.transfer",
    },
    figures={
        "topk_perturbation_vs_k": "paper.figures.perturbation_vs_k",
        "topk_success_vs_norm": "paper.figures.success_vs_norm",
        "topk_measure_change": "paper.figures.measure_change",
        "topk_examples": "paper.figures.examples",
        "topk_alpha": "paper.figures.alpha",
        "topk_transfer": "paper.figures.transfer",
    },
    page="paper.page:page",
    answer="paper.answer:answer",
    findings="paper.answer:findings",
)
