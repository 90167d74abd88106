"""Table 1 for one seed: the workflow against a plain script, in turn, in one run.

Both begin at the same prepared images and end at clean and adversarial accuracy of twenty cells:
FGSM, two principal components, k-means and agglomerative clustering into 1 to 10 clusters, one
random cluster each. Ours is the whole workflow as a user runs it, ``snakemake --cores N`` with the
start of every process; beside the cells of the table it trains the baselines (no adversarial
images) and evaluates on the validation images, as it always does. The peer is
``benchmarks/plain_table1.py`` in a process of its own, with all threads that torch takes.

At full size the peer's Ward works on a graph of neighbours, since scikit-learn's would need more
memory than most machines have; ``--unstructured-images`` adds a case with fewer images in which
both compute the same Ward clustering.

The random clusters of both differ, and so do the clusterings where the peer's Ward works on a
graph: accuracies are printed side by side, but only the cells of one cluster (all images) have to
agree. The run is called bench-table1; its results and logs are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks import common

RUN = "bench-table1"
RESULTS, LOGS = Path("results", RUN), Path("logs", RUN)
EVALUATION = RESULTS / "evaluation/small/seed0/fgsm/pca.csv"
KEYS = ["clusterer", "n_clusters"]
METRICS = ["clean_accuracy", "adversarial_accuracy"]
PARTS = ("pretrain", "craft", "embed", "cluster", "select", "retrain", "evaluate")


def configuration(train_images: int | None, test_images: int | None) -> dict[str, Any]:
    """What differs from config/config.yaml: only the cells of Table 1, for one seed."""
    return {
        "run": RUN,
        "seeds": [0],
        "data": {"train_images": train_images, "test_images": test_images},
        "selective": {
            "primary": "small",
            "evaluate": {"protocols": ["whitebox"]},
            "grid": [
                {
                    "universes": ["small"],
                    "attacks": ["fgsm"],
                    "reductions": ["pca"],
                    "clusterers": ["kmeans", "agglomerative"],
                    "select": {"rules": ["random"], "subset_control": False},
                }
            ],
        },
    }


def cells(evaluation: pd.DataFrame) -> pd.DataFrame:
    """Our evaluation as the plain script writes it: one row a cell, on the test images."""
    chosen = evaluation[
        (evaluation["rule"] == "random")
        & (evaluation["split"] == "test")
        & (evaluation["protocol"] == "whitebox")
        & evaluation["metric"].isin(METRICS)
    ]
    wide = chosen.pivot(
        index=["clusterer", "setting", "cluster", "n_selected"], columns="metric", values="value"
    ).reset_index()
    wide["n_clusters"] = wide["setting"].str.removeprefix("n_clusters=").astype(int)
    wide.columns.name = None
    return wide[[*KEYS, "cluster", "n_selected", *METRICS]]


def side_by_side(ours: pd.DataFrame, peer: pd.DataFrame) -> pd.DataFrame:
    """Cells of both in one table.

    Raises:
        ValueError: one has cells that the other lacks.
    """
    both = ours.merge(peer, on=KEYS, how="outer", suffixes=("_ours", "_peer"), validate="1:1")
    if both.isna().any(axis=None):
        raise ValueError(f"the two do not have the same cells:\n{both.to_string()}")
    return both.sort_values([*KEYS], ascending=[False, True], ignore_index=True)


def clean_difference(both: pd.DataFrame) -> float:
    """Largest difference of clean accuracy among the cells of one cluster."""
    single = both[both["n_clusters"] == 1]
    return float((single["clean_accuracy_ours"] - single["clean_accuracy_peer"]).abs().max())


def clean_tolerance(test_images: int) -> float:
    """How far the clean accuracies of equal cells may lie apart by chance.

    Four standard errors of an accuracy at its widest, and 0.01 for the order of the training
    images, which differs.
    """
    return 0.01 + 4 * math.sqrt(0.25 / test_images)


def our_parts(folder: Path) -> dict[str, float]:
    """Seconds of each stage of a run, from the files of Snakemake's directive ``benchmark``.

    Jobs of a stage are added up. Stages that are kept between runs have no such file.
    """
    seconds = {}
    for part in PARTS:
        files = sorted((folder / "benchmarks" / part).glob("*.tsv"))
        if files:
            seconds[part] = sum(float(pd.read_csv(file, sep="\t")["s"].sum()) for file in files)
    return seconds


def snakemake(config: Path, cores: int, target: Path) -> None:
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", str(cores)]
    command += ["--configfile", str(config), "--quiet", "rules", "--", str(target)]
    subprocess.run(command, stdout=sys.stderr, check=True)


def clear(*, data: bool) -> None:
    """Remove the results of the run, the prepared images only where asked."""
    for path in RESULTS.glob("*") if RESULTS.is_dir() else []:
        if path.name != "data":
            shutil.rmtree(path)
    if data:
        shutil.rmtree(RESULTS, ignore_errors=True)
        shutil.rmtree(LOGS, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each side, in turn")
    parser.add_argument("--cores", type=int, default=2, help="cores of the workflow")
    parser.add_argument("--train-images", type=int, help="fewer training images")
    parser.add_argument("--test-images", type=int, help="fewer test images")
    parser.add_argument(
        "--unstructured-images",
        type=int,
        metavar="N",
        help="a second case: N training images, and the peer's Ward without a graph, which needs"
        " 8 N^2 bytes",
    )
    parser.add_argument(
        "--batches", choices=("loader", "tensors"), default="loader", help="the peer's batches"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/table1.csv"))
    options = parser.parse_args()
    if not Path("Snakefile").exists():
        sys.exit("no Snakefile here: run from the root of the project")

    cases = [("graph", options.train_images)]
    if options.unstructured_images:
        cases.append(("unstructured", options.unstructured_images))
    measured = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "table1.yaml"
        try:
            for ward, train_images in cases:
                text = yaml.safe_dump(configuration(train_images, options.test_images))
                config.write_text(text, encoding="utf-8")
                clear(data=True)
                snakemake(config, options.cores, RESULTS / "data/dataset.json")
                measured.append(compare(options, config, folder, ward))
        finally:
            clear(data=True)
    common.write([row for row, _ in measured], options.out)
    parts = [row for _, rows in measured for row in rows]
    common.write(parts, options.out.with_name(f"{options.out.stem}_parts.csv"))
    for row, _ in measured:
        if row["clean_difference"] > clean_tolerance(row["test_images"]):
            sys.exit(
                f"{row['case']}: clean accuracy of the cells of one cluster differs by"
                f" {row['clean_difference']:.3f}, more than chance explains"
            )


def compare(
    options: argparse.Namespace, config: Path, folder: Path, ward: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of the result, and the rows of its parts."""
    plain, parts = folder / "plain.csv", folder / "parts.json"
    command = [sys.executable, "benchmarks/plain_table1.py", "--data", str(RESULTS / "data")]
    command += ["--ward", ward, "--batches", options.batches]
    command += ["--out", str(plain), "--parts", str(parts)]

    def ours() -> tuple[pd.DataFrame, dict[str, float]]:
        clear(data=False)
        snakemake(config, options.cores, EVALUATION)
        return cells(pd.read_csv(EVALUATION, keep_default_na=False)), our_parts(RESULTS)

    def peer() -> tuple[pd.DataFrame, dict[str, float]]:
        subprocess.run(command, stdout=sys.stderr, check=True, env=os.environ)
        return pd.read_csv(plain), json.loads(parts.read_text(encoding="utf-8"))

    timing = common.in_turn(ours, peer, options.rounds)
    (ours_cells, ours_parts), (peer_cells, peer_parts) = timing.ours, timing.peer
    both = side_by_side(ours_cells, peer_cells)
    print(both.to_string(index=False, float_format="%.4f"))
    case = f"peer's Ward {'on a graph' if ward == 'graph' else ward}"
    info = json.loads((RESULTS / "data/dataset.json").read_text(encoding="utf-8"))
    row = {
        "benchmark": "table1",
        "case": case,
        "n": info["n_train"],
        "test_images": info["n_test"],
        "cells": len(both),
        "ours_s": timing.ours_s,
        "peer_s": timing.peer_s,
        "ratio": timing.ratio,
        "rounds": timing.rounds,
        "used_cores": options.cores,
        "peer_batches": options.batches,
        "clean_difference": clean_difference(both),
        **{
            f"{side}_{metric}": float(both[f"{metric}_{side}"].mean())
            for metric in METRICS
            for side in ("ours", "peer")
        },
        **common.machine("torch", "torchattacks", "scikit-learn", "fastcluster", "snakemake"),
    }
    rows = [
        {
            "benchmark": "table1_parts",
            "case": case,
            "part": part,
            "ours_s": ours_parts.get(part),
            "peer_s": peer_parts.get(part),
        }
        for part in PARTS
    ]
    return row, rows


if __name__ == "__main__":
    main()
