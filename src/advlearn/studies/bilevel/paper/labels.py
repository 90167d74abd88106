"""Names of study 3 as readers see them, in the order and with the look in which they are shown."""

from __future__ import annotations

from advlearn.deviations.delta import PATTERNS as CURVATURES
from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Labels

DATASETS = Labels(
    {
        "iris": "iris",
        "wine": "wine",
        "breast_cancer": "breast cancer",
        "digits_1_4": "digits 1 and 4",
        "digits_8_9": "digits 8 and 9",
        "moons": "moons",
        "blobs": "blobs",
        "circles": "circles",
    }
)
"""Real data first, then synthetic shapes."""
WEIGHTS = Labels(
    {
        "fixed": "fixed weights",
        "recomputed": "recomputed weights",
        "unit": "unit weights",
        "gaussian": "Gaussian weights",
        "knn": "k-NN Gaussian weights",
        "rebuilt": "all rebuilt",
    }
)
BOUNDS = Labels(
    {
        "sun_toh_yuan": "Sun–Toh–Yuan",
        "electrical": "electrical",
        "reweighted": "reweighted",
        "true": "true",
    }
)
METHODS = Labels(
    {
        "merge": "merge",
        "cut": "cut",
        "dual": "dual",
        "transfer": "transfer",
        "smoothed": "smoothed",
        "genetic": "genetic",
        "cma_es": "CMA-ES",
        "one_point": "one point",
        "noise": "random noise",
        "worst": "directions of attacks above the radius",
        "hypergradient": "hypergradient",
        "flips": "greedy flips",
        "random_flips": "random flips",
    }
)
DIRECTIONS = Labels(
    {
        "merge": ("merge", BLUE, "o", "-"),
        "split": ("split", VERMILION, "s", "--"),
        "noise": ("random noise", GREY, "X", ":"),
        "transfer": ("transfer", GREEN, "^", "-."),
    },
    unknown=(BLACK, "*", "-"),
)
"""Fixed directions of the staircase."""
VICTIMS = Labels(
    {
        "convex": "convex clustering",
        "resistant": "resistant convex clustering",
        "kmeans": "k-means",
        "ward": "Ward",
        "spectral": "spectral",
        "dbscan": "DBSCAN",
        "hdbscan": "HDBSCAN",
        "none": "no clusterer",
    }
)
LEARNERS = Labels({"logistic": "logistic regression", "svm": "linear SVM"})
FORMS = Labels(
    {
        "min_effort": "smallest perturbation that reaches the target",
        "max_effect": "largest effect within the budget",
    }
)
BUDGETS = Labels(
    {
        "frobenius": "Frobenius",
        "linf": "ℓ∞",
        "single_point": "one given point",
        "few_points_1": "1 point",
        "few_points_5": "5 points",
        "few_points_10": "10 points",
    }
)
DEVIATIONS = Labels(
    {
        "delta": "δ",
        "delta_per_n": "δ/n",
        "one_minus_ri": "1 − RI",
        "one_minus_ari": "1 − ARI",
        "one_minus_nmi": "1 − NMI",
        "one_minus_ami": "1 − AMI",
        "vi": "VI",
        "matching_error": "matching error",
    }
)
CHANGES = Labels(
    {
        "transfer": "points move between the clusters",
        "split": "points leave for new clusters",
        "merge": "clusters become one",
        "mixed": "all three",
    }
)
"""Kinds of random changes of a partition."""
REACHES = Labels({"light": "light changes", "any": "any changes"})
PARAMETERS = Labels(
    {
        "gamma": ("γ", BLUE, "o", "none"),
        "phi": ("φ", VERMILION, "s", "--"),
        "n_neighbors": ("neighbours", GREEN, "^", "-."),
    },
    unknown=(ORANGE, "P", "-"),
)
"""Settings of convex clustering that the defence varies."""
PATTERNS = Labels(
    {
        "converge": ("converge", BLUE, "v", "-"),
        "symmetric": ("symmetric", GREEN, "o", "-"),
        "cyclic": ("cyclic", ORANGE, "^", "-"),
        "diverge": ("diverge", PURPLE, "D", "-"),
        "chain": ("chain", SKY, ".", "--"),
        "single": ("single", VERMILION, "s", "-"),
        "swap": ("swap", BLACK, ".", ":"),
    }
)
"""Ways in which points change between three clusters."""
FORMULAS = Labels(
    {
        "contingency": "contingency table",
        "pairs": "disagreeing pairs",
        "parts": "symmetric + asymmetric part",
        **{f"three_clusters_{name}": f"three clusters, {name}" for name in CURVATURES},
        "pluck": "one point on its own",
        "increment": "one more move a → b",
    }
)
"""Closed forms of the delta-measure."""
