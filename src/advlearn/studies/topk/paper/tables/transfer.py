"""Perturbations made on one model, judged by the others."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import number, plus_minus, with_interval
from advlearn.report.table import Group, Table
from advlearn.studies.topk.paper.common import (
    MEASURES,
    interval_text,
    method_label,
    method_order,
    models,
    standing_notes,
    summarise,
)
from advlearn.studies.topk.paper.schema import TopkTidy

_KEYS = ["dataset", "source", "target", "method", "k", "n_specified", "metric"]


def compare(tidy: TopkTidy) -> pd.DataFrame:
    """One row a source, target, method, k, |S| and metric, with intervals; white-box first."""
    frame = summarise(tidy["topk_transfer"], _KEYS)
    frame.insert(3, "setting", "transfer")
    frame.loc[frame["source"] == frame["target"], "setting"] = "white-box"
    names = models(tidy)
    return ordered(
        frame,
        ["source", "k", "n_specified", "setting", "target", "method"],
        source=names,
        target=names,
        setting=["white-box"],
        method=method_order(list(frame["method"])),
    )


def build(tidy: TopkTidy) -> Table:
    """Source by target and method; random noise of the same norm as a control."""
    frame = compare(tidy)
    blocks = []
    for (source, k, n_specified), part in groups(frame, ["source", "k", "n_specified"]):
        rows = [
            [target, setting, method_label(method), *_numbers(cells)]
            for (target, setting, method), cells in groups(part, ["target", "setting", "method"])
        ]
        blocks.append(Group(f"Made on {source}, k = {k}, |S| = {n_specified}", rows))
    intervals = interval_text(tidy)
    if len(tidy.study.seeds) == 1:
        intervals = "One seed; 95 % Wilson intervals for ASR, none for the measures."
    return Table(
        title="Transfer between architectures",
        caption=(
            "Perturbed images made on one model and given to another. ASR: share of the images"
            " eligible on the target too in which no specified label is left in the target's top"
            " k; n: those images. Measures: adversarial minus clean on the target. Random noise:"
            f" a random perturbation with the norm of TkMIA's, as a control. {intervals}"
        ),
        frame=frame,
        columns=["target", "setting", "method", "n", "ASR", *MEASURES.values()],
        groups=blocks,
        notes=standing_notes(tidy),
        wide=True,
    )


def _numbers(cells: pd.DataFrame) -> list[str]:
    found = {str(row["metric"]): row for row in records(cells)}
    nothing = {name: float("nan") for name in ("mean", "ci_low", "ci_high", "n")}
    shares = found.get("asr", nothing)
    n = float(shares["n"])
    return [
        "n = 0" if n == 0 else number(n, 0),
        with_interval(shares["mean"], shares["ci_low"], shares["ci_high"]),
        *(
            plus_minus(row["mean"], row["ci_low"], row["ci_high"], sign=True)
            for row in (found.get(name, nothing) for name in MEASURES)
        ),
    ]
