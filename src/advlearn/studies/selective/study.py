"""Study 1 for the registry."""

from __future__ import annotations

from advlearn.studies.base import Stage, Study

STUDY = Study(
    name="selective",
    title="Study 1: cluster-selective adversarial training",
    settings="settings.study:SelectiveSettings",
    plan="plan:SelectivePlan",
    stages={
        "pretrain": Stage(
            "stages.pretrain:pretrain",
            "train a classifier on clean images",
            "settings.jobs:PretrainJob",
        ),
        "calibrate": Stage(
            "stages.calibrate:calibrate",
            "measure the published baselines in a block of universes, on part of the images",
            "settings.calibrate:CalibrateJob",
        ),
        "finalists": Stage(
            "stages.finalists:finalists",
            "choose the universes that are measured on all images",
            "settings.calibrate:FinalistsJob",
        ),
        "confirm": Stage(
            "stages.confirm:confirm",
            "measure the published baselines in some of these, seed after seed",
            "settings.calibrate:ConfirmJob",
        ),
        "craft": Stage(
            "stages.craft:craft",
            "make adversarial versions of every split",
            "settings.jobs:CraftJob",
        ),
        "embed": Stage("stages.embed:embed", "reduce adversarial images to a few dimensions"),
        "cluster": Stage(
            "stages.cluster:cluster",
            "cluster embedded images, all settings of one algorithm at once",
        ),
        "select": Stage("stages.select:select", "choose the images of each cell"),
        "retrain": Stage(
            "stages.retrain:retrain",
            "retrain once for every distinct set of selected images",
            "settings.jobs:RetrainJob",
        ),
        "evaluate": Stage(
            "stages.evaluate:evaluate",
            "measure clean and adversarial accuracy of every cell",
            "settings.jobs:EvaluateJob",
        ),
        "strengthen": Stage(
            "stages.strengthen:strengthen",
            "attack models with strong attacks: the worst case an image",
            "settings.strengthen:StrengthenJob",
        ),
        "collect": Stage(
            "stages.collect:collect",
            "gather the tidy tables of study 1",
            "settings.collect:CollectSettings",
        ),
        "plausible": Stage(
            "stages.plausible:plausible",
            "write the universes that hold most of the weight as a configuration",
        ),
    },
    collect="collect",
    tidy="schema:SelectiveTidy",
    tables={
        "selective_claims": "paper.tables.claims",
        "selective_baselines": "paper.tables.baselines",
        "selective_universes": "paper.tables.universes",
        "selective_open_choices": "paper.tables.open_choices",
        "selective_table1_fgsm": "paper.tables.table1_fgsm",
        "selective_table2_pgd": "paper.tables.table2_pgd",
        "selective_table3_overall": "paper.tables.table3_overall",
        "selective_predictions": "paper.tables.predictions",
        "selective_dbscan": "paper.tables.dbscan",
        "selective_controls": "paper.tables.controls",
        "selective_strength": "paper.tables.strength",
    },
    figures={
        "selective_claims": "paper.figures.claims",
        "selective_fig1_fgsm": "paper.figures.fig1_fgsm",
        "selective_fig2_pgd": "paper.figures.fig2_pgd",
        "selective_fig3_reduction": "paper.figures.fig3_reduction",
        "selective_universes": "paper.figures.universes",
        "selective_choices": "paper.figures.choices",
        "selective_embedding": "paper.figures.embedding",
        "selective_tradeoff": "paper.figures.tradeoff",
        "selective_examples": "paper.figures.examples",
    },
    page="paper.page:page",
    answer="paper.answer:answer",
    findings="paper.answer:findings",
    optional={
        "confirm": ["selective_universes", "selective_open_choices", "selective_choices"],
    },
)
