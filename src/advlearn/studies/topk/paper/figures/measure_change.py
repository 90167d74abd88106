"""Change of the ranking measures under attack, against k."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.report.crossed import over_attacks
from advlearn.report.panels import draw_lines, few_note, grid, label_sides
from advlearn.report.placing import name_ends
from advlearn.report.style import PAGE_WIDTH
from advlearn.studies.topk.paper.labels import MEASURES, METHODS, SCHEMES
from advlearn.studies.topk.paper.lines import ends_of, seed_means
from advlearn.studies.topk.paper.run import TopkTidy


def draw(run: TopkTidy) -> Figure:
    """One row a scheme, one column a measure; names of lines at their ends."""
    images = run.primary_images()
    schemes = SCHEMES.order(images["scheme"])
    ks = sorted(images["k"].unique())
    looks = METHODS.looks(images["method"])
    keys = ["scheme", "k", "method"]
    tables = {measure: over_attacks(images, keys, measure) for measure in MEASURES}
    figure, panels = grid(
        len(schemes), len(MEASURES), height=1.8, head=0.45, width=PAGE_WIDTH, share="all", y="col"
    )
    last = {}
    for column, (measure, table) in zip(panels.T, tables.items(), strict=True):
        seeds = seed_means(images, keys, measure)
        for axis, scheme in zip(column, schemes, strict=True):
            axis.axhline(0, color="black", lw=0.6)
            here, dots = (frame[frame["scheme"] == scheme] for frame in (table, seeds))
            last[axis] = draw_lines(axis, here, "k", looks, "method", dots)
            axis.set_xticks(ks)
            axis.set_xlim(min(ks) - 0.5, max(ks) + 0.5)
    label_sides(figure, panels, titles=map(MEASURES, MEASURES), rows=map(SCHEMES, schemes), x="k")
    if note := few_note(*tables.values()):
        figure.supxlabel(note)
    name_ends((axis, ends_of(looks, last[axis])) for axis in panels[:, -1])
    return figure
