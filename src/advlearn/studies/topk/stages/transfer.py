"""Stage topk_transfer: what perturbed images do to classifiers they were not made for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from advlearn.data.multilabel.store import load_multilabel
from advlearn.learners.networks.weights import load_network
from advlearn.studies.topk.settings.jobs import TopkTransferJob
from advlearn.studies.topk.transferability import TransferEvaluator
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.determinism import configure_torch
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_csv
from advlearn.support.manifest import Manifest
from advlearn.support.progress import Progress

COLUMNS = "source target method k n_specified metric value n".split()
_MADE = ("outcomes", "cells", "images")


def topk_transfer(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    files: Annotated[
        Manifest,
        typer.Option(
            parser=Manifest.parse,
            help="JSON, path patterns by model, job and seed: weights, outcomes, cells, images",
        ),
    ],
    settings: Annotated[
        TopkTransferJob, typer.Option(parser=TopkTransferJob.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Show each classifier the images that were perturbed for each of the others.

    Counted are the images of which the target, too, has a specified label in its clean top k: of
    the others nothing could be pushed out.
    """
    torch_device = configure_torch(threads, device)
    weights = {name: files.path("weights", model=name, seed=seed) for name in settings.models}
    made = {
        name: [files.path(kind, model=name, job="transfer", seed=seed) for kind in _MADE]
        for name in settings.models
    }
    inputs = (data.parent, *weights.values(), *(path for paths in made.values() for path in paths))
    checkpoint = Checkpoint(out, __name__, (settings, seed, threads, torch_device), inputs)
    test = load_multilabel(data).split("test")
    networks = {name: load_network(path).to(torch_device) for name, path in weights.items()}
    evaluator = TransferEvaluator(networks, test, settings, seed)
    total = len(settings.models) * len(settings.methods)
    progress = Progress(f"topk_transfer seed {seed}", total, "attacks")
    rows: list[dict[str, Any]] = []
    for source, (outcomes_path, cells_path, images_path) in made.items():
        outcomes, images = read_parquet(outcomes_path), read_npy(images_path, mmap=True)
        found = [int((outcomes["cell"] == n).sum()) for n in range(len(settings.methods))]
        counts = read_csv(cells_path)["n"].tolist()
        if found != counts or len(images) != sum(counts):
            raise _incomplete(outcomes_path, found, len(images), counts)
        for cell, method in enumerate(settings.methods):
            evaluate = partial(evaluator.rows_of_attack, source, outcomes, images, cell)
            rows += checkpoint.once(f"{source} {method}", evaluate)["rows"]
            progress.advance()
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    checkpoint.finish()


def _incomplete(path: Path, found: list[int], n_images: int, counts: list[int]) -> UserError:
    """The error for an attack without its outcomes, or outcomes without their images."""
    return UserError(
        f"{path.stem} has outcomes of {found} and {n_images} images, not of {counts}",
        where=str(path.parent),
        remedy="delete the files of this name and run the workflow again: they are rebuilt",
    )
