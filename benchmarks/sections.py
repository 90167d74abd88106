"""The tables of docs/performance.md: which columns of which CSV file, and their goals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from benchmarks import goals, strong_table
from benchmarks.goals import Goal, Row, faster


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        file: stem of the CSV file.
        columns: column of the CSV and its title, in order; columns that the file lacks, or that
            are empty throughout, are left out.
        goals: the goals of a row.
        arrange: from the rows of the file to those of the table.
    """

    file: str
    columns: dict[str, str]
    goals: Callable[[Row], list[Goal]] = lambda row: []
    arrange: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame


TIMES = {"ours_s": "ours (s)", "peer_s": "peer (s)", "ratio": "times as fast"}
SECTIONS = {
    "robust_accuracy": Section(
        "robust_accuracy",
        {
            "case": "network",
            "images": "images",
            **TIMES,
            "cpu_ratio": "in CPU time",
            "gradient_share": "share of gradients computed",
            "disagreements": "verdicts that differ",
            "unsound": "unsound",
            "missed": "missed",
            "ours_robust": "robust accuracy, ours",
            "peer_robust": "peer's",
            "peer_batch_size": "peer's batch",
        },
        goals.robust_accuracy_goals,
    ),
    "topk": Section(
        "topk",
        {
            "case": "case",
            "images": "images",
            "batch_size": "our batch",
            "iterations": "mean iterations",
            **TIMES,
            "ours_images_per_s": "images a second, ours",
            "peer_images_per_s": "peer's",
            "disagreements": "disagreements",
        },
        goals.topk_goals,
    ),
    "ward": Section(
        "ward",
        {
            "case": "case",
            "n": "points",
            **TIMES,
            "lowest_rand_index": "lowest Rand index",
            "grown_mb": "memory grown (MB)",
        },
        goals.ward_goals,
    ),
    "convex": Section(
        "convex",
        {
            "case": "case",
            "n": "points",
            "dimensions": "dimensions",
            "gamma": "gamma",
            "clusters": "clusters",
            **TIMES,
            "gap": "gap",
            "certified": "proved",
            "solver": "solver",
            "bytes_an_edge": "bytes an edge",
            "load": "load of the machine",
        },
        goals.convex_goals,
    ),
    "tsne": Section(
        "tsne",
        {
            "n": "images",
            "dimensions": "pixels",
            "threads": "threads",
            **TIMES,
            "ours_trustworthiness": "trustworthiness, ours",
            "peer_trustworthiness": "peer's",
            "ours_divergence": "KL divergence, ours",
            "peer_divergence": "peer's",
        },
        goals.tsne_goals,
    ),
    "genetic": Section(
        "genetic",
        {
            "case": "points",
            "victim": "victim",
            "radius": "radius",
            "generations": "generations",
            "rounds": "seeds",
            "ours": "ours",
            "published": "published procedure",
            "gain": "difference",
            "gain_low": "from",
            "gain_high": "to",
        },
    ),
    "reductions": Section(
        "reductions",
        {
            "case": "reduction",
            "n": "images",
            "pixels": "pixels",
            "rounds": "seeds",
            "none_s": "k-means on pixels (s)",
            "reduce_s": "reduction (s)",
            "cluster_s": "k-means after it (s)",
            "share": "share of k-means on pixels",
            "share_low": "from",
            "share_high": "to",
            "whole": "with the reduction",
            "whole_low": "from",
            "whole_high": "to",
        },
    ),
    "table1": Section(
        "table1",
        {
            "case": "case",
            "n": "training images",
            "cells": "cells",
            **TIMES,
            "ours_clean_accuracy": "mean clean accuracy, ours",
            "peer_clean_accuracy": "peer's",
            "ours_adversarial_accuracy": "mean adversarial accuracy, ours",
            "peer_adversarial_accuracy": "peer's",
        },
        lambda row: [faster(4)],
    ),
    "table1_parts": Section(
        "table1_parts",
        {"case": "case", "part": "part", "ours_s": "ours (s)", "peer_s": "peer (s)"},
    ),
    "gpu_crafting": Section(
        "gpu_crafting",
        {
            "case": "network",
            "images": "images",
            **TIMES,
            "peer_batch_size": "peer's batch",
            "same_pixels": "same pixels",
            "same_images": "same images",
            "peer_same_pixels": "peer's own same pixels",
            "peer_same_images": "peer's own same images",
        },
        lambda row: [faster(2)],
    ),
    "gpu_robust": Section(
        "gpu_robust",
        {
            "case": "network",
            "images": "images",
            **TIMES,
            "peer_batch_size": "peer's batch",
            "gradient_share": "share of gradients computed",
            "disagreements": "verdicts that differ",
            "unsound": "unsound",
            "missed": "missed",
            "ours_robust": "robust accuracy, ours",
            "peer_robust": "peer's",
        },
        goals.gpu_robust_goals,
    ),
    "gpu_topk": Section(
        "gpu_topk",
        {
            "case": "case",
            "images": "images",
            "iterations": "mean iterations",
            "ours_s": "ours (s)",
            "ours_images_per_s": "images a second, ours",
            "peer_images_per_s": "peer's",
            "ratio": "times as fast",
            "tflop_per_s": "TFLOP/s",
            "tflop_share": "share of the card's rate",
            "beside_cpu": "images beside a CPU",
            "other_flags": "other success there",
        },
        goals.gpu_topk_goals,
    ),
    "gpu_training": Section(
        "gpu_training",
        {
            "case": "network",
            "members": "side by side",
            "images": "images, all together",
            "ours_s": "ours (s)",
            "ours_images_per_s": "images a second, ours",
            "peer_images_per_s": "one network alone",
            "ratio": "times as fast",
        },
        goals.gpu_training_goals,
    ),
    "gpu_workflow": Section(
        "gpu_workflow",
        {
            "case": "run",
            "jobs": "jobs",
            "done": "done",
            "ours_s": "time (s)",
            "stopped_s": "stopped after (s)",
        },
        goals.gpu_workflow_goals,
    ),
    "dry_run": Section(
        "dry_run",
        {"case": "case", "jobs": "jobs", "ours_s": "median (s)", "longest_s": "longest (s)"},
        lambda row: [Goal("ours_s", 5, False, "at most {} s")],
    ),
    "dag": Section(
        "dag",
        {
            "case": "case",
            "jobs": "jobs",
            "ours_s": "processor (s)",
            "wall_s": "clock (s)",
            "peak_mb": "peak memory (MB)",
            "load": "load of the machine",
        },
        goals.dag_goals,
    ),
    "memory": Section(
        "memory",
        {
            "case": "stage",
            "jobs": "jobs",
            "peak_mb": "peak memory (MB)",
            "longest_s": "longest job (s)",
            "total_s": "all jobs (s)",
        },
        lambda row: [Goal("peak_mb", 4000, False, "at most {} MB")],
    ),
    "strong_evaluation": Section(
        "strong_evaluation",
        {
            "case": "network",
            "ball": "ball",
            "images": "images",
            "clean": "clean",
            "fgsm": "FGSM",
            "pgd_20": "PGD-20",
            "pgd_restarts": "PGD, two losses, 5 restarts",
            "study_1": "worst case of study 1",
            "worst": "worst case, 100 steps",
            "peer": "AutoAttack, 100 steps",
            "peer_short": "10 steps",
            "points_above": "points above AutoAttack",
            "flagged": "flagged by a check",
        },
        strong_table.goals,
        strong_table.by_network,
    ),
}
