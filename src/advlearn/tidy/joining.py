"""Tables of several runs of one study as one: rows of all seeds and lines, each fact once.

Frames hold every cell as a text, so that what is written again is what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from advlearn.tidy.schema import Lines

Block = Mapping[str, Any]
"""A block of the grid: universes, attacks, reductions, and more."""


def named(frame: pd.DataFrame, columns: Sequence[str]) -> pd.MultiIndex:
    """What some columns name, row by row; a seed is its number, however it is written."""
    picked = frame[[*columns]]
    if "seed" in columns:
        picked = picked.assign(seed=pd.to_numeric(picked["seed"]).astype(int))
    return pd.MultiIndex.from_frame(picked)


def own_lines(frame: pd.DataFrame, lines: Lines) -> pd.MultiIndex:
    """The lines of the grid, each with its seeds, that the rows of a table are of."""
    return named(frame[~lines.shared(frame)], lines.line).unique()


def together(first: pd.DataFrame, other: pd.DataFrame, lines: Lines | None) -> pd.DataFrame:
    """The rows of both; of rows that all lines of a group need, those of the first."""
    if lines:
        groups = named(first[lines.shared(first)], lines.group)
        had = lines.shared(other).to_numpy() & named(other, lines.group).isin(groups)
        other = other[~had]
    return pd.concat([first, other], ignore_index=True)


def largest_difference(
    first: pd.DataFrame, other: pd.DataFrame, lines: Lines, key: Sequence[str]
) -> float:
    """By how much values differ that both have of what all lines of a group need.

    Args:
        first: a table with the column ``value``.
        other: the same table of another run.
        lines: which rows are shared.
        key: columns that name such a row, whatever line it came with.

    Returns:
        NaN where the two share nothing.
    """
    one, another = (
        frame[lines.shared(frame)].assign(value=lambda rows: pd.to_numeric(rows["value"]))
        for frame in (first, other)
    )
    values, others = (frame.set_index(named(frame, key))["value"] for frame in (one, another))
    return float((values - others).abs().max())


def seeds_of(frame: pd.DataFrame, lines: Lines, block: Block) -> set[int]:
    """The seeds with which any line of a block of the grid has run."""
    found = own_lines(frame, lines).to_frame(index=False)
    for column in ("universe", "attack", "reduction"):
        found = found[found[column].isin(block[f"{column}s"])]
    return set(found["seed"])


def how_many_first(found: Iterable[int], seeds: Sequence[int]) -> tuple[int | None, bool]:
    """Seeds as the number of first ones, none for all, and whether they are the first ones."""
    had = set(found)
    count = len(had)
    return (None if count == len(seeds) else count), had == set(seeds[:count])


def all_choices(frames: Sequence[pd.DataFrame], seeds: Sequence[int]) -> pd.DataFrame:
    """The choices of all universes; the runs differ in one, the seeds."""
    frame = pd.concat(frames, ignore_index=True).drop_duplicates(["key", "universe"])
    of_seeds = frame["key"].str.endswith(".seeds")
    return frame.assign(value=frame["value"].mask(of_seeds, " ".join(map(str, seeds))))


def all_arrays(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays of the first, and what it lacks from those that show the same images."""
    found = dict(parts[0])
    for other in parts[1:]:
        if all(np.array_equal(found[name], other[name]) for name in ("clean", "label")):
            found = {**other, **found}
    return found
