"""Size of the perturbation against k and the number of relevant labels."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import number, plus_minus
from advlearn.report.table import Group, Table
from advlearn.studies.topk.paper.common import (
    INTERVAL_COLUMNS,
    interval_text,
    method_label,
    method_order,
    over_images,
    primary_images,
    relevance_groups,
    scheme_label,
    shares,
    standing_notes,
)
from advlearn.studies.topk.paper.schema import TopkTidy

_KEYS = ["dataset", "model", "scheme", "k", "relevant", "method"]


def measure(tidy: TopkTidy) -> pd.DataFrame:
    """ASR and norm by scheme, k, group of numbers of relevant labels, and method.

    Returns:
        One row each: the keys, density (mean share of relevant labels), metric (asr, l2), mean,
        ci_low, ci_high, interval, seeds, n (asr: attacks; l2: images with a success).

    Raises:
        UserError: no image was eligible in the whole run.
    """
    images = primary_images(tidy)
    images = images.assign(
        relevant=relevance_groups(images["n_relevant"]),
        norm=images["l2"].where(images["success"]),
        density=images["n_relevant"] / len(tidy.study.class_names),
    )
    density = images.groupby(_KEYS, sort=True)["density"].mean().reset_index()
    frame = pd.concat(
        [
            shares(images, _KEYS, "success").assign(metric="asr"),
            over_images(images, _KEYS, "norm").assign(metric="l2"),
        ],
        ignore_index=True,
    ).merge(density, on=_KEYS)
    columns = [*_KEYS, "density", "metric", *INTERVAL_COLUMNS]
    frame["first"] = frame["relevant"].str.extract(r"^(\d+)")[0].astype(int)
    by = ["model", "scheme", "k", "first", "method", "metric"]
    return ordered(frame, by, method=method_order(list(frame["method"])))[columns]


def build(tidy: TopkTidy) -> Table:
    """Norm of each method's perturbations; one row a k and number of relevant labels."""
    frame = measure(tidy)
    methods = method_order(list(frame["method"]))
    blocks = []
    for (model, scheme), part in groups(frame, ["model", "scheme"]):
        rows = []
        for (k, relevant), cells in groups(part, ["k", "relevant"]):
            found = {(row["method"], row["metric"]): row for row in records(cells)}
            attacks = max(int(row["n"]) for (_, metric), row in found.items() if metric == "asr")
            rows.append(
                [
                    str(k),
                    relevant,
                    number(float(cells["density"].mean()), 2),
                    number(attacks, 0),
                    *(_cell(found.get((method, "l2"))) for method in methods),
                ]
            )
        blocks.append(Group(f"{model}, {scheme_label(scheme)}", rows))
    return Table(
        title="Size of the perturbation against k and label density",
        caption=(
            "L2 norm of the perturbation, pixels in [0, 1], mean over the images on which the"
            " method succeeds, by k and by the number of relevant labels of the image (density:"
            " their share of all labels); all label sets and numbers of specified labels"
            " together. n: attacks of each method, successful or not. A dash: no success."
            f" {interval_text(tidy)}"
        ),
        frame=frame,
        columns=["k", "relevant labels", "density", "n", *map(method_label, methods)],
        groups=blocks,
        notes=[
            *standing_notes(tidy),
            "k and density are not independent: an image is eligible only where it has k relevant"
            " labels beside the specified ones. Success rates are in the CSV file.",
        ],
        wide=True,
    )


def _cell(row: dict[str, float] | None) -> str:
    return "–" if row is None else plus_minus(row["mean"], row["ci_low"], row["ci_high"])
