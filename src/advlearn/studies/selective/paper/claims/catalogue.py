"""The claims of the paper and of the protocol: where each stands, and what tests it.

The protocol (docs/studies/selective-protocol.md) fixes families, controls and smallest effects of
interest before the runs. The numbers of the paper are those of `config/published/selective`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from advlearn.studies.selective.paper.claims.comparisons import (
    ADVERSARIAL,
    AVERAGE,
    CLEAN,
    WORST_CASE,
    Comparison,
    Evaluation,
    change_of_curves,
    cluster_against,
    gap_closed,
    one_clusterer_against,
    one_number_against,
    one_reduction_against,
)
from advlearn.studies.selective.paper.labels import (
    ATTACKS,
    CLUSTERERS,
    CONTROLS,
    METRICS,
    REDUCTIONS,
)

Family = Literal["primary", "secondary", "prediction", "standard"]
FAMILIES: dict[Family, str] = {
    "primary": "Primary family: one random cluster better than its control",
    "secondary": "Secondary claims",
    "prediction": "The protocol's prediction",
    "standard": "The primary family in settings outside the sets",
}
GAIN, CLEAN_GAIN, AVERAGE_GAIN = 0.056, 0.005, 0.028
"""Smallest effects of interest: the largest gains of Table 1 in adversarial, clean and average
accuracy."""
GAINS = (0.0, math.inf)
"""The range of an effect that is claimed to be a gain."""
CELLS = (
    ("kmeans", "fgsm", "Table 1, section VII"),
    ("agglomerative", "fgsm", "Table 1, section VII"),
    ("kmeans", "pgd", "Table 2, section VII"),
    ("agglomerative", "pgd", "Table 2, section VII"),
    ("dbscan", "fgsm", "Table 3, section IX"),
)
"""The cells of the paper that compare one random cluster with adversarial training."""
_TIME = 0.1
"""Share of the time of clustering without reduction."""
_NO_TIMES = (
    "seconds differ from run to run and are in no tidy table; docs/performance.md has them, from a"
    " benchmark of its own"
)


@dataclass(frozen=True)
class Claim:
    """A claim with its test.

    Attributes:
        id: names the claim in tables.
        family: within which its p-values are corrected.
        words: the claim, in words of the paper where they are its own.
        place: where it stands.
        test: what is subtracted from what.
        smallest: smallest effect of interest.
        compare: the comparison, positive where the claim is right; none for what cannot be tested.
        attacks: attacks on whose evaluation it depends.
        within: range of the effect that is claimed; `GAINS` for a gain.
        of: set of universes over which it is averaged.
        reason: why it cannot be tested.
        same_model: whether the two conditions may be one training.
        strong: the same comparison in the worst case of the strong attacks.
    """

    id: str
    family: Family
    words: str
    place: str
    test: str
    smallest: float
    compare: Callable[[Evaluation], Comparison] | None
    attacks: tuple[str, ...]
    within: tuple[float, float] = GAINS
    of: str = "plausible"
    reason: str = ""
    same_model: bool = False
    strong: Callable[[Evaluation], Comparison] | None = None


def claims() -> list[Claim]:
    """All claims that are tested in a set of universes, in their order."""
    return [*primary("H"), *_accuracies(), *_one_cluster(), *_clusterers(), *_rest()]


def primary(prefix: str, family: Family = "primary") -> Iterator[Claim]:
    """The ten hypotheses of the primary family: five cells of the paper, two controls.

    Args:
        prefix: what their ids begin with.
        family: ``standard`` for the same comparisons in another universe.
    """
    for block, control in enumerate(("all", "subset")):
        for number, (clusterer, attack, place) in enumerate(CELLS, start=1):
            yield Claim(
                f"{prefix}{5 * block + number}",
                family,
                f"{CLUSTERERS(clusterer)}, {ATTACKS(attack)}: better adversarial accuracy than"
                f" {CONTROLS(control)}",
                place,
                f"one random cluster minus {CONTROLS(control)}, adversarial accuracy",
                GAIN,
                _against(control, ADVERSARIAL, attack, clusterer),
                (attack,),
                strong=_against(control, WORST_CASE, attack, clusterer),
            )


def _against(
    control: str, metric: str, attack: str, clusterer: str
) -> Callable[[Evaluation], Comparison]:
    """One random cluster against a control."""
    return partial(
        cluster_against, control=control, metric=metric, attack=attack, clusterer=clusterer
    )


def _accuracies() -> Iterator[Claim]:
    for number, (clusterer, attack, place) in enumerate(CELLS, start=1):
        name = f"{CLUSTERERS(clusterer)}, {ATTACKS(attack)}"
        against = f"one random cluster minus {CONTROLS('all')}"
        for letter, metric, smallest in (("C", CLEAN, CLEAN_GAIN), ("A", AVERAGE, AVERAGE_GAIN)):
            yield Claim(
                f"{letter}{number}",
                "secondary",
                f"{name}: better {METRICS(metric)} than adversarial training",
                place,
                f"{against}, {METRICS(metric)}",
                smallest,
                _against("all", metric, attack, clusterer),
                (attack,),
            )
        yield Claim(
            f"G{number}",
            "secondary",
            f"{name}: clustering helps to reduce the gap between the two accuracies",
            place,
            f"gap of {CONTROLS('all')} minus gap of one random cluster (clean minus adversarial"
            " accuracy)",
            GAIN,
            partial(gap_closed, attack=attack, clusterer=clusterer),
            (attack,),
        )
        yield Claim(
            f"F{number}",
            "secondary",
            f"{name}: fewer adversarial images and a shorter training are enough",
            "sections I and V",
            f"{against}, adversarial accuracy (claimed: no loss of {GAIN} or more)",
            GAIN,
            _against("all", ADVERSARIAL, attack, clusterer),
            (attack,),
            within=(-GAIN, math.inf),
        )
        yield Claim(
            f"T{number}",
            "secondary",
            f"{name}: better adversarial accuracy than classic training",
            f"abstract; {place}",
            "one random cluster minus classic training, adversarial accuracy",
            GAIN,
            _against("classic", ADVERSARIAL, attack, clusterer),
            (attack,),
        )


def _one_cluster() -> Iterator[Claim]:
    for number, (clusterer, attack, place) in enumerate(CELLS[:4], start=1):
        yield Claim(
            f"O{number}",
            "secondary",
            f"{CLUSTERERS(clusterer)}, {ATTACKS(attack)}: overcomes classic adversarial training"
            " even when the number of clusters is 1",
            place,
            f"the only cluster minus {CONTROLS('all')}, adversarial accuracy",
            GAIN,
            partial(
                cluster_against,
                control="all",
                metric=ADVERSARIAL,
                attack=attack,
                clusterer=clusterer,
                whole=True,
            ),
            (attack,),
            same_model=True,
        )


def _clusterers() -> Iterator[Claim]:
    tables = (("fgsm", "Table 1, Figure 1"), ("pgd", "Table 2, Figure 2"))
    for number, (attack, place) in enumerate(tables, start=1):
        yield Claim(
            f"K{number}",
            "secondary",
            f"{ATTACKS(attack)}: agglomerative clustering better than k-means",
            place,
            f"agglomerative clustering minus k-means with as many clusters, {ATTACKS(attack)},"
            " adversarial accuracy",
            GAIN,
            partial(
                one_clusterer_against,
                first="agglomerative",
                second="kmeans",
                metric=ADVERSARIAL,
                attack=attack,
            ),
            (attack,),
        )
    # The text names 4 and 7; the tables are highest at 8 (k-means) and 4 or 7 (agglomerative).
    best = (("kmeans", 4), ("kmeans", 8), ("agglomerative", 4), ("agglomerative", 7))
    cells = [(*each, attack) for attack in ("fgsm", "pgd") for each in best]
    for number, (clusterer, n_clusters, attack) in enumerate(cells, start=1):
        place = {"fgsm": "Table 1", "pgd": "Table 2"}[attack]
        yield Claim(
            f"N{number}",
            "secondary",
            f"{CLUSTERERS(clusterer)}, {ATTACKS(attack)}: {n_clusters} is the best number of"
            " clusters",
            f"section VII, {place}",
            f"{n_clusters} clusters minus the mean of the other numbers from 2 on, average"
            " accuracy",
            GAIN,
            partial(
                one_number_against,
                number=n_clusters,
                metric=AVERAGE,
                attack=attack,
                clusterer=clusterer,
            ),
            (attack,),
        )
    for number, other in enumerate(("kmeans", "agglomerative"), start=1):
        for letter, metric, smallest in (("D", ADVERSARIAL, GAIN), ("E", CLEAN, CLEAN_GAIN)):
            yield Claim(
                f"{letter}{number}",
                "secondary",
                f"DBSCAN overcomes {CLUSTERERS(other)} in {METRICS(metric)}",
                "Table 3, section IX",
                f"DBSCAN minus {CLUSTERERS(other)}, means over their settings, FGSM,"
                f" {METRICS(metric)}",
                smallest,
                partial(
                    one_clusterer_against,
                    first="dbscan",
                    second=other,
                    metric=metric,
                    attack="fgsm",
                ),
                ("fgsm",),
            )
    yield Claim(
        "E3",
        "secondary",
        "DBSCAN overcomes classic training in clean accuracy",
        "Table 3, section IX",
        "DBSCAN minus classic training, FGSM, clean accuracy",
        CLEAN_GAIN,
        _against("classic", CLEAN, "fgsm", "dbscan"),
        ("fgsm",),
    )


def _reductions(first: str, second: str, number: int) -> Iterator[Claim]:
    """One reduction before the clustering better than another, under two numbers."""
    name = f"{REDUCTIONS(first)} better than {REDUCTIONS(second)}"
    for offset, (metric, smallest) in enumerate(((ADVERSARIAL, GAIN), (CLEAN, CLEAN_GAIN))):
        yield Claim(
            f"R{number + offset}",
            "secondary",
            f"{name} in {METRICS(metric)}",
            "Figure 3, section VIII",
            f"{REDUCTIONS(first)} minus {REDUCTIONS(second)} with as many clusters, k-means,"
            f" FGSM, {METRICS(metric)}",
            smallest,
            partial(
                one_reduction_against,
                first=first,
                second=second,
                metric=metric,
                attack="fgsm",
                clusterer="kmeans",
            ),
            ("fgsm",),
        )


def _rest() -> Iterator[Claim]:
    yield from _reductions("tsne", "pca", 1)
    yield from _reductions("pca", "none", 3)
    yield Claim(
        "R5",
        "secondary",
        "reduction reduces the time of execution of the clustering",
        "section VIII",
        "seconds of clustering with and without reduction, t-SNE's own time beside them",
        _TIME,
        None,
        (),
        reason=_NO_TIMES,
    )
    yield from _reductions("tsne", "none", 6)
    for number, attack in enumerate(("fgsm", "pgd"), start=1):
        yield Claim(
            f"M{number}",
            "secondary",
            f"{ATTACKS(attack)}: clustering filters irrelevant images far from the cluster centre",
            "section VII",
            "the images nearest to the centres of k-means minus as many at random, adversarial"
            " accuracy",
            GAIN,
            partial(
                cluster_against,
                control="subset",
                metric=ADVERSARIAL,
                attack=attack,
                clusterer="kmeans",
                rule="nearest",
            ),
            (attack,),
        )
    curves = "slope of adversarial accuracy over the numbers of clusters, times their range"
    change = partial(change_of_curves, attacks=("fgsm", "pgd"))
    for name, of, words, within in (
        ("P1", "fixed", "a fixed number of adversarial steps gives flat curves", (-GAIN, GAIN)),
        (
            "P2",
            "following",
            "steps that follow the size of the cluster give falling curves",
            (-math.inf, -GAIN),
        ),
    ):
        yield Claim(
            name,
            "prediction",
            words,
            "protocol",
            f"{curves}, mean over k-means and agglomerative clustering, FGSM and PGD",
            GAIN,
            change,
            ("fgsm", "pgd"),
            within=within,
            of=of,
        )
