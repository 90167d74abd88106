"""The outcome of an attack, image by image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.topk.targets import build_goal, reached
from advlearn.data.multilabel.store import MultiLabelSplit
from advlearn.metrics.ranking import MEASURES, measures, top_k_mask
from advlearn.studies.topk.perturbed import PerturbedRows
from advlearn.studies.topk.tasks import Task
from advlearn.support.checkpoint import SavedState
from advlearn.support.progress import Progress


def attack_task(
    network: nn.Module,
    test: MultiLabelSplit,
    task: Task,
    rows: PerturbedRows,
    batch_size: int | None,
    progress: Progress,
) -> SavedState:
    """Attack the images of a task.

    Args:
        network: the classifier.
        test: the images.
        task: which of them are attacked, and the labels that are to leave the top k.
        rows: where the perturbed images go.
        batch_size: images attacked at once; None: by the device.
        progress: is told of every finished image.

    Returns:
        Columns of the outcomes, an entry an attacked image (c: number of labels): method, image
        (position in the test split), n_relevant, success, stealth (success, and no measure below
        its clean value), removed (specified labels that left the top k), l2, linf, l2_pretanh,
        iterations, seconds, clean_<measure> and delta_<measure>, and with c entries each
        clean_logits, adversarial_logits and specified. ``images`` is the digest of the rows.
    """
    cell, targets = task.cell, task.targets
    write = rows.sink(task.positions)

    def sink(finished: list[int], perturbed: Tensor) -> None:
        progress.advance(len(finished))
        if write:
            write(finished, perturbed)

    result = topk.run(
        network,
        test.images,
        task.attacker_targets,
        cell.attack,
        batch_size,
        positions=task.positions,
        sink=sink,
    )
    before = measures(result.clean_logits, targets.relevant, cell.k)
    after = measures(result.adversarial_logits, targets.relevant, cell.k)
    change = after - before
    strict = build_goal(targets, result.clean_logits, "strict")
    wanted = targets.specified & targets.relevant
    in_top = [
        (wanted & top_k_mask(scores, cell.k)).sum(1)
        for scores in (result.clean_logits, result.adversarial_logits)
    ]
    found: SavedState = {
        "images": rows.digest(),
        "method": cell.attack.method,
        # Typed, so that a cell without images leaves whole numbers whole in the other cells.
        "image": np.array(task.positions, dtype=np.int64),
        "n_relevant": targets.relevant.sum(1).numpy(),
        "success": result.success.numpy(),
        "stealth": reached(result.adversarial_logits, strict).numpy(),
        "removed": (in_top[0] - in_top[1]).numpy(),
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


def as_frame(found: SavedState, cell: int) -> pd.DataFrame:
    """Result of `attack_task` as a table, one row an image, with the number of the cell."""
    columns = {
        name: list(value) if isinstance(value, np.ndarray) and value.ndim == 2 else value
        for name, value in found.items()
        if name != "images"
    }
    return pd.DataFrame({**columns, "cell": cell})
