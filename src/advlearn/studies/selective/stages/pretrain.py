"""Stage pretrain: a classifier trained on clean images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from advlearn.data.store import load_info, load_split
from advlearn.learners.networks import build as build_network
from advlearn.learners.networks.weights import save_networks
from advlearn.metrics.accuracy import correct
from advlearn.studies.selective.settings.jobs import PretrainJob
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.clean import train_clean


def pretrain(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    settings: Annotated[PretrainJob, typer.Option(parser=PretrainJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="classifier.safetensors to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Train the classifier on the clean training split; training.csv is written beside it."""
    torch_device = configure_torch(threads, device)
    parameters = (settings, own_function_digest(settings.model.name), seed, threads, torch_device)
    checkpoint = Checkpoint(out, __name__, parameters, (data.parent,))
    info = load_info(data.parent)
    train, validation = load_split(data.parent, "train"), load_split(data.parent, "validation")
    torch.manual_seed(derive_seed(seed, "pretrain", "weights"))
    network = build_network(settings.model, info.shape, info.n_classes).to(torch_device)
    images, labels = torch.from_numpy(train.images).to(torch_device), torch.from_numpy(train.labels)
    held_out = torch.from_numpy(validation.images).to(torch_device)
    held_out_labels = torch.from_numpy(validation.labels)
    progress = Progress(f"pretrain seed {seed}", settings.training.epochs, "epochs")

    def after_epoch(epoch: int, loss: float) -> dict[str, float]:
        network.eval()
        accuracy = correct(network, held_out, held_out_labels).mean()
        progress.advance()
        return {"epoch": epoch, "loss": loss, "validation_accuracy": float(accuracy)}

    rows = train_clean(
        network,
        images,
        labels.to(torch_device),
        settings.training,
        derive_seed(seed, "pretrain"),
        after_epoch,
        checkpoint,
        (held_out, held_out_labels),
    )
    write_csv(out.with_name("training.csv"), pd.DataFrame(rows))
    save_networks(
        out, {"classifier": network.state_dict()}, settings.model, info.shape, info.n_classes
    )
    checkpoint.finish()
