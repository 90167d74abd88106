"""Shapes of study 3's tidy tables: columns, what names a row, and what a value may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ConfigDict, Field

from advlearn.settings.base import Settings
from advlearn.support.errors import UserError

_INFINITE = float("inf")
_AT_LEAST_0 = (0.0, _INFINITE)
_SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Shape:
    """What a tidy table must look like.

    Attributes:
        columns: columns that have to be there.
        key: columns that together name a row; no two rows may share them.
        text: columns read as text, whatever their values look like.
        ranges: column -> lowest and highest value; missing values are left alone.
        rows: whether a table without rows is an error.
    """

    columns: Sequence[str]
    key: Sequence[str]
    text: Sequence[str] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rows: bool = True


SHAPES: dict[str, Shape] = {
    "bilevel_formulas": Shape(
        "formula n_clusters range cases max_error".split(),
        "formula n_clusters range".split(),
        "formula n_clusters range".split(),
        {"cases": _AT_LEAST_0, "max_error": _AT_LEAST_0},
    ),
    "bilevel_moved": Shape(
        "n_clusters sizes pattern moved delta_squared".split(),
        "n_clusters sizes pattern moved".split(),
        "sizes pattern".split(),
        {"moved": _AT_LEAST_0, "delta_squared": _AT_LEAST_0},
    ),
    "bilevel_monotone": Shape(
        "n_clusters imbalance share_moved moves not_monotone inside_region"
        " violations_inside".split(),
        "n_clusters imbalance share_moved".split(),
        ranges=dict.fromkeys(
            "moves not_monotone inside_region violations_inside".split(), _AT_LEAST_0
        ),
    ),
    "bilevel_agreement": Shape(
        "scenario n_clusters balance kind deviation seed kendall_tau n_pairs".split(),
        "scenario n_clusters balance kind deviation seed".split(),
        "scenario balance kind deviation".split(),
        {"kendall_tau": (-1.0, 1.0), "n_pairs": _AT_LEAST_0},
    ),
    "bilevel_path": Shape(
        "dataset gamma n_clusters ari_truth gap certified chosen seconds".split(),
        "dataset gamma".split(),
        ("dataset",),
        {"gamma": _AT_LEAST_0, "n_clusters": (1.0, _INFINITE), "ari_truth": (-1.0, 1.0)},
    ),
    # Only the data sets of the clusterpath figure, and a run may have none of them.
    "bilevel_trajectories": Shape(
        "dataset gamma point x y label".split(),
        "dataset gamma point".split(),
        ("dataset",),
        {"gamma": _AT_LEAST_0},
        rows=False,
    ),
    "bilevel_intervals": Shape(
        "dataset weights n d n_clusters bound low high".split(),
        "dataset weights n_clusters bound".split(),
        "dataset weights bound".split(),
        {"low": _AT_LEAST_0, "high": _AT_LEAST_0},
    ),
    "bilevel_sandwich": Shape(
        "dataset weights gamma seed kind method epsilon".split(),
        "dataset weights gamma seed kind method".split(),
        "dataset weights kind method".split(),
        {"epsilon": _AT_LEAST_0},
    ),
    "bilevel_attacks": Shape(
        "dataset weights seed form budget target method epsilon reached delta matching_error"
        " n_clusters queries seconds".split(),
        "dataset weights seed form budget target method".split(),
        "dataset weights form budget target method reached".split(),
        {
            "epsilon": _AT_LEAST_0,
            "delta": _AT_LEAST_0,
            "matching_error": _SHARE,
            "queries": _AT_LEAST_0,
            "seconds": _AT_LEAST_0,
        },
    ),
    "bilevel_staircase": Shape(
        "dataset seed direction curve tau deviation value n_clusters".split(),
        "dataset seed direction curve tau deviation".split(),
        "dataset direction curve deviation".split(),
        {"tau": _AT_LEAST_0, "value": _AT_LEAST_0},
    ),
    "bilevel_calmness": Shape(
        "dataset weights seed direction size change bound modulus".split(),
        "dataset weights seed direction size change".split(),
        "dataset weights direction".split(),
        dict.fromkeys("size change bound modulus".split(), _AT_LEAST_0),
    ),
    "bilevel_blackbox": Shape(
        "dataset seed source target method epsilon delta one_minus_ari matching_error reached"
        " queries".split(),
        "dataset seed source target method".split(),
        "dataset source target method reached".split(),
        {
            "epsilon": _AT_LEAST_0,
            "delta": _AT_LEAST_0,
            "matching_error": _SHARE,
            "queries": _AT_LEAST_0,
        },
    ),
    "bilevel_onepoint": Shape(
        "pair victim method seed n d misclustered delta_squared l0 l2 linf queries seconds".split(),
        "pair victim method seed".split(),
        "pair victim method".split(),
        dict.fromkeys("misclustered delta_squared l0 l2 linf queries".split(), _AT_LEAST_0),
    ),
    "bilevel_defence": Shape(
        "dataset parameter value gamma radius n_clusters ari_truth chosen".split(),
        "dataset parameter value gamma".split(),
        "dataset parameter value".split(),
        {"gamma": _AT_LEAST_0, "radius": _AT_LEAST_0, "ari_truth": (-1.0, 1.0)},
    ),
}
"""File name without suffix -> its shape."""

_FLAGS = ("reached", "chosen", "certified")


class BilevelStudy(Settings):
    """What ``bilevel_study.json`` says of a run; further keys are kept in the file only."""

    model_config = ConfigDict(extra="ignore")

    run: str
    seeds: list[int]
    datasets: dict[str, dict[str, Any]]
    versions: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


def checked(frame: pd.DataFrame, shape: Shape, path: Path) -> pd.DataFrame:
    """The table with its flags as 1, 0 or missing, once its values and keys are seen to be right.

    Args:
        frame: the table as read.
        shape: what it has to look like.
        path: where it was read, for messages.

    Raises:
        UserError: a value is no number or out of range, or two rows name the same fact.
    """
    flags = {name: _flag(frame[name]) for name in _FLAGS if name in frame.columns}
    frame = frame.assign(**flags)
    for name, (low, high) in shape.ranges.items():
        numbers = pd.to_numeric(frame[name], errors="coerce")
        bad = frame[frame[name].notna() & ~numbers.between(low, high)]
        if len(bad):
            span = f"between {low:g} and {high:g}" if high < _INFINITE else f"at least {low:g}"
            raise UserError(
                f"row {bad.index[0] + 2} has a value of {name} that is not {span}",
                where=f"{path}: {name} = {bad.iloc[0][name]}",
                remedy="delete the files of study 3 of this run and run the workflow again",
            )
    twice = frame[frame.duplicated(list(shape.key))]
    if len(twice):
        raise UserError(
            "the same fact stands twice, so no mean can be trusted",
            where=f"{path}, row {twice.index[0] + 2}",
            remedy="run 'bilevel_collect' again from one set of files",
        )
    return frame


def _flag(column: pd.Series) -> pd.Series:
    """1.0 for a yes in any of its spellings, 0.0 for a no, missing where the cell is empty."""
    yes = column.astype(str).str.lower().isin(("true", "1", "1.0", "yes"))
    return yes.astype(float).where(column.notna())
