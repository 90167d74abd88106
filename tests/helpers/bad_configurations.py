"""Bad configurations by kind: what is laid over the smoke run, and what the error must say.

Each error names the key with its whole path, says what is wrong with it, and what to do.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Bad(NamedTuple):
    """One bad configuration.

    Attributes:
        change: what is laid over the configuration.
        key: the key that the error names.
        said: what it says besides.
    """

    change: dict[str, Any]
    key: str
    said: tuple[str, ...]


SMALL = "selective.universes.small"


def bad(key: str, value: Any, *said: str, named: str | None = None) -> Bad:
    """A value at a key, and what the error says; ``named`` where it names another key."""
    change: Any = value
    for part in reversed(key.split(".")):
        change = {part: change}
    return Bad(change, named or key, said)


def block(**changes: Any) -> list[dict[str, Any]]:
    """A grid of one block."""
    good = {
        "universes": ["small"],
        "attacks": ["fgsm"],
        "reductions": ["pca"],
        "clusterers": ["kmeans"],
    }
    return [{**good, **changes}]


BAD: dict[str, Bad] = {
    # Keys.
    "unknown key": bad("selectve", {}, "unknown key; did you mean 'selective'?", "remove or"),
    "unknown key that is near to none": bad("colour", 1, "unknown key", "remove or rename"),
    "a run named like the folder of raw files": bad("run", "raw", "raw files of all runs"),
    "a run named like the shipped results": bad("run", "Reference", "the shipped results"),
    "a run named like further results": bad("run", "further", "shipped results on other data"),
    "unknown key of a clusterer": bad(
        "selective.cluster.kmeans.n_cluster", [2], "unknown key; did you mean 'n_clusters'?"
    ),
    "unknown key of a universe": bad(
        f"{SMALL}.training.epoch", 3, "unknown key; did you mean 'epochs'?"
    ),
    "another scale for a network of the user's own": bad(
        f"{SMALL}.model",
        {"name": "our_networks:linear", "input_mean": 0.5},
        "sees pixels in [0, 1]",
        named=f"{SMALL}.model.input_mean",
    ),
    "a scale of nothing": bad(f"{SMALL}.model.input_deviation", 0, "greater than 0"),
    "an accuracy in percent": bad(f"{SMALL}.training.stop_at", 97.01, "less than or equal to 1"),
    "clean steps in a schedule without any": bad(
        f"{SMALL}.retrain",
        {"schedule": "adversarial_only", "clean_steps": 2},
        "has no clean steps",
        named=f"{SMALL}.retrain.clean_steps",
    ),
    "a share of a fixed number of steps": bad(
        f"{SMALL}.retrain",
        {"adversarial_steps": 30, "share": 0.5},
        "leave share at 1",
        named=f"{SMALL}.retrain.share",
    ),
    "epochs of a fixed number of steps": bad(
        f"{SMALL}.retrain",
        {"adversarial_steps": 30, "epochs": 2},
        "leave epochs at 1",
        named=f"{SMALL}.retrain.epochs",
    ),
    "an attack with an unknown ball": bad(
        f"{SMALL}.attacks.pgd.ball", "iterates", "did you mean 'iterate'"
    ),
    "predicted labels of PGD": bad(f"{SMALL}.attacks.pgd.labels", "predicted", "unknown key"),
    "unknown key of an attack": bad(
        f"{SMALL}.attacks.pgd.stepsize", 0.1, "unknown key; did you mean 'step_size'?"
    ),
    "unknown key of a network": bad(
        "topk.models.resnet.network.width", [4], "unknown key; did you mean 'widths'?"
    ),
    "unknown key of a training": bad(
        "topk.models.resnet.training.epoch", 2, "unknown key; did you mean 'epochs'?"
    ),
    "unknown key of a point set": bad(
        "bilevel.datasets.blobs.sepration", 3, "unknown key; did you mean 'separation'?"
    ),
    "a point set of no kind": bad(
        "bilevel.datasets.mine", {}, "this key is required", named="bilevel.datasets.mine.name"
    ),
    "unknown key of a block of the grid": bad(
        "selective.grid",
        block(clusterer=["kmeans"]),
        "unknown key; did you mean 'clusterers'?",
        named="selective.grid.0.clusterer",
    ),
    "unknown key of an attack on the top k": bad(
        "topk.attack.learning_rat", 0.1, "unknown key; did you mean 'learning_rate'?"
    ),
    "unknown key of one method": bad(
        "topk.by_method.kfool.momentun", 0.5, "unknown key; did you mean 'momentum'?"
    ),
    "a key that a preset decides": bad("topk.attack.method", "kfool", "topk.methods"),
    "a key that is missing": bad("run", None, "valid string"),
    # Types and ranges.
    "text for numbers": bad("seeds", "many", "'many'"),
    "text for a number": bad("threads", "two", "valid integer", "'two'"),
    "a number for a group": bad("selective.embed", 3, "valid dictionary"),
    "an empty list": bad("seeds", [], "at least 1"),
    "a value given twice": bad("seeds", [1, 1], "1 is given twice"),
    "a word given twice": bad(
        "selective.evaluate.protocols", ["transfer", "transfer"], "'transfer' is given twice"
    ),
    "cluster numbers given twice": bad("selective.cluster.kmeans.n_clusters", [2, 2], "twice"),
    "a negative seed": bad("seeds", [-1], "greater than or equal to 0", named="seeds.0"),
    "a negative seed of the search": bad(
        "selective.calibrate.seeds", [-1], "-1", named="selective.calibrate.seeds.0"
    ),
    "no threads": bad("threads", 0, "greater than or equal to 1"),
    "no epochs": bad(f"{SMALL}.training.epochs", 0, "greater than or equal to 1"),
    "a learning rate of 0": bad(f"{SMALL}.retrain.learning_rate", 0, "greater than 0"),
    "a share above 1": bad(f"{SMALL}.model.dropout", 1.5, "less than 1"),
    "infinity": bad("sources.timeout_s", float("inf"), "inf"),
    "a negative radius": bad(f"{SMALL}.attacks.fgsm.epsilon", -0.1, "-0.1"),
    "a radius that is no number": bad(f"{SMALL}.attacks.fgsm.epsilon", float("nan"), "nan"),
    "a radius in steps of 255": bad(
        f"{SMALL}.attacks.fgsm.epsilon", 8, "larger than any distance", "8 of 255 steps", "0.03"
    ),
    "a radius just above the box": bad(
        f"{SMALL}.attacks.pgd.epsilon", 1.0000001, "the radius 1.0000001 is larger", " 1 in linf"
    ),
    "a Euclidean radius beyond every image": bad(
        f"{SMALL}.attacks.fgsm",
        {"norm": "l2", "epsilon": 9},
        "the radius 9 is larger than any distance of two images, 8 in l2",
        named=f"{SMALL}.attacks.fgsm.epsilon",
    ),
    "a search without draws": bad("selective.calibrate.draws", 0, "greater than or equal to 1"),
    "more than all universes": bad("selective.calibrate.share", 1.5, "less than or equal to 1"),
    "a block without universes": bad("selective.calibrate.block", 0, "equal to 1"),
    "restarts without random starts": bad(f"{SMALL}.attacks.pgd.restarts", 3, "random_start: true"),
    "two ways to a radius": bad(
        "selective.cluster.dbscan",
        {"eps": [0.1], "eps_quantile": [0.5]},
        "exactly one of 'eps' and 'eps_quantile'",
    ),
    "a half cluster": bad(
        "selective.cluster.hdbscan.min_cluster_size", [1.5], "neither a whole number", "share"
    ),
    "a range the wrong way round": bad(
        "bilevel.path", {"range": [10, 1]}, "in this order", named="bilevel.path.range"
    ),
    "scenes larger than their canvas": bad(
        "topk.scenes", {"canvas": 16, "side": [10, 20]}, "canvas", named="topk.scenes.side"
    ),
    "a pair of one digit": bad("bilevel.onepoint.pairs", [[1, 1]], "two different digits"),
    # Names.
    "a run's name with a folder": bad("run", "../elsewhere", "match pattern"),
    "a seed that no table can hold": bad("seeds", [10**18], "less than 1000000000000000000"),
    "a seed that is yes": bad("seeds", [True], "valid integer"),
    "a run's name that no folder can have": bad("run", "r" * 300, "at most 200 characters"),
    "a name that no folder can have": bad(
        "topk.label_sets", {"猫" * 100: [1]}, "use at most 200 bytes"
    ),
    "a name with a blank": bad(
        "topk.label_sets", {"a b": [1]}, "name 'a b': use letters, digits and underscores"
    ),
    "an unknown data set": bad(
        "data.dataset", "minst", "unknown data set 'minst'; did you mean 'mnist'?", "cifar10"
    ),
    "an unknown network": bad(
        f"{SMALL}.model.name", "cmn", "unknown model 'cmn'; did you mean 'cnn'?", "mlp"
    ),
    "an unknown multi-label network": bad(
        "topk.models.resnet.network.name",
        "resnt",
        "did you mean 'resnet'",
        named="topk.models.resnet.network",
    ),
    "an unknown attack": bad(
        f"{SMALL}.attacks.fgsm.name",
        "fgms",
        "did you mean 'fgsm'",
        named=f"{SMALL}.attacks.fgsm",
    ),
    "an attack without a radius": bad(
        f"{SMALL}.attacks.fgsm.name",
        "deepfool",
        "has no radius",
        named=f"{SMALL}.attacks.fgsm",
    ),
    "an unknown attack of the grid": bad(
        "selective.grid",
        block(attacks=["pgdd"]),
        "no attack 'pgdd'; did you mean 'pgd'?",
        named="selective.grid.0.attacks",
    ),
    "an unknown universe": bad("selective.primary", "smal", "did you mean 'small'?"),
    "a primary universe that no job runs": bad(
        "selective.primary", "standard", "no block of the grid runs", "the grid has: small"
    ),
    "an unknown universe of the grid": bad(
        "selective.grid",
        block(universes=["smal"]),
        "did you mean 'small'?",
        named="selective.grid.0.universes",
    ),
    "an unknown clusterer": bad(
        "selective.grid",
        block(clusterers=["kmean"]),
        "unknown clusterer 'kmean'; did you mean 'kmeans'?",
        named="selective.grid",
    ),
    "an unknown reduction": bad(
        "selective.grid",
        block(reductions=["PCA"]),
        "did you mean 'pca'",
        named="selective.grid.0.reductions.0",
    ),
    "a cell in two blocks": bad(
        "selective.grid", block() + block(), "is in two blocks", named="selective.grid.1"
    ),
    "an unknown optimiser": bad(
        f"{SMALL}.training.optimiser", "adamm", "'adam' or 'sgd'; did you mean 'adam'"
    ),
    "an unknown multi-label data set": bad("topk.dataset", "voc2021", "did you mean 'voc2012'"),
    "an unknown method": bad(
        "topk.methods", ["tkmai"], "did you mean 'tkmia'", named="topk.methods.0"
    ),
    "an unknown point set": bad(
        "bilevel.experiments.certify", ["blob"], "unknown data set 'blob'; did you mean 'blobs'?"
    ),
    "an experiment without data": bad("bilevel.experiments.attack", [], "at least one data set"),
    "a primary model that is left out": bad("topk.primary", "vgg", "unknown model 'vgg'; known"),
    "a label set with a taken name": bad("topk.label_sets.random", [1], "taken by the random"),
    "a label set without labels": bad("topk.label_sets.loops", [], "at least one label"),
    "scenes too small for a network of torchvision": bad(
        "topk.models.mobile.network",
        {"name": "mobilenet_v3_small"},
        "images of 28 pixels a side are too small for mobilenet_v3_small",
        "set it to at least 32",
        named="topk.models.mobile.network.input_size",
    ),
    "weights of ImageNet where none are fetched": bad(
        "topk.models.convnext.network",
        {"name": "convnext_tiny", "weights": "imagenet"},
        "give the path of a file of yours",
        named="topk.models.convnext.network.weights",
    ),
    "a size that patches do not fill": bad(
        "topk.models.tokens.network",
        {"name": "vit_b_16", "input_size": 100},
        "a multiple of 16",
        named="topk.models.tokens.network.input_size",
    ),
    "numbers of labels that no scene has": bad(
        "topk.densities",
        [[3, 4], [8, 9]],
        "no scene has 8 to 9 labels: they have 3 to 7",
        "topk.scenes.negatives gives twice as many labels",
        named="topk.densities.1",
    ),
    "numbers of labels that overlap": bad(
        "topk.densities", [[3, 5], [5, 7]], "ranges grow, none overlap"
    ),
    "an own network that is nowhere": bad(
        f"{SMALL}.model.name",
        "my_networks_that_are_nowhere:wide",
        "no Python module 'my_networks_that_are_nowhere'",
        "PYTHONPATH",
        named="my_networks_that_are_nowhere:wide",
    ),
    "an own clusterer with a taken name": bad(
        "selective.cluster.own", {"kmeans": {"function": "a:b"}}, "the name 'kmeans' is taken"
    ),
    "an own function that is no function": bad(
        "selective.cluster.own.mine.function", "mine.py", "match pattern"
    ),
    "an unknown selection rule": bad(
        "selective.select.rules",
        ["random", "larges"],
        "unknown rule 'larges'; did you mean 'largest'?",
        named="selective.select.rules.1",
    ),
    "an own selection rule that is nowhere": bad(
        "selective.select.own.mine.function",
        "mylab.nowhere:x",
        "there is no Python module 'mylab.nowhere'",
        named="mylab.nowhere:x",
    ),
    "strong attacks beside no white-box accuracy": bad(
        "selective.evaluate.protocols",
        ["transfer"],
        "beside the white-box accuracy",
        "set strong: null",
        named="selective.evaluate.strong",
    ),
    "strong attacks of an unknown rule": bad(
        "selective.evaluate.strong.rules",
        ["nearby"],
        "unknown rule 'nearby'; did you mean 'nearest'?",
        "classic",
        named="selective.evaluate.strong.rules",
    ),
    "no strong attack on the same cluster number twice": bad(
        "selective.evaluate.strong.n_clusters", [3, 3], "3 is given twice"
    ),
    "strong attacks on an unknown clusterer": bad(
        "selective.evaluate.strong.clusterers", ["kmean"], "unknown clusterer 'kmean'", "kmeans"
    ),
    # Against the data.
    "more validation images than there are": bad(
        "selective.evaluate.validation_images", 151, "151 of 150"
    ),
    "more training images than there are": bad(
        "data.train_images", 1400, "digits has 1437 training images", "at most 1437"
    ),
    "more test images than there are": bad("data.test_images", 361, "360 test images"),
    "more clusters than images": bad(
        "selective.cluster.kmeans.n_clusters", [601], "601 clusters", "600 images"
    ),
    "more clusters than all images": Bad(
        {
            "data": {"train_images": None},
            "selective": {"cluster": {"kmeans": {"n_clusters": [1288]}}},
        },
        "selective.cluster.kmeans.n_clusters",
        ("1288 clusters, there are 1287 images",),
    ),
    "a perplexity beyond the images": Bad(
        {
            "data": {"train_images": 20},
            "selective": {
                "grid": block(reductions=["tsne"]),
                "cluster": {"kmeans": {"n_clusters": [2]}},
            },
        },
        "selective.embed.tsne.perplexity",
        ("needs at least", "there are 20"),
    ),
    "a label that no scene has": bad("topk.label_sets.loops", [0, 10], "label 10 does not exist"),
    "as large a top as there are labels": bad("topk.k", [10], "k must be below the number"),
    "as large a top in focus": bad(
        "topk.focus", {"k": 10}, "k must be below the number", named="topk.focus.k"
    ),
    "more classes in a scene than there are": bad(
        "topk.scenes.labels", [11, 12], "at least 11 labels, and the images give 10"
    ),
    "more labels drawn than the top holds": bad(
        "topk.focus",
        {"k": 2, "n_specified": 3},
        "at most k of them",
        named="topk.n_specified",
    ),
    "more points than a set has": bad(
        "bilevel.datasets.mine",
        {"name": "iris", "points": 151},
        "151 of 150",
        named="bilevel.datasets.mine.points",
    ),
    "fewer points than clusters": bad(
        "bilevel.datasets.mine",
        {"name": "blobs", "points": 3, "clusters": 4},
        "at least one for each",
        named="bilevel.datasets.mine.points",
    ),
    "a network for photos on grey scenes": bad(
        "topk.models.photos",
        {"network": {"name": "resnet50", "weights": None}},
        "takes colour images, not 1 channel",
        named="topk.models.photos.network.name",
    ),
    # Files.
    "no such copy of the data": bad("sources.root", "nowhere", "does not exist"),
    "own arrays without a file": bad("data.dataset", "arrays", ".npz", named="sources.root"),
    "photos that can only be the user's": bad(
        "topk.dataset", "nuswide", "no official address", named="topk.photos.root"
    ),
    "a mirror that is not used": bad(
        "sources",
        {"mirror": "m", "sources": ["official"]},
        "not among them",
        named="sources.sources",
    ),
}
