"""Stage topk_search: the step of each attack on one classifier, chosen on validation images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from advlearn.data.multilabel.store import load_multilabel
from advlearn.learners.networks.weights import load_network, own_network_digest
from advlearn.studies.topk.outcomes import attack_task
from advlearn.studies.topk.perturbed import PerturbedRows
from advlearn.studies.topk.settings.jobs import TopkSearchJob
from advlearn.studies.topk.steps import choose, searched
from advlearn.studies.topk.tasks import check_labels, tasks_of
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress


def topk_search(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    weights: Annotated[Path, typer.Option(help=".safetensors of the classifier to attack")],
    settings: Annotated[TopkSearchJob, typer.Option(parser=TopkSearchJob.from_json, help="JSON")],
    model: Annotated[str, typer.Option(help="name of the classifier")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write, one row an attack and step")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Try the steps of each attack on validation images of one classifier and choose.

    No test image is looked at. A run without a search has a table without rows, and its attacks
    keep the steps of the configuration.
    """
    torch_device = configure_torch(threads, device)
    own = [own_network_digest(weights), *map(own_function_digest, settings.own_functions)]
    parameters = (settings, own, seed, threads, torch_device)
    checkpoint = Checkpoint(out, __name__, parameters, (data.parent, weights))
    multilabel = load_multilabel(data)
    validation = multilabel.split("validation")
    network = load_network(weights).to(torch_device)
    check_labels(settings, multilabel.info.n_classes)
    tasks = tasks_of(settings, network, validation, seed) if settings.cells else []
    total = sum(map(len, tasks))
    progress = Progress(f"topk_search {model} seed {seed}", total, "images")
    rows = []
    for task, parameter in zip(tasks, settings.parameters, strict=True):
        attack = partial(
            attack_task,
            network,
            validation,
            task,
            PerturbedRows(None),
            settings.batch_size,
            progress,
        )
        found = checkpoint.once(f"step {task.number}", attack)
        rows.append(searched(task.cell, parameter, found))
    frame = choose(rows)
    frame.insert(0, "dataset", multilabel.info.name)
    frame.insert(1, "model", model)
    frame.insert(2, "seed", seed)
    write_csv(out, frame)
    checkpoint.finish()
