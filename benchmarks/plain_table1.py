"""Table 1 for one seed as a plain script: torch, torchattacks, scikit-learn, one training a cell.

The peer of ``benchmarks/table1.py``, written the straightforward way and runnable alone:

    python benchmarks/plain_table1.py --data results/RUN/data --out FILE.csv

Nothing of advlearn is imported. The network, its training, the radius and the retraining schedule
are those of a universe of the configuration; the images are the arrays that the stage prepare
wrote. torch and scikit-learn use as many threads as they like.

Ward clustering without structure keeps all n (n - 1) / 2 distances: 12 GB at the 55,000 training
images of MNIST, and twice that while SciPy works on its copy. So at this size the script does as
scikit-learn's documentation advises and restricts mergers to a graph of nearest neighbours
(``--ward graph``). That is a different, cheaper clustering; ``--ward unstructured`` is the one that
the paper names, for sizes that fit into memory.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import kneighbors_graph
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

NUMBERS = tuple(range(1, 11))
NEIGHBOURS = 10
EVALUATION_BATCH = 1000

Batch = tuple[Tensor, Tensor]


def read_settings(config: Path, universe: str) -> dict[str, Any]:
    """The universe's settings; stops at those that this script has no code for."""
    selective = yaml.safe_load(config.read_text(encoding="utf-8"))["selective"]
    settings: dict[str, Any] = selective["universes"][universe]
    settings["n_init"] = selective["cluster"]["kmeans"]["n_init"]
    settings["n_components"] = selective["embed"]["n_components"]
    retrain, attack = settings["retrain"], settings["attacks"]["fgsm"]
    supported = {
        "model.name": (settings["model"]["name"], "mlp"),
        "training.optimiser": (settings["training"]["optimiser"], "adam"),
        "retrain.optimiser": (retrain["optimiser"], "adam"),
        "retrain.start": (retrain["start"], "pretrained"),
        "retrain.schedule": (retrain["schedule"], "interleaved"),
        "retrain.crafting": (retrain["crafting"], "static"),
        "attacks.fgsm.norm": (attack["norm"], "linf"),
    }
    for key, (value, known) in supported.items():
        if value != known:
            sys.exit(f"{config}, universe {universe}, {key}: {value!r}; this script knows {known}")
    return settings


def load(data: Path, split: str) -> Batch:
    """Images float32 (n, c, h, w) in [0, 1] and labels (n) of a split of a prepared folder."""
    splits = pd.read_csv(data / "splits.csv")
    index = np.sort(splits.loc[splits["split"] == split, "index"].to_numpy())
    source = "test" if split == "test" else "train"
    images = np.load(data / f"{source}_images.npy", allow_pickle=False)[index]
    labels = np.load(data / f"{source}_labels.npy", allow_pickle=False)[index]
    scale = 255 if images.dtype == np.uint8 else 1
    return torch.from_numpy(images.astype(np.float32) / scale), torch.from_numpy(labels).long()


def network(model: dict[str, Any], pixels: int, n_classes: int) -> nn.Module:
    """ReLU perceptron."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = pixels
    for units in model["hidden"]:
        layers += [nn.Linear(width, units), nn.ReLU()]
        if model.get("dropout"):
            layers.append(nn.Dropout(model["dropout"]))
        width = units
    layers.append(nn.Linear(width, n_classes))
    return nn.Sequential(*layers)


def batches(images: Tensor, labels: Tensor, size: int, kind: str) -> Iterable[Batch]:
    """Shuffled batches, by torch's DataLoader or by indexing the tensors."""
    if kind == "loader":
        return DataLoader(TensorDataset(images, labels), batch_size=size, shuffle=True)
    return ((images[part], labels[part]) for part in torch.randperm(len(images)).split(size))


def interleave(
    clean: Iterable[Batch], adversarial: Iterable[Batch], n_clean: int, n_adversarial: int
) -> Iterator[Batch]:
    """Every clean batch, and after it the adversarial ones that are due by then."""
    remaining = iter(adversarial)
    used = 0
    for number, batch in enumerate(clean, start=1):
        yield batch
        due = number * n_adversarial // n_clean
        for _ in range(due - used):
            yield next(remaining)
        used = due


def train(model: nn.Module, optimiser: torch.optim.Optimizer, steps: Iterable[Batch]) -> None:
    model.train()
    for images, labels in steps:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
    model.eval()


def fgsm(model: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    from torchattacks import FGSM

    attack = FGSM(model, eps=epsilon)
    parts = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
    return torch.cat([attack(x, y) for x, y in parts])


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        found = torch.cat([model(x).argmax(1) for x in images.split(EVALUATION_BATCH)])
    return float((found == labels).double().mean())


def partition(
    points: np.ndarray, clusterer: str, number: int, n_init: int, seed: int, connectivity: Any
) -> np.ndarray:
    """Cluster of each point (n)."""
    if clusterer == "kmeans":
        model = KMeans(n_clusters=number, n_init=n_init, random_state=seed)
    else:
        model = AgglomerativeClustering(
            n_clusters=number, linkage="ward", connectivity=connectivity
        )
    return np.asarray(model.fit_predict(points))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared data set")
    parser.add_argument("--out", type=Path, required=True, help="CSV file, one row a cell")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--universe", default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ward", choices=("graph", "unstructured"), default="graph")
    parser.add_argument(
        "--batches", choices=("loader", "tensors"), default="loader", help="how batches are made"
    )
    parser.add_argument("--parts", type=Path, help="JSON file: seconds of each part")
    options = parser.parse_args()
    settings = read_settings(options.config, options.universe)
    training, retraining = settings["training"], settings["retrain"]
    epsilon = settings["attacks"]["fgsm"]["epsilon"]
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds[part] += time.perf_counter() - started

    images, labels = load(options.data, "train")
    test_images, test_labels = load(options.data, "test")
    model = network(settings["model"], images[0].numel(), int(labels.max()) + 1)

    with timed("pretrain"):
        optimiser = torch.optim.Adam(model.parameters(), lr=training["learning_rate"])
        for _ in range(training["epochs"]):
            train(
                model, optimiser, batches(images, labels, training["batch_size"], options.batches)
            )
    start = {name: value.clone() for name, value in model.state_dict().items()}

    with timed("craft"):
        adversarial = fgsm(model, images, labels, epsilon)
    with timed("embed"):
        reduction = PCA(n_components=settings["n_components"], random_state=options.seed)
        points = reduction.fit_transform(adversarial.flatten(1).numpy())
    connectivity = None
    if options.ward == "graph":
        with timed("cluster"):
            connectivity = kneighbors_graph(points, NEIGHBOURS, include_self=False)

    rows = []
    for clusterer in ("kmeans", "agglomerative"):
        for number in NUMBERS:
            with timed("cluster"):
                found = partition(
                    points, clusterer, number, settings["n_init"], options.seed, connectivity
                )
            cluster = int(rng.integers(number))
            chosen = torch.from_numpy(np.flatnonzero(found == cluster))

            with timed("retrain"):
                model.load_state_dict(start)
                optimiser = torch.optim.Adam(model.parameters(), lr=retraining["learning_rate"])
                size = retraining["batch_size"]
                for _ in range(retraining["epochs"]):
                    steps = interleave(
                        batches(images, labels, size, options.batches),
                        batches(adversarial[chosen], labels[chosen], size, options.batches),
                        math.ceil(len(images) / size),
                        math.ceil(len(chosen) / size),
                    )
                    train(model, optimiser, steps)

            with timed("evaluate"):
                clean = accuracy(model, test_images, test_labels)
                attacked = fgsm(model, test_images, test_labels, epsilon)
                robust = accuracy(model, attacked, test_labels)
            rows.append(
                {
                    "clusterer": clusterer,
                    "n_clusters": number,
                    "cluster": cluster,
                    "n_selected": len(chosen),
                    "clean_accuracy": clean,
                    "adversarial_accuracy": robust,
                }
            )
            print(f"{clusterer} {number}: clean {clean:.4f}, adversarial {robust:.4f}", flush=True)
    pd.DataFrame(rows).to_csv(options.out, index=False)
    if options.parts:
        options.parts.write_text(json.dumps(seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
