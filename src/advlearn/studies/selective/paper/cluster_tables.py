"""Tables 1 and 2 of the paper: accuracy against the number of clusters, after PCA."""

from __future__ import annotations

import pandas as pd

from advlearn.report.numbers import seed_count
from advlearn.report.table import Source, Table
from advlearn.studies.selective.paper.cells import cells, one_random_cluster
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS, METRICS, SHORT_METRICS
from advlearn.studies.selective.paper.predicted import accuracies, predicted, with_predicted
from advlearn.studies.selective.paper.published_tables import (
    HOW,
    SAY,
    blocks,
    common_notes,
    compare_cells,
    comparison,
)
from advlearn.studies.selective.paper.universe_protocol import (
    PREDICTED,
    primary_pair,
    universe_protocols,
)
from advlearn.studies.selective.schema import SelectiveTidy

ALGORITHMS = ("kmeans", "agglomerative")
"""The clusterers of the paper's Tables 1 and 2."""
_LINE = ["n_clusters", "algorithm", "metric"]
_CELLS = [(algorithm, metric) for metric in METRICS for algorithm in ALGORITHMS]


def cluster_table(tidy: SelectiveTidy, name: str, attack: str, number: int) -> Table:
    """Published and reproduced accuracies of one random cluster, every universe and protocol.

    Args:
        tidy: the run.
        name: name of the published table.
        attack: ``fgsm`` or ``pgd``.
        number: number of the table in the paper.
    """
    rows = one_random_cluster(tidy, attack)
    rows = rows[rows["reduction"] == "pca"]
    cell = cells(rows).rename(columns={"clusterer": "algorithm"})
    ours = accuracies(tidy, cell, ["universe", "protocol", *_LINE])
    set_ = predicted(tidy, cell, _LINE)
    # A universe that did not run this attack has no lines, unless it is the one compared.
    first = primary_pair(tidy)
    pairs = [pair for pair in universe_protocols(tidy) if pair == first or len(pair.of(ours))]
    published = tidy.published(name)[[*_LINE, "published", "source", "note"]]
    pairs = [PREDICTED, *pairs] if len(set_) else pairs
    lines = pd.DataFrame(pairs).merge(published, how="cross")
    ours = pd.concat([set_, ours], ignore_index=True)
    lines = lines.merge(ours, on=["universe", "protocol", *_LINE], how="outer")
    lines = lines.astype({"n": "Int64"}).assign(attack=attack)
    orders = {column: sorted(lines[column].unique()) for column in _LINE}
    frame = compare_cells(tidy, lines, "attack n_clusters algorithm metric", **orders)
    told = frame[["mean", "published"]].notna().any(axis="columns")
    # Of lines that hold neither number, those of a table that holds none at all stay.
    frame = frame[told] if told.any() else frame
    return Table(
        title=f"Table {number}: one random cluster after PCA, {ATTACKS(attack)}",
        caption=SAY.cluster_table(ATTACKS(attack), seed_count(frame["n"])),
        frame=frame,
        groups=blocks(tidy, frame, _readable),
        how=HOW,
        columns=["clusters", *(f"{CLUSTERERS(a)} {SHORT_METRICS(metric)}" for a, metric in _CELLS)],
        keys=["universe", "protocol", "attack", *_LINE],
        sources=[Source("selective_metrics", with_predicted(tidy, rows), row="row")],
        published=[(name, name) for name in _LINE],
        notes=common_notes(tidy, frame),
    )


def _readable(lines: pd.DataFrame) -> list[list[str]]:
    # The cells of the paper that this run did not try stay in the CSV file only, unless it tried
    # none at all.
    tried = lines[lines["mean"].notna()]
    numbers = sorted(set((lines if tried.empty else tried)["n_clusters"]))
    at = {(line.n_clusters, line.algorithm, line.metric): line for line in lines.itertuples()}
    return [[str(n), *(comparison(at.get((n, *cell))) for cell in _CELLS)] for n in numbers]
