"""What is wanted of the numbers of docs/performance.md, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

Row = pd.Series


@dataclass(frozen=True)
class Goal:
    """A bound on one column of a row.

    Attributes:
        column: what is measured.
        bound: the number to reach.
        at_least: whether larger is better.
        what: the goal in words, ``{}`` where the number stands.
    """

    column: str
    bound: float
    at_least: bool
    what: str

    def met(self, row: Row) -> bool:
        """Whether the row reaches the bound; a missing number never does."""
        value = float(row[self.column])
        return value >= self.bound if self.at_least else value <= self.bound

    def words(self) -> str:
        """Such as ``at least 4 times the peer``."""
        return self.what.format(number(self.bound))


def faster(times: float) -> Goal:
    """A ratio of times to the peer."""
    return Goal("ratio", times, True, "at least {} times as fast")


def robust_accuracy_goals(row: Row) -> list[Goal]:
    """A defended model keeps most images for all steps, so less can be saved on it.

    Both sides use the same number of threads, so that CPU time compares them whatever else runs.
    """
    times = 2 if str(row["case"]).endswith(" defended") else 4
    goals = [Goal("cpu_ratio", times, True, "at least {} times as fast")]
    return [*goals, Goal("unsound", 0, False, "{} unsound verdicts")]


def ward_goals(row: Row) -> list[Goal]:
    """Only the case ``time`` has a peer."""
    if row["case"] != "time":
        return []
    return [faster(100), Goal("lowest_rand_index", 1, True, "partitions agree (Rand index {})")]


def convex_goals(row: Row) -> list[Goal]:
    """Many dimensions are dear for the peer; ours alone has a time of its own."""
    if row["case"] == "large":
        return [Goal("ours_s", 60, False, "at most {} s")]
    return [faster(100 if row["case"] == "digits" else 1), Goal("gap", 1e-8, False, "gap {}")]


def tsne_goals(row: Row) -> list[Goal]:
    """Speed, and trustworthiness no more than 0.01 below the peer's."""
    return [
        faster(5),
        Goal("difference", -0.01, True, "trustworthiness difference at least {}"),
    ]


def topk_goals(row: Row) -> list[Goal]:
    """A large network leaves less to save beside its own arithmetic than a small one."""
    goals = [faster(1.7 if str(row["case"]).startswith("photos ") else 10)]
    return [*goals, Goal("disagreements", 0, False, "{} disagreements about success")]


def dag_goals(row: Row) -> list[Goal]:
    """The empty workflow shows what Snakemake itself costs, and has no goal."""
    if row["case"] != "the workflow":
        return []
    return [
        Goal("ours_s", 60, False, "at most {} s"),
        Goal("peak_mb", 2000, False, "at most {} MB"),
    ]


def gpu_robust_goals(row: Row) -> list[Goal]:
    """As on a CPU; a GPU that is full gains less from images that leave."""
    times = 1.5 if str(row["case"]).endswith(" defended") else 4
    return [faster(times), Goal("unsound", 0, False, "{} unsound verdicts")]


def gpu_topk_goals(row: Row) -> list[Goal]:
    """Scenes are many small images; photos are bound by arithmetic."""
    if row["case"] == "photos":
        return [faster(5), Goal("tflop_share", 0.4, True, "at least {} of the card's rate")]
    return [Goal("ours_images_per_s", 500, True, "at least {} images/s")]


def gpu_training_goals(row: Row) -> list[Goal]:
    """Images of all networks together."""
    least = 4_000_000 if row["case"] == "MLP" else 600_000
    return [Goal("ours_images_per_s", least, True, "at least {} images/s")]


def gpu_workflow_goals(row: Row) -> list[Goal]:
    """Of a whole run, with all that the CPU does in it."""
    return [Goal("ours_s", 60 if row["case"] == "smoke" else 600, False, "at most {} s")]


def number(value: Any) -> str:
    """A cell: integers whole, floats with three significant digits, nothing for a missing one."""
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, str):
        return value
    as_float = float(value)
    if as_float == int(as_float) or abs(as_float) >= 1000:
        return f"{as_float:,.0f}"
    return f"{as_float:.3g}"
