"""How well the plausible set predicts the held-out cells of Tables 1 to 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, format_number, format_signed
from advlearn.report.predictive import constant_score
from advlearn.report.table import Group, Source, Table
from advlearn.studies.selective.paper.cells import cells, one_random_cluster
from advlearn.studies.selective.paper.labels import METRICS
from advlearn.studies.selective.paper.predicted import predictions
from advlearn.studies.selective.paper.published_tables import SAY, without_published
from advlearn.studies.selective.paper.tables.table3_overall import overall
from advlearn.studies.selective.paper.universe_set import members, weights_of
from advlearn.studies.selective.schema import SelectiveTidy

_GRIDS = (("selective_table1_fgsm", "fgsm"), ("selective_table2_pgd", "pgd"))
_OVERALL = "selective_table3_overall"
_TITLES = {
    "selective_table1_fgsm": "Table 1",
    "selective_table2_pgd": "Table 2",
    _OVERALL: "Table 3",
}
_COLUMN = ["n_clusters", "algorithm", "metric"]
ALL = "all"


def scored(tidy: SelectiveTidy) -> pd.DataFrame:
    """Every published cell of Tables 1 to 3 with its prediction.

    Returns:
        published_table, n_clusters, algorithm, metric, published; low, high, ``width`` and
        ``inside`` (1.0, 0.0) of the 95 % prediction interval; ``score``, the logarithm of the
        probability of the printed number, and ``constant``, that of the constant predictor: normal
        on the logit scale with mean and deviation of the other numbers of its column. Missing
        where the plausible set predicts nothing. The averages, means of the two columns beside
        them, and the classic adversarial accuracy of Table 3, which contradicts the text, have no
        score; the latter has no prediction either.
    """
    parts = []
    for name, attack in _GRIDS:
        cell = cells(_grid(tidy, attack))
        cell = cell.rename(columns={"clusterer": "algorithm"})
        parts.append(_cells(tidy, name, cell, _COLUMN))
    parts.append(_cells(tidy, _OVERALL, overall(tidy).per_seed, ["algorithm", "metric"]))
    return pd.concat(parts, ignore_index=True)


def _cells(tidy: SelectiveTidy, name: str, frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    published = _held_out(tidy, name)
    known = predictions(tidy, frame, keys) if _belongs(tidy) else {}
    lines = []
    for line in records(published):
        found = known.get(tuple(line[key] for key in keys))
        value, metric = float(line["published"]), line["metric"]
        column = published["metric"] == metric
        if name != _OVERALL:
            column &= published["algorithm"] == line["algorithm"]
        others = published[column & (published["row"] != line["row"])]
        low, high = found.interval() if found else (np.nan, np.nan)
        scores = metric != "average_accuracy" and found is not None
        lines.append(
            {
                "published_table": name,
                **{key: line[key] for key in ("n_clusters", "algorithm", "metric", "published")},
                "low": low,
                "high": high,
                "width": high - low,
                "inside": float(low <= value <= high) if found else np.nan,
                "score": found.score(value) if found and scores else np.nan,
                "constant": constant_score(value, others["published"]) if scores else np.nan,
            }
        )
    return pd.DataFrame(lines)


def _grid(tidy: SelectiveTidy, attack: str) -> pd.DataFrame:
    rows = one_random_cluster(tidy, attack)
    return rows[rows["reduction"] == "pca"]


def _held_out(tidy: SelectiveTidy, name: str) -> pd.DataFrame:
    """The published numbers that are predicted; the text contradicts the one that is left out."""
    frame = tidy.published(name)
    doubtful = (frame["algorithm"] == "classic") & (frame["metric"] == "adversarial_accuracy")
    return frame[~doubtful]


def _behind(tidy: SelectiveTidy) -> pd.DataFrame:
    """The rows behind the predictions, once for each line of the table that they are in."""
    found = overall(tidy)
    models = found.single.assign(row=found.single.index)
    parts = {
        **{name: (_grid(tidy, attack), _COLUMN) for name, attack in _GRIDS},
        _OVERALL: (pd.concat([found.test, models]), ["algorithm", "metric"]),
    }
    lines = []
    for name, (rows, keys) in parts.items():
        rows = members(rows, weights_of(tidy, "plausible"))
        rows = rows.merge(_held_out(tidy, name)[keys], on=keys)
        lines.append(rows[["metric", "row"]].assign(published_table=name))
    together = pd.concat(lines)
    all_metrics = together.assign(metric=ALL)
    return pd.concat([together, all_metrics, all_metrics.assign(published_table=ALL)])


def _chosen_by(tidy: SelectiveTidy) -> pd.DataFrame:
    """The validation rows by which the settings of Table 3 were chosen, for its lines."""
    rows = members(overall(tidy).validation, weights_of(tidy, "plausible"))
    rows = rows[rows["algorithm"].isin(tidy.published(_OVERALL)["algorithm"])]
    return pd.concat([rows.assign(published_table=name) for name in (_OVERALL, ALL)])


def _belongs(tidy: SelectiveTidy) -> bool:
    return all(tidy.study.belongs_beside(name) for name in tidy.study.weights("plausible"))


def summarised(frame: pd.DataFrame) -> pd.DataFrame:
    """Coverage, width and scores of each published table and metric, and of all.

    Returns:
        published_table, metric, cells (published), predicted, ``mean`` (coverage: share of the
        predicted cells inside), width, scored, score, constant and gain (score minus constant),
        means over the cells; `ALL` for all tables or metrics.
    """
    split = [frame, frame.assign(metric=ALL), frame.assign(metric=ALL, published_table=ALL)]
    groups = pd.concat(split).groupby(["published_table", "metric"], sort=False)
    found = groups.agg(
        cells=("published", "count"),
        predicted=("inside", "count"),
        mean=("inside", "mean"),
        width=("width", "mean"),
        scored=("score", "count"),
        score=("score", "mean"),
        constant=("constant", "mean"),
    ).reset_index()
    return found.assign(gain=found["score"] - found["constant"])


def build(tidy: SelectiveTidy) -> Table:
    """Coverage and scores of the predictions."""
    frame = summarised(scored(tidy))
    return Table(
        title="Predictions of the held-out cells",
        caption=SAY.predictions(),
        frame=frame,
        columns=[
            "table",
            "accuracy",
            "cells",
            "predicted",
            "inside",
            "mean width",
            "log score",
            "constant predictor",
            "gain",
        ],
        groups=[Group("", [_readable(line) for line in records(frame)])],
        notes=[*without_published(tidy), SAY.predictions_note()],
        keys=["published_table", "metric"],
        how=(
            "mean: share of the published cells inside the central 95 % of their predictive"
            " distribution; score, constant: mean logarithm of the probability of the printed"
            " number"
        ),
        sources=[
            Source("selective_metrics", _behind(tidy), row="row"),
            Source(
                "selective_metrics",
                _chosen_by(tidy),
                role="validation values by which the settings of Table 3 were chosen",
                keys=["published_table"],
                row="row",
            ),
        ],
    )


def _readable(line: Mapping[str, Any]) -> list[str]:
    table, metric = line["published_table"], line["metric"]
    return [
        _TITLES.get(table, "all"),
        METRICS(metric) if metric in METRICS else ABSENT,
        str(line["cells"]),
        str(line["predicted"]),
        format_number(line["mean"]),
        format_number(line["width"]),
        format_number(line["score"], 2),
        format_number(line["constant"], 2),
        format_signed(line["gain"], 2),
    ]
