"""What the tables and figures of study 1 share: cells, pairs, orders and names."""

from __future__ import annotations

import pandas as pd

from advlearn.report.intervals import beside_published, over_seeds
from advlearn.report.numbers import with_interval, with_published
from advlearn.report.table import Group, Table
from advlearn.studies.selective.paper.schema import SelectiveTidy
from advlearn.support.errors import UserError

METRICS = ("clean_accuracy", "adversarial_accuracy", "average_accuracy")
METRIC_LABELS = {
    "clean_accuracy": "clean accuracy",
    "adversarial_accuracy": "adversarial accuracy",
    "average_accuracy": "average accuracy",
}
CLUSTERER_LABELS = {
    "kmeans": "k-means",
    "agglomerative": "agglomerative",
    "dbscan": "DBSCAN",
    "hdbscan": "HDBSCAN",
}
RULE_LABELS = {
    "random": "one random cluster",
    "largest": "largest cluster",
    "smallest": "smallest cluster",
    "highest_loss": "highest mean loss",
    "lowest_margin": "lowest mean margin",
    "every": "every cluster in turn",
    "subset": "random subset of equal size",
}
RULES = tuple(rule for rule in RULE_LABELS if rule != "subset")
PROTOCOL_LABELS = {"whitebox": "white-box", "transfer": "transfer"}
ATTACK_LABELS = {"fgsm": "FGSM", "pgd": "PGD"}
REDUCTION_LABELS = {"none": "no reduction", "pca": "PCA", "tsne": "t-SNE"}
POOLED = "pooled"
"""Name of the setting of rows that average over all settings within each seed."""

_JOB = ["universe", "seed", "attack", "reduction", "clusterer", "setting"]
_RUN = ["universe", "protocol", "attack", "seed", "metric"]


def scopes(tidy: SelectiveTidy) -> list[tuple[str, str]]:
    """The (universe, protocol) pairs of the run; the pair beside the published numbers first."""
    primary = tidy.study.primary
    order = list(tidy.study.universes)
    found = tidy["selective_metrics"][["universe", "protocol"]].drop_duplicates()
    pairs = [(str(row.universe), str(row.protocol)) for row in found.itertuples()]

    def place(pair: tuple[str, str]) -> tuple[bool, int, bool, bool, str]:
        universe, protocol = pair
        rank = order.index(universe) if universe in order else len(order)
        return (
            universe != primary.universe,
            rank,
            protocol != primary.protocol,
            protocol != "whitebox",
            protocol,
        )

    return sorted(pairs, key=place)


def scope_label(pair: tuple[str, str]) -> str:
    """``closest, white-box``."""
    return f"{pair[0]}, {PROTOCOL_LABELS.get(pair[1], pair[1])}"


def is_primary(tidy: SelectiveTidy, pair: tuple[str, str]) -> bool:
    """Whether this is the pair beside which the published numbers are set."""
    return pair == (tidy.study.primary.universe, tidy.study.primary.protocol)


def attack_label(attack: str) -> str:
    """``FGSM`` for ``fgsm``; names of own attacks stay as they are."""
    return ATTACK_LABELS.get(attack, attack)


def baselines(tidy: SelectiveTidy) -> pd.DataFrame:
    """Test accuracy without selection: _RUN columns, rule (classic, none, all), value, n_selected.

    One row a seed; the rows of several reductions describe the same training and are averaged.

    Raises:
        UserError: the run has no cells without clustering.
    """
    frame = _test(tidy)
    single = frame[frame["clusterer"] == "single"]
    if single.empty:
        raise UserError(
            "the run has no cells without clustering (clusterer 'single')",
            where=f"{tidy.folder}/selective_metrics.csv",
            remedy="run 'select' with --include-single for one reduction, then 'collect' again",
        )
    return single.groupby([*_RUN, "rule"], sort=True)[["value", "n_selected"]].mean().reset_index()


def cells(tidy: SelectiveTidy, split: str = "test") -> pd.DataFrame:
    """Accuracy of every selection beside its controls on the same seed.

    Args:
        tidy: the run.
        split: ``test``, or ``validation`` for choosing among settings.

    Returns:
        One row a job, rule, protocol, metric and seed: value; n_selected; difference_subset,
        difference_all and difference_none (value minus that of the equal-size random subset, of
        adversarial training on all images, of retraining without adversarial images; missing
        where the control did not run); every_min and every_max (lowest and highest value over the
        clusters, where the run tried them all); whole (the selection holds every image). Rule
        ``every`` is the mean over all clusters.
    """
    frame = (
        _test(tidy)
        if split == "test"
        else tidy["selective_metrics"][tidy["selective_metrics"]["split"] == split]
    )
    keys = [*_JOB, "protocol", "metric"]
    clustered = frame[frame["clusterer"] != "single"]
    control = (
        clustered[clustered["rule"] == "subset"]
        .groupby([*keys, "paired_digest"], sort=True)["value"]
        .mean()
        .rename("subset")
        .reset_index()
        .rename(columns={"paired_digest": "digest"})
    )
    selected = clustered[clustered["rule"] != "subset"].merge(
        control, on=[*keys, "digest"], how="left"
    )
    selected = selected.assign(difference_subset=selected["value"] - selected["subset"])
    single = frame[frame["clusterer"] == "single"]
    for rule in ("all", "none"):
        reference = (
            single[single["rule"] == rule]
            .groupby(_RUN, sort=True)[["value", "n_selected"]]
            .mean()
            .rename(columns={"value": rule, "n_selected": f"n_{rule}"})
            .reset_index()
        )
        selected = selected.merge(reference, on=_RUN, how="left")
        selected[f"difference_{rule}"] = selected["value"] - selected[rule]
    selected["whole"] = selected["n_selected"] >= selected["n_all"]
    numbers = ["value", "n_selected", "difference_subset", "difference_all", "difference_none"]
    result = (
        selected.groupby([*keys, "rule"], sort=True)
        .agg(**{name: (name, "mean") for name in numbers}, whole=("whole", "all"))
        .reset_index()
    )
    spread = (
        selected[selected["rule"] == "every"]
        .groupby(keys, sort=True)["value"]
        .agg(every_min="min", every_max="max")
        .reset_index()
    )
    result = result.merge(spread, on=keys, how="left")
    result["n_clusters"] = cluster_number(result["setting"])
    return result


def cluster_number(setting: pd.Series) -> pd.Series:
    """The number of clusters asked for in a setting string; missing where it has none."""
    return setting.str.extract(r"(?:^|,)n_clusters=(\d+)(?:,|$)")[0].astype("Int64")


def curves(tidy: SelectiveTidy, attack: str, reduction: str) -> pd.DataFrame:
    """Means over seeds of one random cluster, for k-means and agglomerative clustering.

    Returns:
        universe, protocol, algorithm, n_clusters, metric and the columns of `over_seeds`.
    """
    frame = cells(tidy)
    frame = frame[
        (frame["rule"] == "random")
        & (frame["attack"] == attack)
        & (frame["reduction"] == reduction)
        & frame["n_clusters"].notna()
    ].rename(columns={"clusterer": "algorithm"})
    frame["n_clusters"] = frame["n_clusters"].astype(int)
    return over_seeds(frame, ["universe", "protocol", "algorithm", "n_clusters", "metric"])


def cluster_table(tidy: SelectiveTidy, name: str, attack: str, number: int) -> Table:
    """Tables 1 and 2 of the paper: accuracy against the number of clusters, after PCA.

    Args:
        tidy: the run.
        name: name of the published table.
        attack: ``fgsm`` or ``pgd``.
        number: number of the table in the paper.
    """
    published = tidy.published(name)[
        ["n_clusters", "algorithm", "metric", "published", "source", "note"]
    ]
    ours = curves(tidy, attack, "pca")
    pairs = scopes(tidy)
    parts = []
    for universe, protocol in pairs:
        part = ours[(ours["universe"] == universe) & (ours["protocol"] == protocol)]
        if part.empty and not is_primary(tidy, (universe, protocol)):
            continue  # this universe did not run this attack
        part = published.merge(
            part.drop(columns=["universe", "protocol"]),
            on=["n_clusters", "algorithm", "metric"],
            how="outer",
        )
        part.insert(0, "universe", universe)
        part.insert(1, "protocol", protocol)
        part.insert(2, "primary", "yes" if is_primary(tidy, (universe, protocol)) else "no")
        parts.append(part)
    frame = beside_published(pd.concat(parts, ignore_index=True))
    frame.insert(3, "attack", attack)
    frame["n"] = frame["n"].astype("Int64")
    frame = _last(frame, ["source", "note"])
    shown = [
        (algorithm, metric)
        for metric in METRICS
        for algorithm in ("kmeans", "agglomerative")
        if algorithm in set(frame["algorithm"])
    ]
    titles = {"clean_accuracy": "clean", "adversarial_accuracy": "adv.", "average_accuracy": "avg."}
    groups = []
    for pair in pairs:
        part = frame[(frame["universe"] == pair[0]) & (frame["protocol"] == pair[1])]
        if part.empty:
            continue
        # The cells of the paper that this run did not try stay in the CSV file only, unless it
        # tried none at all.
        tried = part[part["mean"].notna()]
        tried = part if tried.empty else tried
        by_cell = {(row.n_clusters, row.algorithm, row.metric): row for row in part.itertuples()}
        rows = [
            [str(k), *(comparison(by_cell.get((k, *cell))) for cell in shown)]
            for k in sorted(set(tried["n_clusters"]))
        ]
        groups.append(Group(heading(tidy, pair), rows))
    return Table(
        title=f"Table {number}: one random cluster after PCA, {attack_label(attack)}",
        caption=(
            "Accuracy on the test images after retraining with the adversarial images of one"
            f" random cluster ({attack_label(attack)}, clusters of the PCA map). Each cell:"
            f" {reading(tidy)}"
        ),
        frame=frame,
        columns=["clusters", *(f"{CLUSTERER_LABELS[a]} {titles[m]}" for a, m in shown)],
        groups=groups,
        notes=common_notes(tidy),
    )


def comparison(row: object) -> str:
    """``mean [low, high] (published)`` of a row of `beside_published`; a dash for no row."""
    if row is None:
        return with_interval(float("nan"), float("nan"), float("nan"))
    mean, low, high, published = (
        float(getattr(row, name)) for name in ("mean", "ci_low", "ci_high", "published")
    )
    return with_published(with_interval(mean, low, high), published)


def heading(tidy: SelectiveTidy, pair: tuple[str, str]) -> str:
    """Heading of the rows of one universe and protocol."""
    mark = " (set beside the published numbers)" if is_primary(tidy, pair) else ""
    return f"Universe {pair[0]}, {PROTOCOL_LABELS.get(pair[1], pair[1])} evaluation{mark}"


def reading(tidy: SelectiveTidy) -> str:
    """How to read a cell of a table, for the number of seeds of this run."""
    if len(tidy.study.seeds) == 1:
        return "value of the single seed of this run (published value)."
    return f"mean over {len(tidy.study.seeds)} seeds [95 % Student-t interval] (published value)."


def common_notes(tidy: SelectiveTidy) -> list[str]:
    """Remarks that belong below every table of the study."""
    notes = []
    if tidy.study.dataset != "mnist":
        notes.append(
            f"This run used the data set {tidy.study.dataset}; the published numbers are of MNIST"
            " and stand here for orientation only."
        )
    if len(tidy.study.seeds) == 1:
        notes.append("One seed: no interval and no statement about chance can be made.")
    else:
        notes.append(
            "The paper reports one run a cell. A single run is to be compared with the 95 %"
            " prediction interval (CSV file), not with the interval of the mean."
        )
    return notes


def _test(tidy: SelectiveTidy) -> pd.DataFrame:
    return tidy["selective_metrics"][tidy["selective_metrics"]["split"] == "test"]


def _last(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return frame[[name for name in frame.columns if name not in names] + names]
