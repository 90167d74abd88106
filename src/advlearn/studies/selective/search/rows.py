"""Rows of the tidy table: what the jobs of the search write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from advlearn.studies.selective.search.questions import MEASURED, QUESTIONS
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, write_csv

if TYPE_CHECKING:
    # Measuring needs torch; reading its rows does not.
    from advlearn.studies.selective.search.measured import Outcome
    from advlearn.studies.selective.search.space import Draw

COLUMNS = ["universe", "stage", "seed", "status", *QUESTIONS, *MEASURED, "n_images", "chosen_by"]


def row(
    draw: Draw, stage: str, seed: int, outcome: Outcome, n_images: int, chosen_by: str = ""
) -> dict[str, Any]:
    """One row of the tidy table; of the second stage it says why the draw was chosen."""
    return {
        "universe": draw.number,
        "stage": stage,
        "seed": seed,
        "status": outcome.status,
        **draw.answers,
        **outcome.shares,
        "n_images": n_images,
        "chosen_by": chosen_by,
    }


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows with all columns, also where there are none."""
    write_csv(path, pd.DataFrame(rows, columns=COLUMNS))


def read_rows(path: Path) -> pd.DataFrame:
    """Read rows of `write_rows`."""
    return read_csv(path, dtype=dict.fromkeys((*QUESTIONS, "chosen_by"), str))


def published_shares(path: Path) -> dict[str, float]:
    """The published baselines.

    Args:
        path: CSV with the columns quantity and published.

    Raises:
        UserError: the file is no such table.
    """
    frame = read_csv(path)
    if not {"quantity", "published"} <= set(frame.columns):
        raise UserError(
            "the published baselines need the columns quantity and published",
            where=str(path),
            remedy="take the file from config/published/selective",
        )
    return {
        str(name): float(share)
        for name, share in zip(frame["quantity"], frame["published"], strict=True)
    }
