"""Stage topk_attack: one method against one multi-label classifier, every cell of an experiment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.topk.engine import Sink
from advlearn.attacks.topk.targets import goal, reached
from advlearn.data.multilabel.store import MultiLabelSplit, load_multilabel
from advlearn.learners.networks.weights import load_network, own_digest
from advlearn.metrics.ranking import MEASURES, measures, top_k_mask
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.determinism import configure
from advlearn.support.errors import UserError
from advlearn.support.io import atomic_path, write_csv, write_parquet
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

_BATCHES = 8
"""Images that are attacked between two places where a killed job can go on, in full batches."""


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
    parameters = (settings, own_digest(weights), seed, threads, where)
    checkpoint = Checkpoint(out, __name__, parameters, (data.parent, weights))
    multilabel = load_multilabel(data)
    test = multilabel.split("test")
    network = load_network(weights).to(where)
    _check_labels(settings, multilabel.info.n_classes)
    tasks = _tasks(network, test, settings, seed)
    chunks = [chunk for task in tasks for chunk in task.chunks(_BATCHES * settings.batch_size)]
    total = sum(len(chunk) for chunk in chunks)
    progress = Progress(f"topk_attack {out.parent.name} seed {seed}", total, "images")
    outcomes = []
    with atomic_path(out.with_suffix(".npy"), keep=True) as temporary:
        shape = (total if settings.keep_images else 0, *multilabel.info.shape)
        images = _Images(temporary, shape)
        for number, chunk in enumerate(chunks):
            rows = images.next(len(chunk))
            name = f"chunk {number}"
            part = checkpoint.get(name)
            if part and part["images"] != rows.digest():
                checkpoint.drop(name)

            def attacked(chunk: _Task = chunk, rows: _Rows = rows) -> SavedState:
                found = _attack(network, test, chunk, settings, rows, progress)
                return {"images": rows.digest(), **found}

            outcomes.append(_frame(checkpoint.once(name, attacked), chunk.number))
    counts = [{"cell": i, "n_eligible": t.n_eligible, "n": len(t)} for i, t in enumerate(tasks)]
    write_csv(out.with_suffix(".csv"), pd.DataFrame(counts))
    write_parquet(out, pd.concat(outcomes, ignore_index=True))
    checkpoint.finish()


@dataclass(frozen=True)
class _Task:
    """A cell with the images that are attacked: positions in the test split, targets, knowledge."""

    number: int
    cell: TopkCell
    positions: list[int]
    targets: topk.TopkTargets
    known: topk.TopkTargets
    n_eligible: int

    def __len__(self) -> int:
        return len(self.positions)

    def chunks(self, size: int) -> list[_Task]:
        """The task in parts of at most ``size`` images, between which a killed job goes on."""
        return [
            replace(
                self,
                positions=self.positions[first : first + size],
                targets=self.targets[torch.arange(first, min(first + size, len(self)))],
                known=self.known[torch.arange(first, min(first + size, len(self)))],
            )
            for first in range(0, max(len(self), 1), size)
        ]


class _Images:
    """Perturbed images on their way to a file: memory holds one batch of them.

    A file that a killed job has left is gone on with.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._filled = 0
        self._rows: np.ndarray | None = None
        if shape[0]:
            self._rows = _left(path, shape)
            if self._rows is None:
                self._rows = np.lib.format.open_memmap(
                    path, mode="w+", dtype=np.float32, shape=shape
                )
        else:
            with path.open("wb") as stream:
                np.save(stream, np.zeros(shape, dtype=np.float32), allow_pickle=False)

    def next(self, count: int) -> _Rows:
        """The next ``count`` rows of the file."""
        first, self._filled = self._filled, self._filled + count
        return _Rows(None if self._rows is None else self._rows[first : self._filled])


def _left(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        rows: np.ndarray = np.lib.format.open_memmap(path, mode="r+")
    except (OSError, ValueError):
        return None
    return rows if rows.shape == shape and rows.dtype == np.float32 else None


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of the file, in the order of the images of one task; none where none are kept."""

    rows: np.ndarray | None

    def sink(self, positions: list[int]) -> Sink | None:
        """Writes the images at ``positions`` to the rows, in this order."""
        if self.rows is None:
            return None
        rows = self.rows
        row = {position: number for number, position in enumerate(positions)}

        def write(finished: list[int], perturbed: Tensor) -> None:
            rows[[row[position] for position in finished]] = perturbed.cpu().numpy()

        return write

    def digest(self) -> str:
        """Hexadecimal digest of what the rows hold."""
        held = b"" if self.rows is None else np.ascontiguousarray(self.rows).data
        return hashlib.blake2b(held, digest_size=16).hexdigest()


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
    for number, cell in enumerate(settings.cells):
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
        tasks.append(_Task(number, cell, positions, targets, known, int(eligible.sum())))
    return tasks


def _attack(
    network: nn.Module,
    test: MultiLabelSplit,
    task: _Task,
    settings: TopkAttackJob,
    rows: _Rows,
    progress: Progress,
) -> SavedState:
    """Columns of the outcomes, a row an attacked image."""
    cell, targets = task.cell, task.targets
    write = rows.sink(task.positions)

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
    found: SavedState = {
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
        found[f"clean_{measure}"] = before[:, column].numpy()
        found[f"delta_{measure}"] = change[:, column].numpy()
    return {
        **found,
        "clean_logits": result.clean_logits.numpy(),
        "adversarial_logits": result.adversarial_logits.numpy(),
        "specified": wanted.numpy(),
    }


def _frame(part: SavedState, cell: int) -> pd.DataFrame:
    """One row an attacked image."""
    columns = {
        name: list(value) if isinstance(value, np.ndarray) and value.ndim == 2 else value
        for name, value in part.items()
        if name != "images"
    }
    return pd.DataFrame({**columns, "cell": cell})
