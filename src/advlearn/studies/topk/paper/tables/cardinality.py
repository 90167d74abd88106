"""Size of the perturbation against k and the number of relevant labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.crossed import over_attacks
from advlearn.report.frames import groups, ordered
from advlearn.report.intervals import BOUNDS, IMAGES_COLUMNS
from advlearn.report.numbers import format_number, plus_minus
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.labels import METHODS, SCHEMES
from advlearn.studies.topk.paper.notes import SAY, interval_text, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy

_KEYS = ["dataset", "model", "scheme", "k", "relevant", "method"]


def build(run: TopkTidy) -> Table:
    """Norm of each method's perturbations; one row a k and number of relevant labels."""
    images = run.primary_images()
    images = images.assign(
        relevant=relevance_groups(images["n_relevant"]),
        density=images["n_relevant"] / len(run.study.class_names),
    )
    successes = images[images["success"]]
    frame = _measured(images, successes)
    methods = METHODS.order(frame["method"])
    blocks = []
    for (model, scheme), part in groups(frame, ["model", "scheme"]):
        rows = [
            [str(k), relevant, *_numbers(cells, methods)]
            for (k, relevant), cells in groups(part, ["k", "relevant"])
        ]
        blocks.append(Group(f"{model}, {SCHEMES(scheme)}", rows))
    return Table(
        title="Size of the perturbation against k and label density",
        caption=SAY.cardinality(interval_text(run)),
        frame=frame,
        columns=["k", "relevant labels", "density", "n", *map(METHODS, methods)],
        groups=blocks,
        notes=[*standing_notes(run), SAY.density_and_k()],
        wide=True,
        keys=[*_KEYS, "metric"],
        how=(
            "asr: share of the attacks; l2: mean over the attacks with a success; interval as the"
            " column interval says (crossed: for further images and seeds)"
        ),
        sources=[
            Source(
                "topk_images",
                pd.concat([images.assign(metric="asr"), successes.assign(metric="l2")]),
                columns=lambda column: column != "density",
            ),
            Source("topk_images", images, columns=lambda column: column == "density"),
        ],
    )


def _measured(images: pd.DataFrame, successes: pd.DataFrame) -> pd.DataFrame:
    """ASR and norm by scheme, k, group of numbers of relevant labels, and method.

    Returns:
        One row each: the keys, density (mean share of relevant labels), metric (asr, l2), mean,
        ci_low, ci_high, interval, seeds, n (asr: attacks; l2: those with a success), images
        (distinct ones).
    """
    parts = [
        over_attacks(images, _KEYS, "success", shares=True).assign(metric="asr"),
        over_attacks(successes, _KEYS, "l2").assign(metric="l2"),
    ]
    density = images.groupby(_KEYS)["density"].mean().reset_index()
    frame = pd.concat(parts, ignore_index=True).merge(density, on=_KEYS)
    return ordered(
        frame[[*_KEYS, "density", "metric", *IMAGES_COLUMNS, "images"]],
        ["model", "scheme", "k", "relevant", "method", "metric"],
        relevant=list(images.sort_values("n_relevant")["relevant"].unique()),
        method=METHODS.order(frame["method"]),
    )


def _numbers(cells: pd.DataFrame, methods: list[str]) -> list[str]:
    norms = cells[cells["metric"] == "l2"].set_index("method")[BOUNDS].reindex(methods)
    return [
        format_number(float(cells["density"].mean()), 2),
        format_number(cells.loc[cells["metric"] == "asr", "n"].max(), 0),
        *(plus_minus(*norm) for norm in norms.itertuples(index=False)),
    ]


def relevance_groups(n_relevant: pd.Series, most: int = 7) -> pd.Series:
    """Numbers of relevant labels as ordered groups: each by itself, or at most ``most`` ranges.

    Args:
        n_relevant: number of relevant labels of each image.
        most: number of groups from which neighbouring numbers are joined.

    Returns:
        The name of each image's group, ``4`` or ``7–9``; ranges hold about equally many images.
    """
    numbers = np.unique(n_relevant)
    first = numbers
    if len(numbers) > most:
        first = np.unique(np.quantile(n_relevant, np.arange(most) / most, method="lower"))
    last = [*(first[1:] - 1), numbers[-1]] if len(numbers) > most else first
    names = np.array([f"{a}" if a == b else f"{a}–{b}" for a, b in zip(first, last, strict=True)])
    place = np.searchsorted(first, n_relevant, side="right") - 1
    return pd.Series(names[place], index=n_relevant.index, dtype=str)
