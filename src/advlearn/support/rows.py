"""Tables that must be whole: a mean over the rows that happen to be there would be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import as_written, read_csv


def read_rows(path: Path, wanted: int) -> pd.DataFrame:
    """Read a CSV file of ours that has to have ``wanted`` rows.

    Raises:
        UserError: it has more or fewer.
    """
    frame = read_csv(path)
    if len(frame) != wanted:
        raise incomplete(path, len(frame), wanted)
    return frame


def check_rows(
    path: Path, frame: pd.DataFrame, count: int = 1, /, **values: Iterable[object]
) -> None:
    """Check that every combination of the columns' values has ``count`` rows, and no other has one.

    Args:
        path: where the rows were read, for messages.
        frame: the rows.
        count: how many a combination has.
        values: column -> its values; floats are compared as `write_csv` writes them.

    Raises:
        UserError: one has not.
    """
    levels = [
        [as_written(value) if isinstance(value, float) else value for value in each]
        for each in values.values()
    ]
    wanted = pd.MultiIndex.from_product(levels, names=list(values))
    found = frame.groupby(list(values), sort=False).size()
    if len(values) == 1:
        found.index = pd.MultiIndex.from_arrays([found.index], names=list(values))
    counts = found.reindex(wanted, fill_value=0)
    wrong = counts[counts != count]
    if len(wrong):
        cell = ", ".join(map(str, wrong.index[0]))
        raise incomplete(path, f"{wrong.iloc[0]} of {cell}", count)
    if len(frame) != count * len(wanted):
        raise incomplete(path, len(frame), count * len(wanted))


def incomplete(path: Path, found: object, wanted: object) -> UserError:
    """The error for a table that lacks rows, or has rows that do not belong to it."""
    return UserError(
        f"{path.name} lacks the rows that the run asks for: {found} instead of {wanted}",
        where=str(path),
        remedy=REBUILT,
    )
