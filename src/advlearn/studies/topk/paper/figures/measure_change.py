"""Change of the ranking measures under attack, against k."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.report.panels import column_figure, key, legend
from advlearn.studies.topk.paper.common import MEASURES, over_images, primary_images, scheme_label
from advlearn.studies.topk.paper.curves import draw_lines, few_key, method_marks
from advlearn.studies.topk.paper.schema import TopkTidy


def draw(tidy: TopkTidy) -> Figure:
    """One row a measure, one column a scheme.

    Raises:
        UserError: no image was eligible in the whole run.
    """
    images = primary_images(tidy)
    schemes = sorted(images["scheme"].unique())
    ks = sorted(images["k"].unique())
    marks = method_marks(list(images["method"]))
    figure = column_figure(1.1 + 1.3 * len(MEASURES))
    axes = figure.subplots(len(MEASURES), len(schemes), sharex=True, sharey="row", squeeze=False)
    for row, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        table = over_images(images, ["scheme", "k", "method"], measure)
        for axis, scheme in zip(row, schemes, strict=True):
            axis.axhline(0, color="black", lw=0.6)
            draw_lines(axis, table[table["scheme"] == scheme], "k", marks)
            axis.set_xticks(ks)
            axis.set_xlim(min(ks) - 0.5, max(ks) + 0.5)
        row[0].set_ylabel(label)
    for axis, scheme in zip(axes[0], schemes, strict=True):
        axis.set_title(scheme_label(scheme))
    for axis in axes[-1]:
        axis.set_xlabel("k")
    figure.align_ylabels(axes[:, 0])
    legend(figure, [*key(marks.values()), few_key()])
    return figure
