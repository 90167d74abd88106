"""DBSCAN's one random cluster as what it is: nearly all images or nearly none."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import groups
from advlearn.report.numbers import ABSENT, format_number
from advlearn.report.table import Group, Source, Table
from advlearn.studies.selective.paper.cells import CELL, selections, subset_rows
from advlearn.studies.selective.paper.labels import ATTACKS, REDUCTIONS
from advlearn.studies.selective.paper.published_tables import SAY
from advlearn.studies.selective.paper.universe_protocol import (
    UniverseProtocol,
    in_blocks,
    primary_pair,
)
from advlearn.studies.selective.schema import SelectiveTidy

_DBSCAN = "dbscan"
_SEED = ["universe", "protocol", "attack", "reduction", "setting", "seed"]
_OVER_CLUSTERS = ("n_every", "expectation", "every_min", "every_max")
_COLUMNS = ["setting", "images: adversarial accuracy, a seed each", "expectation over the clusters"]


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """The random cluster of every seed beside all clusters of its setting.

    Returns:
        One row a universe, protocol, attack, reduction, setting and seed: cluster and n_selected of
        the random cluster, ``mean``, its adversarial accuracy, and ``subset``, that of as many
        random images. Where every cluster of the setting was run in turn: n_every, their number,
        and ``expectation``, every_min and every_max over them, each with the same weight, as the
        paper draws one. Without DBSCAN one row that says so.
    """
    rows = _rows(tidy)
    chosen = rows[rows["rule"] == "random"]
    if chosen.empty:
        pair = primary_pair(tidy)
        return pd.DataFrame([{**pair._asdict(), "primary": "yes", "note": "not run"}])
    found = chosen[[*_SEED, "cluster", "n_selected", "value", "subset"]]
    found = found.rename(columns={"value": "mean"})
    every = rows[rows["rule"] == "every"].groupby(_SEED, sort=True)["value"]
    means = every.agg(n_every="count", expectation="mean", every_min="min", every_max="max")
    found = found.merge(means.reset_index(), on=_SEED, how="left")
    missing = pd.Series("the other clusters were not run", index=found.index)
    found["note"] = missing.where(found["n_every"].isna())
    order = ["attack", "reduction", "setting", "seed"]
    return in_blocks(tidy, found.astype({"n_every": "Int64", "cluster": "Int64"}), order)


def build(tidy: SelectiveTidy) -> Table:
    """The values of DBSCAN one by one, with their sizes and the expectation over the clusters."""
    frame, rows = compare(tidy), _rows(tidy)
    shown = ["universe", "protocol", "attack", "reduction"]
    lines = [Group("", [["no DBSCAN in this run", ABSENT, ABSENT]])]
    if "setting" in frame:
        lines = [
            Group(
                f"{UniverseProtocol(universe, protocol).label}, {ATTACKS(attack)},"
                f" {REDUCTIONS(reduction)}",
                [_readable(str(name), line) for (name,), line in groups(part, ["setting"])],
            )
            for (universe, protocol, attack, reduction), part in groups(frame, shown)
        ]
    return Table(
        title="DBSCAN: one random cluster and all clusters",
        caption=SAY.dbscan(),
        frame=frame,
        columns=_COLUMNS,
        groups=lines,
        notes=[SAY.dbscan_note()],
        keys=[name for name in _SEED if name in frame],
        how="mean: adversarial accuracy after training on the random cluster of this seed",
        sources=[
            Source("selective_metrics", rows[rows["rule"] == "random"], row="row"),
            Source(
                "selective_metrics",
                rows[rows["rule"] == "every"],
                role="all clusters of the setting",
                columns=_OVER_CLUSTERS.__contains__,
                row="row",
            ),
            Source(
                "selective_metrics",
                _subsets(tidy, rows),
                role="control: random subset of equal size",
                columns=lambda name: name == "subset",
                row="row",
            ),
        ],
    )


def _rows(tidy: SelectiveTidy) -> pd.DataFrame:
    rows = selections(tidy)
    return rows[(rows["clusterer"] == _DBSCAN) & (rows["metric"] == "adversarial_accuracy")]


def _subsets(tidy: SelectiveTidy, rows: pd.DataFrame) -> pd.DataFrame:
    chosen = rows.loc[rows["rule"] == "random", [*CELL, "digest"]]
    return subset_rows(tidy)[[*CELL, "digest", "row"]].merge(chosen, on=[*CELL, "digest"])


def _readable(setting: str, part: pd.DataFrame) -> list[str]:
    """One line a setting: the seeds from the largest cluster to the smallest."""
    by_size = part.sort_values(["n_selected", "seed"], ascending=[False, True])
    values = [
        f"{size:,.0f}: {format_number(value)}"
        for size, value in zip(by_size["n_selected"], by_size["mean"], strict=True)
    ]
    known = by_size.dropna(subset=["expectation"])
    expected = [
        f"{format_number(value)} over {n} (seed {seed})"
        for value, n, seed in zip(
            known["expectation"], known["n_every"], known["seed"], strict=True
        )
    ]
    return [setting, "; ".join(values), "; ".join(expected) or "not run"]
