"""Stage ``cluster``: points to clusters, all settings of one clusterer in one job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from advlearn.learners.clusterers import NOISE, fit
from advlearn.settings.cluster import ClusterSettings, SettingName
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.errors import UserError
from advlearn.support.io import read_npy, write_csv, write_parquet


def cluster(
    *,
    embedding: Annotated[Path, typer.Option(help="points (n, d), .npy of the stage embed")],
    settings: Annotated[
        ClusterSettings, typer.Option(parser=ClusterSettings.from_json, help="settings as JSON")
    ],
    clusterer: Annotated[str, typer.Option(help="kmeans, agglomerative, dbscan, hdbscan or own")],
    seed: Annotated[int, typer.Option(help="seed of the run")],
    out: Annotated[Path, typer.Option(help="labels, .parquet; a .csv of sizes is put beside it")],
) -> None:
    """Cluster the points by every setting of one clusterer.

    ``out`` has one int32 column a setting, -1 for noise. The .csv beside it has the columns
    clusterer, setting, n_clusters (as asked for; empty where it is found), cluster, size, note; a
    setting that finds only noise is noted there and has no column in ``out``.

    Raises:
        UserError: unknown clusterer, bad points, or every setting finds only noise.
    """
    own = settings.own.get(clusterer)
    parameters = (settings, clusterer, own and own_function_digest(own.function), seed)
    checkpoint = Checkpoint(out, __name__, parameters, (embedding,))

    def once(setting: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        labels: np.ndarray = checkpoint.once(setting, lambda: {"labels": make()})["labels"]
        return labels

    points = read_npy(embedding)
    labels = fit(points, clusterer, settings, seed, once)
    kept = {setting: values for setting, values in labels.items() if values.max() > NOISE}
    if not kept:
        raise UserError(
            f"{clusterer} finds only noise in {len(points)} points, with every setting:"
            f" {'; '.join(labels)}",
            where=f"configuration key 'selective.cluster.{clusterer}', points in {embedding}",
            remedy="ask for less dense or smaller clusters: larger eps or eps_quantile,"
            " smaller min_samples or min_cluster_size",
        )
    write_csv(out.with_suffix(".csv"), _sizes(clusterer, labels))
    write_parquet(out, pd.DataFrame(kept))
    checkpoint.finish()


def _sizes(clusterer: str, labels: dict[SettingName, np.ndarray]) -> pd.DataFrame:
    rows = []
    for setting, values in labels.items():
        only_noise = values.max() == NOISE
        for number, size in zip(*np.unique(values, return_counts=True), strict=True):
            note = "noise" if number == NOISE else ""
            if only_noise:
                note = "only noise: setting dropped"
            rows.append((clusterer, setting, setting.n_clusters, int(number), int(size), note))
    columns = ["clusterer", "setting", "n_clusters", "cluster", "size", "note"]
    return pd.DataFrame(rows, columns=columns).astype({"n_clusters": "Int64"})
