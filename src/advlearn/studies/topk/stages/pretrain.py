"""Stage topk_pretrain: a multi-label classifier, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer

from advlearn.data.multilabel.store import load_multilabel
from advlearn.data.pretrained import imagenet_weights
from advlearn.learners.networks import build as build_network
from advlearn.learners.networks.weights import save_networks
from advlearn.metrics.average_precision import (
    class_average_precision,
    mean_average_precision,
    sample_average_precision,
)
from advlearn.metrics.logits import check_logits
from advlearn.settings.data import SourceSettings
from advlearn.settings.network import ImagenetResnetSettings
from advlearn.studies.topk.settings.jobs import TopkModelSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.multilabel import Epoch, all_scores, fit


def topk_pretrain(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared multi-label data")],
    settings: Annotated[
        TopkModelSettings, typer.Option(parser=TopkModelSettings.from_json, help="JSON")
    ],
    model: Annotated[str, typer.Option(help="name of the model in tables")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="MODEL.safetensors to write")],
    sources: Annotated[
        SourceSettings | None,
        typer.Option(parser=SourceSettings.from_json, help="where ImageNet weights may come from"),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="folder of ImageNet weights; by default beside --out")
    ] = None,
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Train a network on the training split; the best epoch on the validation split is kept.

    Beside the weights: MODEL.csv, an epoch a row, and MODEL.metrics.csv, average precision on the
    validation and the test split (over classes, over images and of each class).

    Raises:
        UserError: the data or the weights cannot be read, or training diverges.
    """
    torch_device = configure_torch(threads, device)
    prepared = load_multilabel(data)
    info = prepared.info
    network_settings = settings.network
    if (
        isinstance(network_settings, ImagenetResnetSettings)
        and network_settings.weights == "imagenet"
    ):
        path = imagenet_weights(
            network_settings.name, sources or SourceSettings(), cache or out.parent / "imagenet"
        )
        network_settings = network_settings.model_copy(update={"weights": path})
    parameters = (network_settings, settings, model, seed, threads, torch_device)
    own = own_function_digest(network_settings.name)
    checkpoint = Checkpoint(out, __name__, (*parameters, own), (data.parent,))
    torch.manual_seed(derive_seed(seed, "topk", model, "weights"))
    network = build_network(network_settings, info.shape, info.n_classes).to(torch_device)
    progress = Progress(f"topk_pretrain {model} seed {seed}", settings.training.epochs, "epochs")

    def after_epoch(_: Epoch) -> None:
        progress.advance()

    history = fit(
        network,
        prepared.split("train"),
        prepared.split("validation"),
        settings.training,
        derive_seed(seed, "topk", model),
        after_epoch,
        checkpoint,
    )
    tables = []
    for name in ("validation", "test"):
        split = prepared.split(name)
        logits = all_scores(network, split.images, settings.training.batch_size)
        check_logits(torch.from_numpy(logits), len(split.images), info.n_classes)
        table = _measures(logits, split.labels, info.class_names)
        table.insert(0, "split", name)
        tables.append(table)
    measures = pd.concat(tables)
    for column, value in (("seed", seed), ("model", model), ("dataset", info.name)):
        measures.insert(0, column, value)
    write_csv(out.with_suffix(".csv"), pd.DataFrame(history))
    write_csv(out.with_suffix(".metrics.csv"), measures)
    save_networks(
        out, {"classifier": network.state_dict()}, settings.network, info.shape, info.n_classes
    )
    checkpoint.finish()


def _measures(logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> pd.DataFrame:
    """Measures of one split, each with the images and the classes that enter it."""
    n, classes = labels.shape
    rows: list[tuple[str, float, int, int]] = [
        ("class_map", mean_average_precision(logits, labels), n, int(labels.any(axis=0).sum())),
        ("sample_map", sample_average_precision(logits, labels), int(labels.any(1).sum()), classes),
    ]
    rows += [
        (f"class_ap:{name}", float(value), n, 1)
        for name, value in zip(class_names, class_average_precision(logits, labels), strict=True)
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "n_images", "n_classes"])
