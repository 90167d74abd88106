"""Attacks compared with a reference attack, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advlearn.report.crossed import CROSSED_COLUMNS, over_attacks
from advlearn.report.frames import ordered
from advlearn.studies.topk.paper.labels import MEASURES, QUANTITIES

_TASK = "dataset model preset seed experiment scheme labels n_specified k image".split()
"""Columns that name an image and the labels that are to leave its top k."""
_ATTACK = "method surrogate alpha knowledge hidden".split()


def pairs(images: pd.DataFrame, reference: Mapping[str, object]) -> pd.DataFrame:
    """Every attack and the reference attack on the same images, seeds and labels.

    Args:
        images: rows of ``topk_images.csv``.
        reference: columns in which attacks and reference differ -> value of the reference: some of
            method, surrogate, alpha, knowledge and hidden. Methods are compared each with its own
            surrogate and alpha.

    Returns:
        One row a pair and metric: the columns of ``images``, metric, value, and the positions of
        the two rows in the tidy table, ``row`` and ``row_reference``. Metrics:
        ``asr_difference`` (attack minus reference); where both succeed ``l2_ratio`` (logarithm of
        attack by reference) and ``abs_<measure>_difference`` (how much larger the change of the
        measure is in size).
    """
    fixed = [] if "method" in reference else [name for name in _ATTACK if name not in reference]
    identity = [*_TASK, *fixed]
    numbered = images.assign(row=images.index)
    is_reference = np.logical_and.reduce([images[name] == reference[name] for name in reference])
    base = numbered.loc[is_reference, [*identity, "success", "l2", *MEASURES, "row"]]
    # pandas takes missing keys as equal: an attack that reads no alpha has none.
    both = numbered[~is_reference].merge(base, on=identity, suffixes=("", "_reference"))
    succeed = both["success"] & both["success_reference"]
    measured = succeed & (both["l2"] > 0) & (both["l2_reference"] > 0)
    ratio = (both["l2"] / both["l2_reference"]).where(measured)
    values = {
        "asr_difference": both["success"].astype(float) - both["success_reference"],
        "l2_ratio": np.log(ratio),
    }
    for name in MEASURES:
        change = both[name].abs() - both[f"{name}_reference"].abs()
        values[f"abs_{name}_difference"] = change.where(measured)
    rows = [both.assign(metric=name, value=value) for name, value in values.items()]
    found: pd.DataFrame = pd.concat(rows, ignore_index=True).dropna(subset="value")
    return found


def mean_differences(found: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Means over pairs with their intervals, for further images and further seeds.

    Every pair has the same weight: a sentence on all cells together and a table of cells are means
    of the same numbers.

    Args:
        found: result of `pairs`.
        keys: columns that name a line of the result.

    Returns:
        One row a metric and line, in the order of `QUANTITIES`: keys, metric and
        `CROSSED_COLUMNS`; of ``l2_ratio`` the geometric mean with its bounds, and the error of its
        logarithm. No rows where there are no pairs.
    """
    names = [*keys, "metric"]
    if found.empty:
        return pd.DataFrame(columns=[*names, *CROSSED_COLUMNS])
    rates = found["metric"] == "asr_difference"
    parts = [
        over_attacks(found[rates], names, "value", differences=True),
        over_attacks(found[~rates], names, "value"),
    ]
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    result = ordered(whole, ["metric"], metric=list(QUANTITIES))
    ratio = result["metric"] == "l2_ratio"
    bounds = ["mean", "ci_low", "ci_high", "lowest_seed", "highest_seed"]
    result.loc[ratio, bounds] = np.exp(result.loc[ratio, bounds].astype(float))
    return result
