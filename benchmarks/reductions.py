"""Does a reduction shorten the clustering? Study 1's k-means on pixels, and after PCA and t-SNE.

Claim R5 of study 1 is about seconds, which no tidy table holds: they differ from machine to
machine and from run to run. Here all three are measured in turn, each round with another seed, in
processor time of one thread. The images are the ``train.npy`` of the stage craft.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from advlearn.embeddings import embed
from advlearn.learners.clusterers import fit
from advlearn.report.intervals import over_seeds
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.embed import EmbedSettings
from benchmarks import common
from benchmarks.tsne import load

REDUCTIONS = ("pca", "tsne")


def measured(images: np.ndarray, seeds: range, reductions: list[str]) -> pd.DataFrame:
    """Seconds of reducing the images, and of k-means with 1 to 10 clusters.

    Args:
        images: float32 (n, d).
        seeds: one round each.
        reductions: names of the stage embed.

    Returns:
        One row a seed and reduction: seed, reduction, dimensions, reduce_s, cluster_s.
    """
    embedding, clustering = EmbedSettings(), ClusterSettings()
    rows = []
    for seed in seeds:
        # Another one goes first each round.
        first = seed % len(reductions)
        for reduction in reductions[first:] + reductions[:first]:
            points, reduce_s = timed(partial(embed, images, reduction, embedding, seed))
            _, cluster_s = timed(partial(fit, points, "kmeans", clustering, seed))
            print(f"seed {seed} {reduction}: {reduce_s:.1f} + {cluster_s:.1f} s", file=sys.stderr)
            rows.append((seed, reduction, points.shape[1], reduce_s, cluster_s))
    return pd.DataFrame(rows, columns=["seed", "reduction", "dimensions", "reduce_s", "cluster_s"])


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and its processor seconds."""
    started = time.process_time()
    made = make()
    return made, time.process_time() - started


def beside_none(seconds: pd.DataFrame) -> pd.DataFrame:
    """Each reduction beside clustering without one, as shares of its time.

    Args:
        seconds: as `measured` returns them, with the reduction ``none``.

    Returns:
        One row a reduction, of the seeds: medians of the seconds; ``share``, clustering over
        clustering without reduction, and ``whole``, reduction and clustering over the same, each a
        mean with its 95 % interval.
    """
    none = seconds[seconds["reduction"] == "none"].set_index("seed")["cluster_s"]
    rows = []
    for reduction, frame in seconds[seconds["reduction"] != "none"].groupby("reduction"):
        paired = frame.assign(none_s=frame["seed"].map(none))
        paired["share"] = paired["cluster_s"] / paired["none_s"]
        paired["whole"] = (paired["reduce_s"] + paired["cluster_s"]) / paired["none_s"]
        row: dict[str, Any] = {"case": reduction, "dimensions": paired["dimensions"].iloc[0]}
        row |= paired[["none_s", "reduce_s", "cluster_s"]].median()
        for name in ("share", "whole"):
            found = over_seeds(paired, ["reduction"], name).iloc[0]
            row |= {name: found["mean"], f"{name}_low": found["ci_low"]}
            row |= {f"{name}_high": found["ci_high"]}
        rows.append({**row, "rounds": len(paired)})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=Path, help="train.npy of the stage craft; digits of scikit-learn if absent"
    )
    parser.add_argument("--n", type=int, default=60_000, help="images taken, from the first on")
    parser.add_argument("--rounds", type=int, default=3, help="seeds, 0 and on; 2 or more")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reductions.csv"))
    options = parser.parse_args()

    images = load(options.images, options.n)
    with threadpool_limits(1):  # As a job has: threads that wait would count.
        seconds = measured(images, range(options.rounds), ["none", *REDUCTIONS])
    about = {
        "benchmark": "reductions",
        "n": len(images),
        "pixels": images.shape[1],
        **common.machine("scikit-learn", "openTSNE", "numpy"),
    }
    rows = beside_none(seconds).assign(**about).to_dict("records")
    common.write([{str(key): value for key, value in row.items()} for row in rows], options.out)


if __name__ == "__main__":
    main()
