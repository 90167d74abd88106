"""Table 3: the best setting of each clusterer beside training without clusters, FGSM."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import ABSENT, seed_count
from advlearn.report.table import Source, Table
from advlearn.studies.selective.paper.cells import baseline_rows, baselines, cells, selections
from advlearn.studies.selective.paper.labels import ALGORITHMS, METRICS, REDUCTIONS
from advlearn.studies.selective.paper.predicted import accuracies, predicted, with_predicted
from advlearn.studies.selective.paper.published_tables import (
    HOW,
    SAY,
    blocks,
    common_notes,
    compare_cells,
    comparison,
)
from advlearn.studies.selective.schema import SelectiveTidy

_NAME = "selective_table3_overall"
_ATTACK = "fgsm"
_ALGORITHM_OF = {"classic": "classic", "all": "adversarial_training", "none": "clean_only"}
_CLUSTERER = ["universe", "protocol", "algorithm"]
_SETTING = [*_CLUSTERER, "reduction", "setting"]
_KEYS = [*_CLUSTERER, "metric"]


def competing(tidy: SelectiveTidy, split: str) -> pd.DataFrame:
    """Selections of one random cluster, of all settings that compete."""
    rows = selections(tidy, split)
    rows = rows[(rows["rule"] == "random") & (rows["attack"] == _ATTACK)]
    rows = rows.assign(algorithm=rows["clusterer"])
    if split == "validation":
        rows = rows[rows["metric"] == "average_accuracy"]
    # PCA is preferred where it was run, since the k-means and agglomerative rows of the paper's
    # Table 3 are rows of its Table 1.
    pca = rows["reduction"] == "pca"
    return rows[pca | ~pca.groupby([rows[name] for name in _CLUSTERER]).transform("any")]


def choose(validation: pd.DataFrame) -> pd.DataFrame:
    """The setting of each clusterer with the highest average accuracy on the validation split.

    A setting that failed on some seeds (DBSCAN that finds only noise) is chosen only when no
    setting of its clusterer ran on more seeds.

    Args:
        validation: the selections that compete.

    Returns:
        universe, protocol, algorithm, reduction, setting, validation_average, seeds_run.
    """
    scores = over_seeds(cells(validation).rename(columns={"clusterer": "algorithm"}), _SETTING)
    scores = scores.rename(columns={"mean": "validation_average", "n": "seeds_run"})
    # Settings are ordered by name last, so that ties are settled the same way each time.
    by = {"seeds_run": False, "validation_average": False, "reduction": True, "setting": True}
    scores = scores.sort_values(list(by), ascending=list(by.values()), kind="stable")
    best = scores.groupby(_CLUSTERER, sort=True).head(1)
    return best[[*_SETTING, "validation_average", "seeds_run"]]


def _without_clusters(tidy: SelectiveTidy) -> pd.DataFrame:
    rows = baseline_rows(tidy)
    rows = rows[rows["attack"] == _ATTACK]
    return rows.assign(algorithm=rows["rule"].map(_ALGORITHM_OF))


def _readable(lines: pd.DataFrame) -> list[list[str]]:
    rows = []
    for algorithm, part in lines.groupby("algorithm", sort=False):
        of_metric = {line.metric: line for line in part.itertuples()}
        reduction, setting = part.iloc[0][["reduction", "setting"]]
        rows.append(
            [
                ALGORITHMS(algorithm),
                ABSENT if pd.isna(setting) else f"{setting} ({REDUCTIONS(reduction)})",
                comparison(of_metric.get("clean_accuracy")),
                comparison(of_metric.get("adversarial_accuracy")),
            ]
        )
    return rows


class Overall(NamedTuple):
    """Table 3 seed by seed, and the rows behind it.

    Attributes:
        per_seed: accuracy of each algorithm, at the setting that its universe and protocol chose.
        chosen: result of `choose`.
        single: rows of the models without clusters.
        test: rows of the chosen settings.
        validation: rows by which they were chosen.
    """

    per_seed: pd.DataFrame
    chosen: pd.DataFrame
    single: pd.DataFrame
    test: pd.DataFrame
    validation: pd.DataFrame


def overall(tidy: SelectiveTidy) -> Overall:
    """The accuracies of Table 3 on the test images, every universe, protocol and seed."""
    validation, single = competing(tidy, "validation"), _without_clusters(tidy)
    chosen = choose(validation)
    test = competing(tidy, "test").merge(chosen, on=_SETTING)
    ours = cells(test).rename(columns={"clusterer": "algorithm"})
    others = baselines(single)
    others = others.assign(algorithm=others["rule"].map(_ALGORITHM_OF))
    per_seed = pd.concat([ours, others], ignore_index=True)
    return Overall(per_seed, chosen, single, test, validation)


def build(tidy: SelectiveTidy) -> Table:
    """Published and reproduced Table 3, every universe and protocol."""
    per_seed, chosen, single, test, validation = overall(tidy)
    frame = accuracies(tidy, per_seed, _KEYS).merge(chosen, on=_CLUSTERER, how="left")
    frame = pd.concat([predicted(tidy, per_seed, ["algorithm", "metric"]), frame])
    published = tidy.published(_NAME)[["algorithm", "metric", "published", "source", "note"]]
    frame = compare_cells(
        tidy,
        frame.merge(published, on=["algorithm", "metric"], how="left"),
        "algorithm reduction setting validation_average metric",
        algorithm=ALGORITHMS.order(frame["algorithm"]),
        metric=sorted(METRICS),
    )
    return Table(
        title="Table 3: overall comparison, FGSM",
        caption=SAY.table3(seed_count(frame["n"])),
        frame=frame,
        groups=blocks(tidy, frame, _readable),
        how=HOW,
        columns=["algorithm", "setting chosen", "clean accuracy", "adversarial accuracy"],
        keys=_KEYS,
        sources=[
            Source("selective_metrics", with_predicted(tidy, single)),
            Source(
                "selective_metrics",
                with_predicted(tidy, test),
                columns=lambda name: name != "validation_average",
                row="row",
            ),
            Source(
                "selective_metrics",
                with_predicted(tidy, validation),
                role="validation values by which the setting was chosen",
                keys=_CLUSTERER,
                row="row",
            ),
        ],
        published=[("algorithm", "algorithm"), ("metric", "metric")],
        notes=[*common_notes(tidy, frame), SAY.table3_note()],
    )
