"""Study 3 for the registry."""

from __future__ import annotations

from advlearn.studies.base import Stage, Study

STUDY = Study(
    name="bilevel",
    title="Study 3: bilevel model, convex clustering, certificates and the delta-measure",
    settings="settings.study:BilevelSettings",
    plan="plan:BilevelPlan",
    stages={
        "bilevel_data": Stage(
            "stages.data:bilevel_data",
            "make a point set of study 3",
            "settings.path:BilevelDataJob",
            describes_data=True,
        ),
        "bilevel_path": Stage(
            "stages.path:bilevel_path",
            "follow the clusterpath of a point set",
            "settings.path:BilevelPathJob",
        ),
        "bilevel_certify": Stage(
            "stages.certify:bilevel_certify",
            "certify a clustering: intervals, radii, calmness, defence",
            "settings.certify:BilevelCertifyJob",
        ),
        "bilevel_attack": Stage(
            "stages.attack:bilevel_attack",
            "attack a convex clustering",
            "settings.attack:BilevelAttackJob",
        ),
        "bilevel_blackbox": Stage(
            "stages.blackbox:bilevel_blackbox",
            "attack clusterings by their labels alone, and transfer between them",
            "settings.attack:BilevelBlackboxJob",
        ),
        "bilevel_poison": Stage(
            "stages.poison:bilevel_poison",
            "move training points or flip labels of linear classifiers",
            "settings.poison:BilevelPoisonJob",
        ),
        "bilevel_onepoint": Stage(
            "stages.onepoint:bilevel_onepoint",
            "move one digit and count those that change their cluster",
            "settings.attack:OnepointSettings",
        ),
        "bilevel_delta": Stage(
            "stages.delta:bilevel_delta",
            "check and compare the delta-measure",
            "settings.delta:BilevelDeltaSettings",
        ),
        "bilevel_collect": Stage(
            "stages.collect:bilevel_collect",
            "gather the tidy tables of study 3",
            "settings.study:BilevelCollectJob",
        ),
    },
    collect="bilevel_collect",
    tidy="schema:BilevelTidy",
    tables={
        "bilevel_claims": "paper.tables.claims",
        "bilevel_delta_formulas": "paper.tables.delta_formulas",
        "bilevel_deviation_agreement": "paper.tables.deviation_agreement",
        "bilevel_gamma_interval": "paper.tables.gamma_interval",
        "bilevel_attacks": "paper.tables.attacks",
        "bilevel_blackbox": "paper.tables.blackbox",
        "bilevel_poisoning": "paper.tables.poisoning",
        "bilevel_onepoint": "paper.tables.onepoint",
    },
    figures={
        "bilevel_delta_vs_moved": "paper.figures.delta_vs_moved",
        "bilevel_delta_monotonicity": "paper.figures.delta_monotonicity",
        "bilevel_clusterpath": "paper.figures.clusterpath",
        "bilevel_staircase": "paper.figures.staircase",
        "bilevel_sandwich": "paper.figures.sandwich",
        "bilevel_calmness": "paper.figures.calmness",
        "bilevel_defence": "paper.figures.defence",
    },
    page="paper.page:page",
    answer="paper.answer:answer",
    findings="paper.answer:findings",
    downloads=False,
    optional={
        "bilevel_onepoint": ["bilevel_onepoint"],
        "bilevel_delta": [
            "bilevel_delta_formulas",
            "bilevel_deviation_agreement",
            "bilevel_delta_vs_moved",
            "bilevel_delta_monotonicity",
        ],
    },
)
