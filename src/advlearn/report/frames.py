"""Rows of tidy tables in order, in groups and one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd


def ordered(frame: pd.DataFrame, by: Sequence[str], **orders: Sequence[object]) -> pd.DataFrame:
    """Rows sorted by ``by``; a column named in ``orders`` in that order, other values last."""

    def key(column: pd.Series) -> pd.Series:
        order = orders.get(str(column.name))
        if order is None:
            return column
        return column.map({value: place for place, value in enumerate(order)}).fillna(len(order))

    return frame.sort_values(list(by), key=key, kind="stable", ignore_index=True)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries by column."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def groups(
    frame: pd.DataFrame, by: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """The rows by the columns ``by``, in order of appearance; missing values are a group too."""
    for key, part in frame.groupby(list(by), sort=False, dropna=False):
        yield tuple(key) if isinstance(key, tuple) else (key,), part
