"""Stage topk_attack: one method against one multi-label classifier, every cell of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.topk.engine import Sink
from advlearn.attacks.topk.targets import goal, reached
from advlearn.data.multilabel.store import MultiLabelSplit, load_multilabel
from advlearn.learners.networks.weights import load_network
from advlearn.metrics.ranking import MEASURES, measures, top_k_mask
from advlearn.settings.topk import TopkAttackJob, TopkCell
from advlearn.support.determinism import configure
from advlearn.support.errors import UserError
from advlearn.support.io import atomic_path, write_csv, write_parquet
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed


def topk_attack(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    weights: Annotated[Path, typer.Option(help=".safetensors of the classifier to attack")],
    settings: Annotated[TopkAttackJob, typer.Option(parser=TopkAttackJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".parquet to write, one row an attacked image")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Push labels out of the top k of one classifier.

    Writes beside the outcomes a ``.csv`` with one row a cell (how many test images are eligible,
    how many were attacked) and a ``.npy`` with the perturbed images, float32, in the order of the
    outcomes where the job keeps them, else without rows.
    """
    where = configure(threads, device)
    multilabel = load_multilabel(data)
    test = multilabel.split("test")
    network = load_network(weights).to(where)
    _check_labels(settings, multilabel.info.n_classes)
    tasks = _tasks(network, test, settings, seed)
    total = sum(len(task) for task in tasks)
    progress = Progress(f"topk_attack {out.parent.name} seed {seed}", total, "images")
    outcomes = []
    with atomic_path(out.with_suffix(".npy")) as temporary:
        shape = (total if settings.keep_images else 0, *multilabel.info.shape)
        images = _Images(temporary, shape)
        for number, task in enumerate(tasks):
            frame = _attack(network, test, task, settings, images, progress)
            outcomes.append(frame.assign(cell=number))
    counts = [{"cell": i, "n_eligible": t.n_eligible, "n": len(t)} for i, t in enumerate(tasks)]
    write_csv(out.with_suffix(".csv"), pd.DataFrame(counts))
    write_parquet(out, pd.concat(outcomes, ignore_index=True))


@dataclass(frozen=True)
class _Task:
    """A cell with the images that are attacked: positions in the test split, targets, knowledge."""

    cell: TopkCell
    positions: list[int]
    targets: topk.TopkTargets
    known: topk.TopkTargets
    n_eligible: int

    def __len__(self) -> int:
        return len(self.positions)


class _Images:
    """Perturbed images on their way to a file: memory holds one batch of them."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._filled = 0
        self._rows: np.ndarray | None = None
        if shape[0]:
            self._rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        else:
            with path.open("wb") as stream:
                np.save(stream, np.zeros(shape, dtype=np.float32), allow_pickle=False)

    def sink(self, positions: list[int]) -> Sink | None:
        """Writes the images at ``positions`` to the next rows, in this order."""
        if self._rows is None:
            return None
        rows = self._rows
        row = {position: self._filled + number for number, position in enumerate(positions)}
        self._filled += len(positions)

        def write(finished: list[int], perturbed: Tensor) -> None:
            rows[[row[position] for position in finished]] = perturbed.cpu().numpy()

        return write


def _check_labels(settings: TopkAttackJob, n_labels: int) -> None:
    for cell in settings.cells:
        if cell.k >= n_labels or any(index >= n_labels for index in cell.specified):
            raise UserError(
                "k must be below the number of labels, and specified labels must be among them",
                where=f"k {cell.k}, label set {cell.labels!r} {list(cell.specified)},"
                f" {n_labels} labels",
                remedy=f"correct 'topk.k' or 'topk.label_sets': labels are 0 to {n_labels - 1}",
            )


def _tasks(
    network: nn.Module, test: MultiLabelSplit, settings: TopkAttackJob, seed: int
) -> list[_Task]:
    # Eligibility needs more than k relevant labels: the labels spare most photos a forward pass.
    pool = np.flatnonzero(test.labels.sum(1) > min(cell.k for cell in settings.cells))
    # The cells of a job differ in nothing that changes the image seen first.
    first = settings.cells[0].attack
    logits = topk.clean_logits(network, test.images, first, settings.batch_size, pool.tolist())
    logits = logits.reshape(len(pool), test.labels.shape[1])
    relevant = torch.from_numpy(test.labels[pool])
    names = [test.names[position] for position in pool]
    tasks = []
    for cell in settings.cells:
        if cell.scheme == "global":
            eligible, targets = topk.global_targets(logits, relevant, cell.specified, cell.k)
        else:
            drawn = derive_seed(seed, "topk", "specified")
            eligible, targets = topk.random_targets(
                logits, relevant, cell.k, cell.n_specified, names, drawn
            )
        rows = eligible.nonzero().squeeze(1)[: settings.images]
        targets = targets[rows]
        known = topk.known_targets(
            targets,
            logits[rows],
            [names[row] for row in rows.tolist()],
            knowledge=cell.knowledge,
            hidden=cell.hidden,
            seed=derive_seed(seed, "topk", "hidden"),
        )
        positions = [int(position) for position in pool[rows.numpy()]]
        tasks.append(_Task(cell, positions, targets, known, int(eligible.sum())))
    return tasks


def _attack(
    network: nn.Module,
    test: MultiLabelSplit,
    task: _Task,
    settings: TopkAttackJob,
    images: _Images,
    progress: Progress,
) -> pd.DataFrame:
    """One row an attacked image."""
    cell, targets = task.cell, task.targets
    write = images.sink(task.positions)

    def sink(finished: list[int], perturbed: Tensor) -> None:
        progress.advance(len(finished))
        if write:
            write(finished, perturbed)

    result = topk.run(
        network,
        test.images,
        task.known,
        cell.attack,
        settings.batch_size,
        positions=task.positions,
        sink=sink,
    )
    before = measures(result.clean_logits, targets.relevant, cell.k)
    after = measures(result.adversarial_logits, targets.relevant, cell.k)
    change = after - before
    strict = goal(targets, result.clean_logits, "strict")
    wanted = targets.specified & targets.relevant
    here = [
        (wanted & top_k_mask(scores, cell.k)).sum(1)
        for scores in (result.clean_logits, result.adversarial_logits)
    ]
    frame: dict[str, Any] = {
        "method": cell.attack.method,
        # Typed, so that a cell without images leaves whole numbers whole in the other cells.
        "image": np.array(task.positions, dtype=np.int64),
        "n_relevant": targets.relevant.sum(1).numpy(),
        "success": result.success.numpy(),
        "stealth": reached(result.adversarial_logits, strict).numpy(),
        "removed": (here[0] - here[1]).numpy(),
        "l2": result.l2.numpy(),
        "linf": result.linf.numpy(),
        "l2_pretanh": result.l2_pretanh.numpy(),
        "iterations": result.iterations.numpy(),
        "seconds": result.seconds.numpy(),
    }
    for column, measure in enumerate(MEASURES):
        frame[f"clean_{measure}"] = before[:, column].numpy()
        frame[f"delta_{measure}"] = change[:, column].numpy()
    for name, scores in (
        ("clean_logits", result.clean_logits),
        ("adversarial_logits", result.adversarial_logits),
        ("specified", wanted),
    ):
        frame[name] = list(scores.numpy())
    return pd.DataFrame(frame)
