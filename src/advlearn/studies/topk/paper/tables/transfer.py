"""Perturbations made on one model, judged by the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.report.intervals import BOUNDS
from advlearn.report.numbers import format_number, plus_minus, with_interval
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.attacks import INTERVALS
from advlearn.studies.topk.paper.labels import MEASURES, METHODS
from advlearn.studies.topk.paper.notes import SAY, seed_interval_text, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import summarise

_KEYS = ["dataset", "source", "target", "method", "k", "n_specified", "metric"]


def build(run: TopkTidy) -> Table:
    """Source by target and method; random noise of the same norm as a control."""
    transfer = run["topk_transfer"]
    frame = summarise(transfer, _KEYS)
    own = frame["source"] == frame["target"]
    frame.insert(3, "setting", np.where(own, "white-box", "transfer"))
    frame = ordered(
        frame,
        ["source", "k", "n_specified", "setting", "target", "method"],
        source=run.models,
        target=run.models,
        setting=["white-box"],
        method=METHODS.order(frame["method"]),
    )
    blocks = []
    for (source, k, n_specified), part in groups(frame, ["source", "k", "n_specified"]):
        rows = [
            [target, setting, METHODS(method), *_numbers(cells)]
            for (target, setting, method), cells in groups(part, ["target", "setting", "method"])
        ]
        blocks.append(Group(f"Made on {source}, k = {k}, |S| = {n_specified}", rows))
    return Table(
        title="Transfer between architectures",
        caption=SAY.transfer_table(len(run.study.seeds), seed_interval_text(run)),
        frame=frame,
        columns=["target", "setting", "method", "n", "ASR", *map(MEASURES, MEASURES)],
        groups=blocks,
        notes=standing_notes(run),
        wide=True,
        keys=_KEYS,
        how=INTERVALS,
        sources=[Source("topk_transfer", transfer)],
    )


def _numbers(cells: pd.DataFrame) -> list[str]:
    by_metric = cells.set_index("metric").reindex(["asr", *MEASURES])
    n = float(by_metric["n"].iloc[0])
    asr, *changes = by_metric[BOUNDS].itertuples(index=False)
    return [
        "n = 0" if n == 0 else format_number(n, 0),
        with_interval(*asr),
        *(plus_minus(*change, sign=True) for change in changes),
    ]
