"""Rows of the evaluation and the cells that they make: selections, controls and baselines.

Frames of rows keep the position of each row in the tidy table, which leads from a number of a table
back to them: as their index, or in the column ``row`` where they were merged.
"""

from __future__ import annotations

import pandas as pd

from advlearn.report.intervals import over_seeds
from advlearn.settings.cluster import NO_CLUSTERING
from advlearn.studies.selective.paper.labels import CONTROLS
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.errors import UserError

TRAINING = ["universe", "protocol", "attack", "seed", "metric"]
"""What a selection and the baselines of its seed share."""
CELL = [*TRAINING, "reduction", "clusterer", "setting"]
"""What a selection and its equally large random subset share."""
DIFFERENCES = [f"difference_{control}" for control in CONTROLS]


def evaluated(tidy: SelectiveTidy, split: str = "test") -> pd.DataFrame:
    """Rows of a split; their index is the position in the tidy table."""
    frame = tidy["selective_metrics"]
    return frame[frame["split"] == split]


def without_clustering(tidy: SelectiveTidy, split: str = "test") -> pd.DataFrame:
    """Rows of the cells without clusters: rules classic, none and all."""
    frame = evaluated(tidy, split)
    return frame[frame["clusterer"] == NO_CLUSTERING]


def baseline_rows(tidy: SelectiveTidy) -> pd.DataFrame:
    """The same rows of the test images, for what cannot do without."""
    rows = without_clustering(tidy)
    if rows.empty:
        raise UserError(
            f"the run has no cells without clustering (clusterer '{NO_CLUSTERING}')",
            where=f"{tidy.folder}/selective_metrics.csv",
            remedy="run 'select' with --include-single for one reduction, then 'collect' again",
        )
    return rows


def baselines(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each baseline, one row a seed: TRAINING, rule, value, n_selected.

    The rows of several reductions describe the same training and are averaged.
    """
    groups = rows.groupby([*TRAINING, "rule"], sort=True)
    return groups[["value", "n_selected"]].mean().reset_index()


def subset_rows(tidy: SelectiveTidy, split: str = "test") -> pd.DataFrame:
    """Rows of the random subsets; ``digest`` is that of the selection which they control."""
    frame = evaluated(tidy, split)
    rows = frame[frame["rule"] == "subset"]
    return rows.assign(row=rows.index, digest=rows["control_of"])


def selections(tidy: SelectiveTidy, split: str = "test") -> pd.DataFrame:
    """Rows of all selections beside their controls on the same seed.

    Args:
        tidy: the run.
        split: ``test``, or ``validation`` for choosing among settings.

    Returns:
        The columns of the tidy table and: row, its position; difference_subset, difference_all and
        difference_none, value minus that of the equally large random subset, of adversarial
        training on all images, of retraining without adversarial images, missing where the control
        did not run; whole, whether the cell's selections hold every image.
    """
    frame = evaluated(tidy, split)
    selected = frame[(frame["clusterer"] != NO_CLUSTERING) & (frame["rule"] != "subset")]
    selected = selected.assign(row=selected.index)
    subsets = subset_rows(tidy, split).groupby([*CELL, "digest"], sort=True)["value"].mean()
    selected = selected.merge(subsets.rename("subset"), how="left", on=[*CELL, "digest"])
    reference = baselines(without_clustering(tidy, split))
    for rule in ("all", "none"):
        found = reference[reference["rule"] == rule].drop(columns="rule")
        found = found.rename(columns={"value": rule, "n_selected": f"n_{rule}"})
        selected = selected.merge(found, on=TRAINING, how="left")
    for control, name in zip(CONTROLS, DIFFERENCES, strict=True):
        selected[name] = selected["value"] - selected[control]
    everything = selected["n_selected"] >= selected["n_all"]
    cell = [selected[name] for name in [*CELL, "rule"]]
    return selected.assign(whole=everything.groupby(cell).transform("all"))


def cells(selected: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of every cell, one row a rule, protocol, metric and seed.

    Args:
        selected: rows of `selections`.

    Returns:
        CELL, rule, value, n_selected, n_clusters, the differences and whole; every_min and
        every_max, the lowest and the highest value over the clusters where the run tried them all.
        Rule ``every`` is the mean over all clusters.
    """
    means = ["value", "n_selected", *DIFFERENCES]
    named = {name: (name, "mean") for name in means}
    groups = selected.groupby([*CELL, "rule"], sort=True)
    result = groups.agg(**named, n_clusters=("n_clusters", "first"), whole=("whole", "first"))
    every = selected[selected["rule"] == "every"].groupby(CELL, sort=True)["value"]
    spread = every.agg(every_min="min", every_max="max")
    return result.reset_index().merge(spread.reset_index(), on=CELL, how="left")


def one_random_cluster(tidy: SelectiveTidy, attack: str) -> pd.DataFrame:
    """Selections of one random cluster by a clusterer that is asked for a number of clusters.

    Returns:
        Rows of `selections` with the column ``algorithm`` for ``clusterer``.
    """
    rows = selections(tidy)
    rows = rows[(rows["rule"] == "random") & (rows["attack"] == attack)]
    rows = rows.dropna(subset=["n_clusters"])
    return rows.assign(algorithm=rows["clusterer"], n_clusters=rows["n_clusters"].astype(int))


def curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of `one_random_cluster` against the number of clusters.

    Returns:
        universe, protocol, reduction, algorithm, n_clusters, metric and those of `over_seeds`.
    """
    keys = ["universe", "protocol", "reduction", "algorithm", "n_clusters", "metric"]
    return over_seeds(cells(rows).rename(columns={"clusterer": "algorithm"}), keys)
