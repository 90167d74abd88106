"""Ward at scale: one linkage for ten cluster numbers, against scikit-learn once a number.

Case ``time``: ours and ``AgglomerativeClustering`` on the same points in turn; the partitions are
compared by the adjusted Rand index, of which the lowest is written. Case ``memory``: ours alone at
growing sizes, each in its own process; ``grown_mb`` is the peak above that of the process with its
imports and points, and grows with n, not with its square.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from advlearn.learners.clusterers import agglomerative
from advlearn.settings.cluster import AgglomerativeSettings
from benchmarks import common

NUMBERS = list(range(1, 11))


def points(n: int, dimensions: int) -> np.ndarray:
    """Ten overlapping normal clouds, the like of a 2-D map of digits; no ties."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, dimensions)) * 3
    return centres[rng.integers(10, size=n)] + rng.normal(size=(n, dimensions))


def ours(x: np.ndarray) -> dict[str, np.ndarray]:
    fitted = agglomerative.fit(x, AgglomerativeSettings(n_clusters=NUMBERS), seed=0)
    return {str(name): labels for name, labels in fitted.items()}


def peer(x: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"n_clusters={k}": AgglomerativeClustering(k, linkage="ward").fit_predict(x)
        for k in NUMBERS
    }


def measure_memory(n: int, dimensions: int) -> None:
    """Cluster ``n`` points in this process and print seconds and memory as JSON."""
    x = points(n, dimensions)
    ours(x[:100])
    before = common.reset_peak()
    started = time.perf_counter()
    ours(x)
    seconds = time.perf_counter() - started
    peak = common.peak_mb()
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "grown_mb": peak - before}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=20_000, help="points of the case time")
    parser.add_argument(
        "--memory-points", type=int, nargs="*", default=[15_000, 30_000, 60_000], metavar="N"
    )
    parser.add_argument("--dimensions", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ward.csv"))
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure_memory(options.measure, options.dimensions)
        return

    machine = common.machine("fastcluster", "scikit-learn", "numpy")
    x = points(options.points, options.dimensions)
    timing = common.in_turn(lambda: ours(x), lambda: peer(x), options.rounds)
    agreement = min(adjusted_rand_score(timing.ours[s], timing.peer[s]) for s in timing.ours)
    rows = [
        {
            "benchmark": "ward",
            "case": "time",
            "n": options.points,
            "dimensions": options.dimensions,
            "ours_s": timing.ours_s,
            "peer_s": timing.peer_s,
            "ratio": timing.ratio,
            "rounds": timing.rounds,
            "lowest_rand_index": agreement,
            **machine,
        }
    ]
    for n in options.memory_points:
        arguments = ["--measure", str(n), "--dimensions", str(options.dimensions)]
        measured = common.in_subprocess("benchmarks.ward", *arguments)
        rows.append(
            {
                "benchmark": "ward",
                "case": "memory",
                "n": n,
                "dimensions": options.dimensions,
                "ours_s": measured["seconds"],
                "rounds": 1,
                "peak_mb": measured["peak_mb"],
                "grown_mb": measured["grown_mb"],
                **machine,
            }
        )
    common.write(rows, options.out)
    if agreement < 1:
        sys.exit(f"partitions differ: adjusted Rand index {agreement}")


if __name__ == "__main__":
    main()
