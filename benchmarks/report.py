"""Put the tables of docs/performance.md in place from benchmarks/results/*.csv.

    python -m benchmarks.report           # write them
    python -m benchmarks.report --check   # fail if the page and the CSV files differ

A table stands between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``; everything else on the
page is left alone. No number of a table is typed by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks import goals, strong_table, summary
from benchmarks.goals import Goal, Row, faster, number
from benchmarks.summary import computer

MARKERS = re.compile(r"<!-- (\w+):begin -->\n(.*?)<!-- \1:end -->", re.DOTALL)
ANY_MARKER = re.compile(r"<!-- (\w+):(begin|end) -->")


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


def markdown(frame: pd.DataFrame) -> str:
    """A table of texts and numbers; a column of texts is aligned left, one of numbers right."""
    # By dtype in order, since two columns may have one title, such as "peer's".
    rules = ["---:" if pd.api.types.is_numeric_dtype(each) else "---" for each in frame.dtypes]
    rows = [[number(value) for value in values] for values in frame.itertuples(index=False)]
    lines = [list(frame.columns), rules, *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def section_table(section: Section, frame: pd.DataFrame) -> str:
    """The table of one benchmark, with its goals if it has any, and the machine below it."""
    present = [name for name in section.columns if name in frame and not frame[name].isna().all()]
    shown = frame[present].rename(columns=section.columns)
    wanted = [section.goals(row) for _, row in frame.iterrows()]
    if any(wanted):
        shown["goal"] = ["; ".join(goal.words() for goal in each) for each in wanted]
        shown["met"] = [
            "; ".join("yes" if goal.met(row) else "**no**" for goal in each)
            for each, (_, row) in zip(wanted, frame.iterrows(), strict=True)
        ]
    return markdown(shown) + machine(frame)


def machine(frame: pd.DataFrame) -> str:
    """One sentence on what the rows were measured on; empty where the file does not say."""
    if "processor" not in frame:
        return ""
    columns = ["date", "processor", "cores", "python", "versions", *{"card"} & {*frame}]
    sentences = []
    for row in frame[columns].drop_duplicates().itertuples(index=False):
        versions = ", ".join(str(row.versions).split()).replace("=", " ")
        sentences.append(
            f"Measured on {row.date}: {computer(row)}, Python {row.python}, {versions}."
        )
    return "\n" + "\n".join(sentences) + "\n"


def summary_table(frames: dict[str, pd.DataFrame]) -> str:
    """One line a kind of work, and how many goals there are in all."""
    judged = [
        goal.met(row)
        for name, section in SECTIONS.items()
        if name in frames
        for _, row in frames[name].iterrows()
        for goal in section.goals(row)
    ]
    total = f"\nOf all {len(judged)} goals below, {sum(judged)} are met.\n" if judged else ""
    return markdown(summary.table(_lines(frames), number)) + total


def _lines(frames: dict[str, pd.DataFrame]) -> list[summary.Line]:
    return summary.lines(frames, {name: section.goals for name, section in SECTIONS.items()})


def render(text: str, frames: dict[str, pd.DataFrame]) -> str:
    """``text`` with the table of every marker pair renewed.

    Args:
        text: a page with markers.
        frames: contents of the CSV files by stem.

    Raises:
        ValueError: a marker without its partner, or one that names no table.
    """
    paired = [name for name, _ in MARKERS.findall(text)]
    if sorted(paired * 2) != sorted(name for name, _ in ANY_MARKER.findall(text)):
        raise ValueError("every '<!-- NAME:begin -->' needs its '<!-- NAME:end -->', unnested")
    unknown = sorted(set(paired) - {*SECTIONS, "summary"})
    if unknown:
        known = ", ".join([*SECTIONS, "summary"])
        raise ValueError(f"no table is called {', '.join(unknown)}; known: {known}")

    def table(found: re.Match[str]) -> str:
        name = found[1]
        if name == "summary":
            body = summary_table(frames)
        elif SECTIONS[name].file in frames:
            body = section_table(SECTIONS[name], frames[SECTIONS[name].file])
        else:
            body = f"Not measured yet: benchmarks/results/{SECTIONS[name].file}.csv is missing.\n"
        return f"<!-- {name}:begin -->\n{body}<!-- {name}:end -->"

    return MARKERS.sub(table, text)


def read(results: Path) -> dict[str, pd.DataFrame]:
    """The CSV files of a folder that have a table, by stem."""
    paths = {name: results / f"{section.file}.csv" for name, section in SECTIONS.items()}
    return {
        name: SECTIONS[name].arrange(pd.read_csv(path))
        for name, path in paths.items()
        if path.exists()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args()
    before = options.page.read_text(encoding="utf-8")
    frames = read(options.results)
    figure = options.page.with_suffix(".svg")
    try:
        after, picture = render(before, frames), summary.draw(_lines(frames))
    except ValueError as error:
        sys.exit(f"{options.page}: {error}")
    if options.check and (after != before or figure.read_bytes() != picture):
        sys.exit(f"{options.page} is not what {options.results} says: python -m benchmarks.report")
    if not options.check:
        options.page.write_text(after, encoding="utf-8")
        figure.write_bytes(picture)
        print(f"written to {options.page}")


if __name__ == "__main__":
    main()
