"""Clusterers of which labels alone are seen, and classifiers whose training points are moved."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from advlearn.report.frames import groups
from advlearn.studies.bilevel.paper.claims.claim import Claim
from advlearn.studies.bilevel.paper.labels import LEARNERS, METHODS, VICTIMS
from advlearn.studies.bilevel.schema import BilevelTidy

_CELL = ["dataset", "seed", "target"]
_SURROGATE, _RESISTANT = "convex", "resistant"
LABELS_ONLY = ("genetic", "cma_es", "one_point", "noise")
"""Attacks that see labels alone."""
_DIGITS = 9
"""Values that differ by rounding alone are ties."""


def claims(tidy: BilevelTidy) -> Iterator[Claim]:
    """Attacks on every clusterer against noise, and what the deviations say of them."""
    frame = tidy["bilevel_blackbox"].dropna(subset="matching_error")
    frame = frame.assign(row=frame.index)
    noise = frame[frame["method"] == "noise"]
    own = frame[(frame["source"] == frame["target"]) & (frame["method"] != "noise")]
    white = own[(own["target"] == _SURROGATE) & ~own["method"].isin(LABELS_ONLY)]
    handed = frame[(frame["source"] == _SURROGATE) & frame["method"].isin(set(white["method"]))]
    for victim in VICTIMS.order(frame["target"]):
        name = VICTIMS(victim)
        blind = own[(own["target"] == victim) & (own["method"] == "genetic")]
        yield from _share(
            f"own-{victim}", f"{name}: an attack on its labels moves more points than noise",
            "matching error of the genetic attack on its own labels minus that of random noise of"
            " the same size", blind, noise, "genetic", victim,
        )  # fmt: skip
        if victim != _SURROGATE:
            yield from _share(
                f"handed-{victim}",
                f"{name}: attacks on convex clustering carry over",
                "mean matching error of the perturbations made on convex clustering minus that of"
                " random noise of the same size",
                handed[handed["target"] == victim], noise, "none", victim,
            )  # fmt: skip
        rival = own[(own["target"] == victim) & (own["method"] == "cma_es")]
        yield from _share(
            f"cma_es-{victim}", f"{name}: {METHODS('cma_es')} moves more points than the genetic"
            " attack", "matching error after as many queries, CMA-ES minus genetic", rival, blind,
            "cma_es", victim,
        )  # fmt: skip
        yield from _order(frame[frame["target"] == victim], victim)
    yield from _resistance(own, handed)


def _share(
    id_: str, words: str, test: str, first: pd.DataFrame, second: pd.DataFrame, method: str,
    victim: str,
) -> Iterator[Claim]:  # fmt: skip
    """The matching error of ``first`` minus that of ``second`` on the same victim and seed."""
    mean = [each.groupby(_CELL)["matching_error"].mean() for each in (first, second)]
    value = (mean[0] - mean[1]).dropna().rename("value").reset_index()
    if len(value):
        both = [_of(each, value) for each in (first, second)]
        yield Claim(
            "future",
            id_,
            words,
            test,
            "share",
            value.rename(columns={"dataset": "unit"})[["unit", "seed", "value"]],
            {"bilevel_blackbox": [*both[0]["row"], *both[1]["row"]]},
            method=method,
            clusterer=victim,
        )


def _of(frame: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    return frame.merge(cells[_CELL], on=_CELL)


def _order(frame: pd.DataFrame, victim: str) -> Iterator[Claim]:
    """Whether delta puts what was done to a clusterer in the order of the points moved."""
    # The second that this import takes is for tables alone.
    from scipy.stats import kendalltau

    lines, rows = [], []
    for (dataset, seed), part in groups(frame, ["dataset", "seed"]):
        kinds = ["matching_error", "delta", "one_minus_ari"]
        if (part[kinds].round(_DIGITS).nunique() > 1).all():
            first, second = (
                kendalltau(*part[["matching_error", name]].round(_DIGITS).T.to_numpy()).statistic
                for name in kinds[1:]
            )
            lines.append((dataset, seed, first - second))
            rows += list(part["row"])
    if lines:
        yield Claim(
            "future",
            f"order-{victim}",
            f"{VICTIMS(victim)}: δ orders real attacks by the points moved more closely than"
            " 1 − ARI",
            "Kendall's τ with the matching error over all perturbations of a data set and seed, δ"
            " minus 1 − ARI",
            "tau",
            pd.DataFrame(lines, columns=["unit", "seed", "value"]),
            {"bilevel_blackbox": rows},
            method="one_minus_ari",
            clusterer=victim,
        )


def _resistance(own: pd.DataFrame, handed: pd.DataFrame) -> Iterator[Claim]:
    """The resistant convex clustering beside the plain one."""
    words = f"{VICTIMS(_RESISTANT)} withstands"
    cases = (
        ("own", "an attack on its labels better than convex clustering does",
         "matching error of the genetic attack on the own labels, convex minus resistant",
         own[own["method"] == "genetic"], "genetic"),
        ("handed", "attacks on convex clustering better than convex clustering does",
         "mean matching error of these attacks, convex minus resistant", handed, "none"),
    )  # fmt: skip
    for name, does, test, frame, method in cases:
        plain, resistant = (
            frame[frame["target"] == target].assign(target=_RESISTANT)
            for target in (_SURROGATE, _RESISTANT)
        )
        yield from _share(
            f"resists-{name}", f"{words} {does}", test, plain, resistant, method, _RESISTANT
        )


def poisoning(tidy: BilevelTidy) -> Iterator[Claim]:
    """Moved training points of a classifier against random noise of the same size."""
    frame = tidy["bilevel_poisoning"]
    frame = frame.assign(row=frame.index)
    keys = ["dataset", "seed", "budget", "target"]
    for learner in LEARNERS.order(frame["learner"]):
        mine = frame[frame["learner"] == learner]
        first, second = (mine[mine["method"] == name] for name in ("hypergradient", "noise"))
        both = first.merge(second, on=keys, suffixes=("", "_noise"))
        if both.empty:
            continue
        value = both["error_after"] - both["error_after_noise"]
        yield Claim(
            "future",
            f"poisoned-{learner}",
            f"{LEARNERS(learner)}: the bilevel attack on training points does more than noise",
            "error on validation points after the attack minus that after random noise of the same"
            " size",
            "error",
            both[["dataset", "seed"]].rename(columns={"dataset": "unit"}).assign(value=value),
            {"bilevel_poisoning": [*both["row"], *both["row_noise"]]},
            method="hypergradient",
            clusterer=learner,
        )
