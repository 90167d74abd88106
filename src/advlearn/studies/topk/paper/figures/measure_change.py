"""Change of the ranking measures under attack, against k."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.report.crossed import over_attacks
from advlearn.report.panels import draw_lines, few_entry, grid, label_sides, legend, legend_entries
from advlearn.studies.topk.paper.labels import MEASURES, METHODS, SCHEMES
from advlearn.studies.topk.paper.run import TopkTidy


def draw(run: TopkTidy) -> Figure:
    """One row a measure, one column a scheme."""
    images = run.primary_images()
    schemes = SCHEMES.order(images["scheme"])
    ks = sorted(images["k"].unique())
    looks = METHODS.looks(images["method"])
    figure, axes = grid(len(MEASURES), len(schemes), height=1.3, head=1.1, share="all", y="row")
    for row, measure in zip(axes, MEASURES, strict=True):
        table = over_attacks(images, ["scheme", "k", "method"], measure)
        for axis, scheme in zip(row, schemes, strict=True):
            axis.axhline(0, color="black", lw=0.6)
            draw_lines(axis, table[table["scheme"] == scheme], "k", looks, "method")
            axis.set_xticks(ks)
            axis.set_xlim(min(ks) - 0.5, max(ks) + 0.5)
    label_sides(figure, axes, titles=map(SCHEMES, schemes), rows=map(MEASURES, MEASURES), x="k")
    legend(figure, [*legend_entries(looks.values()), few_entry()])
    return figure
