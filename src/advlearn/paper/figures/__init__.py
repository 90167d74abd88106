"""One module per figure. A new figure is a new module and its line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from advlearn.paper.figures import (
    bilevel_calmness,
    bilevel_clusterpath,
    bilevel_defence,
    bilevel_delta_monotonicity,
    bilevel_delta_vs_moved,
    bilevel_sandwich,
    bilevel_staircase,
    selective_embedding,
    selective_examples,
    selective_fig1_fgsm,
    selective_fig2_pgd,
    selective_fig3_reduction,
    selective_tradeoff,
    topk_alpha,
    topk_examples,
    topk_measure_change,
    topk_perturbation_vs_k,
    topk_success_vs_norm,
    topk_transfer,
)
from advlearn.paper.tidy import Tidy


class Entry(NamedTuple):
    """A figure of the paper: how it is drawn and what stands below it."""

    draw: Callable[[Tidy], Figure]
    title: str
    caption: str


# Imported by name, not discovered, so that the digest of the code sees every module.
_MODULES = (
    selective_fig1_fgsm,
    selective_fig2_pgd,
    selective_fig3_reduction,
    selective_embedding,
    selective_tradeoff,
    selective_examples,
    topk_perturbation_vs_k,
    topk_success_vs_norm,
    topk_measure_change,
    topk_examples,
    topk_alpha,
    topk_transfer,
    bilevel_delta_vs_moved,
    bilevel_delta_monotonicity,
    bilevel_clusterpath,
    bilevel_staircase,
    bilevel_sandwich,
    bilevel_calmness,
    bilevel_defence,
)
FIGURES: dict[str, Entry] = {
    module.__name__.rsplit(".", 1)[1]: Entry(module.draw, module.TITLE, module.CAPTION)
    for module in _MODULES
}
"""Figure name -> entry, in the order of the report; names start with their study."""
