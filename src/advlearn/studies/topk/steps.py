"""The step of each attack: chosen on validation images, used on the test images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell
from advlearn.support.checkpoint import SavedState

COLUMNS = "method surrogate parameter step n asr l2 chosen".split()
LEVEL = 0.02
"""Success rates that differ by no more are taken for equal: one image of 50."""
_ATTACK = ["method", "surrogate"]


def searched(cell: TopkCell, parameter: str, found: SavedState) -> dict[str, Any]:
    """What one step reached: success rate, and median norm with failures as infinitely long.

    Args:
        cell: the attack with the step.
        parameter: the key of the attack that is the step.
        found: outcomes of the images, as `attack_task` gives them.
    """
    success = np.asarray(found["success"], dtype=bool)
    norms = np.where(success, np.asarray(found["l2"], dtype=float), np.inf)
    middle = float(np.median(norms)) if len(norms) else np.inf
    return {
        "method": cell.attack.method,
        "surrogate": cell.attack.surrogate,
        "parameter": parameter,
        "step": getattr(cell.attack, parameter),
        "n": len(norms),
        "asr": float(success.mean()) if len(norms) else np.nan,
        "l2": middle if np.isfinite(middle) else np.nan,
    }


def choose(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Mark the step of each attack: of those that succeed most, the one of the shortest norm.

    Success rates within `LEVEL` of the highest are taken for equal. Where two are level in both,
    the first is chosen, and none where no image was eligible.

    Args:
        rows: results of `searched`.

    Returns:
        `COLUMNS`, one row an attack and step, in order; ``chosen`` is 1 in one row of an attack.
    """
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(chosen=0)
    for _, part in frame[frame["n"] > 0].groupby(_ATTACK, sort=False):
        best = part[part["asr"] >= part["asr"].max() - LEVEL - 1e-9]
        order = best["l2"].fillna(np.inf).to_numpy(float)
        frame.loc[best.index[int(np.argmin(order))], "chosen"] = 1
    return frame


def with_chosen_steps(job: TopkAttackJob, found: pd.DataFrame) -> TopkAttackJob:
    """The job with the steps that were chosen; attacks that were not searched keep theirs.

    Args:
        job: cells as the configuration has them.
        found: result of `choose`.
    """
    taken = found[found["chosen"] == 1]
    steps = {
        (row["method"], row["surrogate"]): {str(row["parameter"]): float(row["step"])}
        for row in taken.to_dict("records")
    }
    cells = tuple(
        cell.model_copy(
            update={
                "attack": cell.attack.model_copy(
                    update=steps.get((cell.attack.method, cell.attack.surrogate), {})
                )
            }
        )
        for cell in job.cells
    )
    return job.model_copy(update={"cells": cells})
