"""The steps that were tried for each attack on validation images, and those that were chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.report.labels import Labels
from advlearn.report.numbers import ABSENT, format_number, format_significant
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.labels import METHODS, SURROGATES
from advlearn.studies.topk.paper.notes import SAY, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy

_KEYS = ["dataset", "model", "method", "surrogate", "parameter", "step"]
_SHOWN = Labels(
    {
        "learning_rate": "learning rate",
        "largest_step": "longest step",
        "travel": "travel",
        "none": ABSENT,
    }
)


def build(run: TopkTidy) -> Table:
    """Success rate and norm of each step, and by how many seeds it was chosen.

    A run without a search has a row an attack, without numbers.
    """
    raw = run["topk_search"]
    lines = raw.groupby(_KEYS, sort=False, as_index=False)
    frame = lines.agg(
        asr=("asr", "mean"),
        mean=("l2", "mean"),
        chosen=("chosen", "sum"),
        seeds=("seed", "nunique"),
        n=("n", "sum"),
    )
    if frame.empty:
        attacks = run["topk_metrics"].drop_duplicates(["model", "method", "surrogate"])
        frame = attacks[["dataset", "model", "method", "surrogate"]].assign(
            parameter="none", step=np.nan, asr=np.nan, mean=np.nan, chosen=0, seeds=0, n=0
        )
    frame = ordered(
        frame,
        ["model", "method", "surrogate", "step"],
        model=run.models,
        method=METHODS.order(frame["method"]),
        surrogate=list(SURROGATES),
    )
    blocks = []
    for (model,), part in groups(frame, ["model"]):
        several = part.groupby("method")["surrogate"].nunique() > 1
        rows = [
            [_name(method, surrogate, several[method]), _SHOWN(parameter), *_numbers(line)]
            for (method, surrogate, parameter, _), line in groups(part, _KEYS[2:])
        ]
        blocks.append(Group(model, rows))
    return Table(
        title="Steps of the attacks, chosen on validation images",
        caption=SAY.search(),
        frame=frame,
        columns=["method", "searched", "value", "n", "ASR", "median L2", "chosen by"],
        groups=blocks,
        notes=[*standing_notes(run), _at_the_ends(frame) if len(raw) else SAY.no_search()],
        keys=_KEYS,
        how="asr: mean over seeds of the success rate; mean: mean over seeds of the median norm",
        sources=[Source("topk_search", raw)],
    )


def _at_the_ends(frame: pd.DataFrame) -> str:
    """Attacks whose chosen step is an end of the range for all seeds."""
    found = []
    for (model,), part in groups(frame, ["model"]):
        several = part.groupby("method")["surrogate"].nunique() > 1
        for (method, surrogate), lines in groups(part, ["method", "surrogate"]):
            steps = lines.sort_values("step")
            for end, line in (("smallest", steps.iloc[0]), ("largest", steps.iloc[-1])):
                if len(steps) > 1 and line["chosen"] == line["seeds"]:
                    found.append((_name(method, surrogate, several[method]), model, end))
    text: str = SAY.at_the_ends(found)
    return text


def _name(method: str, surrogate: str, several: bool) -> str:
    return f"{METHODS(method)}, {SURROGATES(surrogate)}" if several else METHODS(method)


def _numbers(line: pd.DataFrame) -> list[str]:
    row = line.iloc[0]
    return [
        format_significant(row["step"]),
        "n = 0" if row["n"] == 0 else format_number(row["n"], 0),
        format_number(row["asr"]),
        format_number(row["mean"]),
        f"{row['chosen']:.0f} of {row['seeds']} seeds" if row["chosen"] else ABSENT,
    ]
