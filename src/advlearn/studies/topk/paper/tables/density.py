"""Success, norm and change of the measures by the number of an image's labels and k."""

from __future__ import annotations

import pandas as pd

from advlearn.report.crossed import over_attacks
from advlearn.report.frames import groups, ordered
from advlearn.report.intervals import BOUNDS, IMAGES_COLUMNS
from advlearn.report.numbers import format_number, plus_minus, with_interval
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.labels import MEASURES, METHODS, RATES
from advlearn.studies.topk.paper.notes import SAY, interval_text, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import per_image
from advlearn.studies.topk.paper.tables.cardinality import relevance_groups
from advlearn.studies.topk.schema import SHARES

_LINE = ["dataset", "model", "n_specified", "k", "relevant", "method"]
_METRICS = [*RATES, "l2", *MEASURES]


def build(run: TopkTidy) -> Table:
    """One row a k and number of labels for the first method; all methods in the CSV form.

    A run without the experiment density shows the images of the random scheme by their numbers.
    """
    images = _images(run)
    rows = per_image(images)
    success = rows["over"] == "success"
    rows = rows[rows["metric"].isin(_METRICS) & (success == (rows["metric"] == "l2"))]
    frame = _measured(images, rows)
    first = METHODS.order(frame["method"])[0]
    blocks = []
    for (model, count), part in groups(frame[frame["method"] == first], ["model", "n_specified"]):
        lines = [
            [format_number(k, 0), relevant, *_numbers(cells)]
            for (k, relevant), cells in groups(part, ["k", "relevant"])
        ]
        blocks.append(Group(f"{model}, {METHODS(first)}, random, |S| = {count}", lines))
    return Table(
        title="Success, norm and measures against k and label density",
        caption=SAY.density(METHODS(first), interval_text(run)),
        frame=frame,
        columns=[
            *["k", "labels", "density", "n", *map(RATES, RATES), "L2"],
            *map(MEASURES, MEASURES),
        ],
        groups=blocks,
        notes=[*standing_notes(run), SAY.density_and_k(rates_in_csv=False)],
        wide=True,
        keys=[*_LINE, "metric"],
        how=(
            "asr, stealth_asr: share of the attacks; l2: mean over the attacks with a success; the"
            " measures: mean over all attacks; interval as the column interval says (crossed: for"
            " further images and seeds)"
        ),
        sources=[
            Source("topk_images", rows, columns=lambda column: column != "density"),
            Source("topk_images", images, columns=lambda column: column == "density"),
        ],
    )


def _images(run: TopkTidy) -> pd.DataFrame:
    """Attacked images with ``relevant``, their range of numbers of labels, and ``density``."""
    images = run.images("density")
    if len(images):
        spans = images["labels"].str.removeprefix("random, ").str.removesuffix(" labels")
        images = images.assign(relevant=spans.str.replace(" to ", "–"))
    else:
        images = run.primary_images().query("scheme == 'random'")
        images = images.assign(relevant=relevance_groups(images["n_relevant"]))
    return images.assign(density=images["n_relevant"] / len(run.study.class_names))


def _measured(images: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of each metric, one row a line.

    Returns:
        The keys, density (mean share of the labels that an image has), metric, mean, ci_low,
        ci_high, interval, seeds, n (attacks; l2: those with a success), images (distinct ones).
    """
    share = rows["metric"].isin(list(SHARES))
    keys = [*_LINE, "metric"]
    parts = [(rows[share], True), (rows[~share], False)]
    found = [over_attacks(part, keys, "value", shares=one) for part, one in parts if len(part)]
    density = images.groupby(_LINE)["density"].mean().reset_index()
    frame = pd.concat(found, ignore_index=True).merge(density, on=_LINE)
    return ordered(
        frame[[*_LINE, "density", "metric", *IMAGES_COLUMNS, "images"]],
        ["model", "n_specified", "k", "relevant", "method", "metric"],
        relevant=list(images.sort_values("n_relevant")["relevant"].unique()),
        method=METHODS.order(frame["method"]),
        metric=_METRICS,
    )


def _numbers(cells: pd.DataFrame) -> list[str]:
    shown = cells.set_index("metric").reindex(_METRICS)
    asr, stealth, l2, *changes = shown[BOUNDS].itertuples(index=False)
    return [
        format_number(float(cells["density"].iloc[0]), 2),
        format_number(cells.loc[cells["metric"] == "asr", "n"].max(), 0),
        with_interval(*asr),
        with_interval(*stealth),
        plus_minus(*l2),
        *(plus_minus(*change, sign=True) for change in changes),
    ]
