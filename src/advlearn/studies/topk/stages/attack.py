"""Stage topk_attack: one method against one multi-label classifier, every cell of an experiment."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from advlearn.data.multilabel.store import load_multilabel
from advlearn.learners.networks.weights import load_network, own_network_digest
from advlearn.settings.topk import ON_CPU
from advlearn.studies.topk.outcomes import as_frame, attack_task
from advlearn.studies.topk.perturbed import PerturbedImages
from advlearn.studies.topk.settings.jobs import TopkAttackJob
from advlearn.studies.topk.steps import with_chosen_steps
from advlearn.studies.topk.tasks import check_labels, tasks_of
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import atomic_path, read_csv, write_csv, write_parquet
from advlearn.support.progress import Progress

_BATCHES = 8
"""Images attacked between two places at which a killed job can resume, in full batches."""
_ON_GPU = 4096
"""The same in images, where the batch follows the memory of a GPU."""


def topk_attack(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    weights: Annotated[Path, typer.Option(help=".safetensors of the classifier to attack")],
    settings: Annotated[TopkAttackJob, typer.Option(parser=TopkAttackJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".parquet to write, one row an attacked image")],
    search: Annotated[
        Path | None, typer.Option(help=".csv of topk_search: the steps of the attacks")
    ] = None,
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Push labels out of the top k of one classifier.

    Writes beside the outcomes a ``.csv`` with one row a cell (how many test images are eligible,
    how many were attacked) and a ``.npy`` with the perturbed images, float32, in the order of the
    outcomes where the job keeps them, else without rows.
    """
    torch_device = configure_torch(threads, device)
    if search is not None:
        settings = with_chosen_steps(settings, read_csv(search))
    own = [own_network_digest(weights), *map(own_function_digest, settings.own_functions)]
    parameters = (settings, own, seed, threads, torch_device)
    checkpoint = Checkpoint(out, __name__, parameters, (data.parent, weights))
    multilabel = load_multilabel(data)
    test = multilabel.split("test")
    network = load_network(weights).to(torch_device)
    check_labels(settings, multilabel.info.n_classes)
    tasks = tasks_of(settings, network, test, seed)
    chunks = [chunk for task in tasks for chunk in task.chunks(_chunk(settings, torch_device))]
    total = sum(len(chunk) for chunk in chunks)
    progress = Progress(f"topk_attack {out.parent.name} seed {seed}", total, "images")
    outcomes = []
    with atomic_path(out.with_suffix(".npy"), keep=True) as temporary:
        shape = (total if settings.keep_images else 0, *multilabel.info.shape)
        images = PerturbedImages(temporary, shape)
        for number, chunk in enumerate(chunks):
            rows = images.next(len(chunk))
            name = f"chunk {number}"
            saved = checkpoint.get(name)
            if saved and saved["images"] != rows.digest():
                # After a crash of the machine the outcomes may be there and the images not.
                checkpoint.drop(name)
            attack = partial(attack_task, network, test, chunk, rows, settings.batch_size, progress)
            outcomes.append(as_frame(checkpoint.once(name, attack), chunk.number))
    counts = [{"cell": i, "n_eligible": t.n_eligible, "n": len(t)} for i, t in enumerate(tasks)]
    write_csv(out.with_suffix(".csv"), pd.DataFrame(counts))
    write_parquet(out, pd.concat(outcomes, ignore_index=True))
    checkpoint.finish()


def _chunk(settings: TopkAttackJob, device: torch.device) -> int:
    """Images between two places at which a killed job can resume: the same in every run."""
    if settings.batch_size is None and device.type != "cpu":
        return _ON_GPU
    return _BATCHES * (settings.batch_size or ON_CPU)
