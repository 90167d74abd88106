"""Rows of study 1's tidy tables behind the numbers of its tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from advlearn.report.lineage import (
    OVER_SEEDS,
    Line,
    Lineage,
    Part,
    where,
)
from advlearn.studies.selective.paper.common import POOLED, cells, cluster_number
from advlearn.studies.selective.paper.schema import SelectiveTidy
from advlearn.studies.selective.paper.tables.table3_overall import ATTACK, SINGLE

_SCOPE = ["universe", "protocol"]
_CONTROLLED = [*_SCOPE, "attack", "reduction", "clusterer", "rule", "metric"]
_CONTROLS = {
    "subset": "control: random subsets of equal size",
    "all": "control: training on all adversarial images",
    "none": "control: retraining on clean images only",
}


def _test(tidy: SelectiveTidy, line: Line, columns: Sequence[str], **more: object) -> pd.DataFrame:
    return where(where(tidy["selective_metrics"], line, columns), {"split": "test", **more})


def _values(rows: pd.DataFrame) -> list[Part]:
    return [Part("selective_metrics", "values", rows)]


def _baselines(tidy: SelectiveTidy, line: Line, column: str) -> list[Part]:
    attack = [] if line["attack"] == "any" else ["attack"]
    return _values(_test(tidy, line, [*_SCOPE, "rule", "metric", *attack], clusterer="single"))


def _clusters(tidy: SelectiveTidy, line: Line, column: str) -> list[Part]:
    fixed = {"clusterer": line["algorithm"], "rule": "random", "reduction": "pca"}
    rows = _test(tidy, line, [*_SCOPE, "attack", "metric"], **fixed)
    return _values(rows[cluster_number(rows["setting"]).eq(line["n_clusters"]).fillna(False)])


def _overall(tidy: SelectiveTidy, line: Line, column: str) -> list[Part]:
    algorithm = line["algorithm"]
    if algorithm in SINGLE:
        fixed = {"attack": ATTACK, "clusterer": "single", "rule": SINGLE[algorithm]}
        return _values(_test(tidy, line, [*_SCOPE, "metric"], **fixed))
    fixed = {"attack": ATTACK, "clusterer": algorithm, "rule": "random"}
    tried = where(tidy["selective_metrics"], {name: line[name] for name in _SCOPE} | fixed)
    tried = where(tried, {"split": "validation", "metric": "average_accuracy"})
    if line["reduction"] == "pca":
        # Other reductions count only where there is no map of the principal components.
        tried = where(tried, {"reduction": "pca"})
    rows = _test(tidy, line, [*_SCOPE, "metric", "reduction", "setting"], **fixed)
    choice = Part("selective_metrics", "validation values by which the setting was chosen", tried)
    return [choice] if column == "validation_average" else [*_values(rows), choice]


def _controls(tidy: SelectiveTidy, line: Line, column: str) -> list[Part]:
    if line["setting"] == POOLED:
        rows = _test(tidy, line, _CONTROLLED)
        partial = where(cells(tidy), line, _CONTROLLED)
        partial = partial[~partial["whole"].astype(bool)]
        rows = rows[_keys(rows, "setting", "seed").isin(_keys(partial, "setting", "seed"))]
    else:
        rows = _test(tidy, line, [*_CONTROLLED, "setting"])
    control = column.removeprefix("difference_").partition("_")[0]
    if not column.startswith("difference_") or control not in _CONTROLS:
        return _values(rows)
    same = [*_SCOPE, "attack", "metric"]
    if control == "subset":
        other = _test(tidy, line, [*same, "reduction", "clusterer"], rule="subset")
        mine = _keys(rows, "setting", "seed", "digest")
        other = other[_keys(other, "setting", "seed", "paired_digest").isin(mine)]
    else:
        other = _test(tidy, line, same, clusterer="single", rule=control)
        other = other[other["seed"].isin(rows["seed"])]
    return [*_values(rows), Part("selective_metrics", _CONTROLS[control], other)]


def _keys(frame: pd.DataFrame, *columns: str) -> pd.Series:
    """One value a row for several columns."""
    return pd.Series(list(zip(*(frame[name] for name in columns), strict=True)), index=frame.index)


_BESIDE = (
    f"{OVER_SEEDS}; prediction_low, prediction_high: where one further run would fall;"
    " difference: mean minus published"
)
_TABLE1 = ("n_clusters", "algorithm", "metric")

LINEAGE: dict[str, Lineage] = {
    "selective_baselines": Lineage(
        [*_SCOPE, "rule", "attack", "metric"],
        _BESIDE,
        _baselines,
        [("quantity", "quantity")],
    ),
    "selective_table1_fgsm": Lineage(
        [*_SCOPE, "attack", *_TABLE1], _BESIDE, _clusters, [(name, name) for name in _TABLE1]
    ),
    "selective_table2_pgd": Lineage(
        [*_SCOPE, "attack", *_TABLE1], _BESIDE, _clusters, [(name, name) for name in _TABLE1]
    ),
    "selective_table3_overall": Lineage(
        [*_SCOPE, "algorithm", "metric"],
        _BESIDE,
        _overall,
        [("algorithm", "algorithm"), ("metric", "metric")],
    ),
    "selective_controls": Lineage(
        [*_CONTROLLED, "setting"],
        f"{OVER_SEEDS}; difference_*: value minus that of the control on the same seed",
        _controls,
    ),
}
"""Table name -> where its numbers come from."""
