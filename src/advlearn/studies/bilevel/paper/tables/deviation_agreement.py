"""Which deviations between partitions count moved points."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import ABSENT, plus_minus
from advlearn.report.table import Group, Table
from advlearn.studies.bilevel.paper.common import DEVIATION_LABELS, NO_PUBLISHED, in_order, label
from advlearn.studies.bilevel.paper.schema import BilevelTidy

_REFERENCE = "matching_error"
_KINDS = {
    "transfer": "points move between the clusters",
    "split": "points leave for new clusters",
    "merge": "clusters become one",
    "mixed": "all three",
}
_SCENARIOS = {"light": "light changes", "any": "any changes"}
_SAME = 1e-9


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Mean Kendall tau over the numbers of clusters, and over the rest for each of these.

    For each seed the taus of the row's scenarios are averaged; intervals are over these means.

    Returns:
        part (``kind`` or ``n_clusters``), kind, scenario, balance, n_clusters (missing where they
        are averaged over), deviation, mean, ci_low, ci_high, prediction_low, prediction_high, n
        (seeds), n_pairs (pairs of changes behind the mean).
    """
    frame = tidy["bilevel_agreement"]
    frame = frame[frame["deviation"] != _REFERENCE]
    parts = []
    for part, keys in (("kind", ["kind", "scenario", "balance"]), ("n_clusters", ["n_clusters"])):
        known = frame.dropna(subset=["kendall_tau"])
        by_seed = known.groupby([*keys, "deviation", "seed"], sort=True)
        seeds = by_seed["kendall_tau"].mean().reset_index()
        means = over_seeds(seeds, [*keys, "deviation"], "kendall_tau")
        pairs = known.groupby([*keys, "deviation"], sort=True)["n_pairs"].sum().reset_index()
        parts.append(means.merge(pairs, on=[*keys, "deviation"]).assign(part=part))
    result = ordered(
        pd.concat(parts, ignore_index=True),
        ["part", "kind", "scenario", "balance", "n_clusters", "deviation"],
        part=["kind", "n_clusters"],
        kind=list(_KINDS),
        scenario=list(_SCENARIOS),
        deviation=list(DEVIATION_LABELS),
    ).astype({"n_clusters": "Int64"})
    first = ["part", "kind", "scenario", "balance", "n_clusters", "deviation"]
    return result[[*first, *(name for name in result.columns if name not in first)]]


def build(tidy: BilevelTidy) -> Table:
    """One group a kind of change and one of the numbers of clusters; one column a deviation.

    Deviations with the same tau everywhere, because each is a growing function of the other where
    n does not change, share a column.

    Raises:
        UserError: the tidy table is missing, has no rows or is damaged.
    """
    frame = measure(tidy)
    columns = _columns(tidy["bilevel_agreement"])
    blocks = []
    for (part, kind), rows in groups(frame, ["part", "kind"]):
        keys = ["scenario", "balance"] if part == "kind" else ["n_clusters"]
        title = f"{kind}: {label(_KINDS, kind)}" if part == "kind" else "by number of clusters"
        found = [_row(key, cells, columns) for key, cells in groups(rows, keys)]
        blocks.append(Group(title, found))
    count = tidy["bilevel_agreement"]["seed"].nunique()
    return Table(
        title="Agreement of deviations with the number of moved points",
        caption=(
            "Kendall's τ-b of each deviation with the matching error (the least share of points"
            " that change their cluster, clusters matched one to one) over random changes of a"
            f" partition; mean {'± half of the 95 % Student-t interval ' if count > 1 else ''}over"
            f" {count} seed{'s' if count > 1 else ''}, in each of which τ is averaged over the"
            " numbers of clusters, in the last part over the kinds of change. 1: the deviation"
            " puts changes in the order of the points they move."
        ),
        frame=frame,
        columns=["changes", *(", ".join(label(DEVIATION_LABELS, n) for n in c) for c in columns),
                 "pairs"],
        groups=blocks,
        notes=[
            "Light changes touch at most 30 % of the points (or of the clusters), any changes at"
            " most 90 %.",
            "pairs: pairs of changes whose matching errors differ, over all seeds. Where all"
            " merges move as many points there are none, and the scenario is left out.",
            NO_PUBLISHED,
        ],
        wide=True,
    )  # fmt: skip


def _columns(frame: pd.DataFrame) -> list[list[str]]:
    """The deviations but the reference, those of the same tau in all scenarios together."""
    keys = ["scenario", "n_clusters", "balance", "kind", "seed"]
    taus = frame.pivot(index=keys, columns="deviation", values="kendall_tau")
    names = [name for name in in_order(frame["deviation"], DEVIATION_LABELS) if name != _REFERENCE]
    found: list[list[str]] = []
    for name in names:
        for alike in found:
            if (taus[name] - taus[alike[0]]).abs().max() < _SAME:
                alike.append(name)
                break
        else:
            found.append([name])
    return found


def _row(key: Sequence[object], cells: pd.DataFrame, columns: Sequence[Sequence[str]]) -> list[str]:
    by_name = {str(row["deviation"]): row for row in records(cells)}
    if len(key) == 1:
        first = f"K = {key[0]}"
    else:
        first = f"{label(_SCENARIOS, key[0])}, {key[1]}"
    taus = [
        plus_minus(*(by_name[alike[0]][name] for name in ("mean", "ci_low", "ci_high")))
        if alike[0] in by_name
        else ABSENT
        for alike in columns
    ]
    return [first, *taus, f"{int(cells['n_pairs'].max()):,}"]
