"""Names of the things of study 1 as readers see them, in their order and with their look."""

from __future__ import annotations

from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILION, Labels

METRICS = Labels(
    {
        "clean_accuracy": "clean accuracy",
        "adversarial_accuracy": "adversarial accuracy",
        "average_accuracy": "average accuracy",
    }
)
SHORT_METRICS = Labels(
    {"clean_accuracy": "clean", "adversarial_accuracy": "adv.", "average_accuracy": "avg."}
)
PROTOCOLS = Labels({"whitebox": "white-box", "transfer": "transfer"})
ATTACKS = Labels({"fgsm": "FGSM", "pgd": "PGD"})
CLUSTERERS = Labels(
    {
        "kmeans": ("k-means", BLUE, "o", "-"),
        "agglomerative": ("agglomerative", VERMILION, "s", "--"),
        "dbscan": ("DBSCAN", GREEN, "^", "-."),
        "hdbscan": ("HDBSCAN", PURPLE, "D", ":"),
    },
    unknown=(BLACK, "X", ":"),
)
REDUCTIONS = Labels(
    {
        "none": ("no reduction", BLACK, "o", "-"),
        "pca": ("PCA", BLUE, "s", "--"),
        "tsne": ("t-SNE", VERMILION, "^", "-."),
    }
)
RULES = Labels(
    {
        "random": ("one random cluster", GREY, "o", "none"),
        "largest": ("largest cluster", GREY, "^", "none"),
        "smallest": ("smallest cluster", GREY, "v", "none"),
        "highest_loss": ("highest mean loss", GREY, "P", "none"),
        "lowest_margin": ("lowest mean margin", GREY, "X", "none"),
        "every": ("every cluster in turn", GREY, "s", "none"),
        "nearest": ("nearest to the centres", GREY, "h", "none"),
        "subset": ("random subset of equal size", GREY, "d", "none"),
    },
    unknown=(GREY, "o", "none"),
)
MODELS = Labels(
    {
        "classic": "classic training",
        "all": "adversarial training",
        "none": "retrained on clean images only",
    }
)
"""The models without clusters, by the rule that chose their images."""
BASELINES = Labels(
    {
        "classic": ("classic", BLACK, "*", "none"),
        "none": ("clean images only", BLACK, "p", "none"),
        "all": ("adversarial training", BLACK, "D", "none"),
    }
)
"""The same models as the legend of a figure has room for."""
ALGORITHMS = Labels(
    {
        "classic": MODELS("classic"),
        "adversarial_training": MODELS("all"),
        "clean_only": MODELS("none"),
        **{name: CLUSTERERS(name) for name in CLUSTERERS},
    }
)
"""Lines of Table 3."""
STRONG = Labels(
    {
        "fgsm": "FGSM",
        "apgd_cross_entropy": "APGD",
        "apgd_targeted_dlr": "APGD-T",
        "apgd_dlr": "APGD-DLR",
        "apgd_negative_margin": "APGD-margin",
        "fab": "FAB",
        "square": "Square",
    }
)
"""Attacks of the stage strengthen, in the order in which they follow the universe's own."""
CONTROLS = Labels(
    {
        "subset": "an equally large random subset",
        "all": "adversarial training on all images",
        "none": "retraining on clean images only",
    }
)
"""What a selection is compared with on the same seed."""
QUESTIONS = Labels(
    {
        "model": "model",
        "dropout": "dropout",
        "optimiser": "optimiser",
        "rate": "learning rate",
        "batch": "batch size",
        "input": "scale of the network's input",
        "epsilon": "unit of epsilon 0.5",
        "pgd_step": "step of PGD",
        "clipping": "adversarial images cut to [0, 1]",
        "ball": "centre of PGD's projection",
        "fgsm_labels": "labels in FGSM",
        "clean_training": "clean training",
        "start": "start of retraining",
        "schedule": "order of clean and adversarial steps",
        "clean_steps": "clean steps for each adversarial step",
        "adversarial_steps": "adversarial steps",
        "retraining_rate": "rate of retraining, times that of training",
        "further_epochs": "further clean epochs",
        "crafting": "crafting of adversarial training images",
        "steps_are": "number of adversarial steps",
        "protocol": "adversarial accuracy",
    }
)
"""What the paper leaves open, by the columns of the search."""
