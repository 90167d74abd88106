"""Which images an attack is run on, and which of their labels are to leave the top k."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from advlearn.attacks import topk
from advlearn.data.multilabel.store import MultiLabelSplit
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed


@dataclass(frozen=True)
class Task:
    """A cell with the images that are attacked.

    Attributes:
        number: place of the cell in the job.
        cell: the cell.
        positions: positions of the images in the test split.
        targets: labels that are to leave the top k, a row an image.
        attacker_targets: the same as the attacker knows them.
        n_eligible: images that could have been attacked.
    """

    number: int
    cell: TopkCell
    positions: list[int]
    targets: topk.TopkTargets
    attacker_targets: topk.TopkTargets
    n_eligible: int

    def __len__(self) -> int:
        return len(self.positions)

    def chunks(self, size: int) -> list[Task]:
        """The task in parts of at most ``size`` images, between which a killed job resumes."""
        return [
            replace(
                self,
                positions=self.positions[rows],
                targets=self.targets[rows],
                attacker_targets=self.attacker_targets[rows],
            )
            for first in range(0, max(len(self), 1), size)
            for rows in [slice(first, first + size)]
        ]


def check_labels(job: TopkAttackJob, n_labels: int) -> None:
    """Check that the labels and the k of a job fit the data.

    Raises:
        UserError: a k is not below the number of labels, or a specified label does not exist.
    """
    for cell in job.cells:
        if cell.k >= n_labels or any(index >= n_labels for index in cell.specified):
            raise UserError(
                "k must be below the number of labels, and specified labels must be among them",
                where=f"k {cell.k}, label set {cell.labels!r} {list(cell.specified)},"
                f" {n_labels} labels",
                remedy=f"correct 'topk.k' or 'topk.label_sets': labels are 0 to {n_labels - 1}",
            )


def tasks_of(
    job: TopkAttackJob, network: nn.Module, test: MultiLabelSplit, seed: int
) -> list[Task]:
    """The task of each cell: the first eligible images in the order of the test split.

    Args:
        job: the cells, and how many images each has at most.
        network: the classifier that is attacked.
        test: the images.
        seed: run seed, from which the labels to specify and to hide are drawn.
    """
    # Eligibility needs more than k relevant labels: the labels spare most photos a forward pass.
    pool = np.flatnonzero(test.labels.sum(1) > min(cell.k for cell in job.cells))
    # The cells of a job differ in nothing that changes the image seen first.
    first = job.cells[0].attack
    logits = topk.clean_logits(network, test.images, first, job.batch_size, pool.tolist())
    logits = logits.reshape(len(pool), test.labels.shape[1])
    relevant = torch.from_numpy(test.labels[pool])
    names = [test.names[position] for position in pool]
    tasks = []
    for number, cell in enumerate(job.cells):
        if cell.scheme == "global":
            eligible, targets = topk.global_targets(logits, relevant, cell.specified, cell.k)
        else:
            own_seed = derive_seed(seed, "topk", "specified")
            eligible, targets = topk.random_targets(
                logits, relevant, cell.k, cell.n_specified, names, own_seed
            )
        if cell.relevant is not None:
            numbers = relevant.sum(1)
            eligible = eligible & (numbers >= cell.relevant[0]) & (numbers <= cell.relevant[1])
        rows = eligible.nonzero().squeeze(1)[: job.images]
        targets = targets[rows]
        attacker_targets = topk.uncertain_targets(
            targets,
            logits[rows],
            [names[row] for row in rows.tolist()],
            knowledge=cell.knowledge,
            hidden=cell.hidden,
            seed=derive_seed(seed, "topk", "hidden"),
        )
        positions = [int(position) for position in pool[rows.numpy()]]
        tasks.append(Task(number, cell, positions, targets, attacker_targets, int(eligible.sum())))
    return tasks
