"""What study 2's numbers say about the paper's claim, in sentences derived from intervals alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from advlearn.report.claims import Verdict
from advlearn.report.crossed import over_attacks
from advlearn.report.frames import groups, ordered, records
from advlearn.report.intervals import BOUNDS
from advlearn.report.numbers import ABSENT, plus_minus, with_interval
from advlearn.report.page import Rows
from advlearn.studies.topk.paper.claims import tested
from advlearn.studies.topk.paper.labels import (
    MEASURES,
    METHODS,
    QUANTITIES,
    SCHEMES,
    SURROGATES,
    drawn_or_set,
)
from advlearn.studies.topk.paper.notes import SAY
from advlearn.studies.topk.paper.pairs import mean_differences, pairs
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import rate

_FEW = 30
_CELL = ["scheme", "labels", "n_specified", "k"]
_SIGN = {name: -1 if name == "asr_difference" else 1 for name in QUANTITIES}
"""Which sign of a difference is good for TkMIA."""
_SAID = ("better", "level", "worse")
"""What sentences say of TkMIA; level is equal or open."""


def comparisons(run: TopkTidy) -> pd.DataFrame:
    """Every other attack compared with TkMIA on the primary model, all label sets and k together.

    Returns:
        One row a scheme, method and metric of `pairs`, with ``outcome`` for TkMIA: better,
        worse, equal (no image differs) or open (the interval holds no difference). Means are over
        all attacks, as in the tables.
    """
    return compared(pairs(run.primary_images(), {"method": "tkmia"}), ["scheme"])


def compared(found: pd.DataFrame, cell: list[str]) -> pd.DataFrame:
    """Means of pairs, one row a cell, method and metric, with TkMIA's ``outcome``.

    Args:
        found: result of `pairs`.
        cell: columns that name a cell.
    """
    frame = mean_differences(found, [*cell, "method"])
    frame["outcome"] = [outcome(row) for row in records(frame)]
    return ordered(
        frame,
        [*cell, "metric", "method"],
        method=METHODS.order(frame["method"]),
        metric=list(QUANTITIES),
    )


def by_cell(run: TopkTidy) -> pd.DataFrame:
    """Every other attack compared with TkMIA in each cell, which all cells together may hide.

    Returns:
        Rows as those of `comparisons`, one a scheme, label set, |S|, k, method and metric, with
        ``cell``, its name in a sentence, and ``exception``: the other attack's mean is the better
        one, distinguishable (``outcome`` is worse) or not (open).
    """
    frame = compared(pairs(run.primary_images(), {"method": "tkmia"}), _CELL)
    neutral = (frame["metric"] == "l2_ratio").astype(float)
    names = [
        f"{drawn_or_set(row['scheme'], row['labels'], row['n_specified'])}, k = {row['k']}"
        for row in records(frame)
    ]
    gain = (frame["mean"] - neutral) * frame["metric"].map(_SIGN)
    return frame.assign(cell=names, exception=gain < 0)


def outcome(row: dict[str, Any]) -> str:
    """TkMIA's part in a comparison: better, worse, equal (no image differs) or open."""
    neutral = 1.0 if row["metric"] == "l2_ratio" else 0.0
    low, high = float(row["ci_low"]), float(row["ci_high"])
    if row["mean"] == neutral and row["error"] == 0:
        return "equal"
    if not (low > neutral or high < neutral):
        return "open"
    # The rival's norm, ratio and change are better when small, its success rate when large.
    return "better" if (low > neutral) != (row["metric"] == "asr_difference") else "worse"


def sentences(run: TopkTidy) -> list[str]:
    """What the run says about the paper's claims, one sentence a claim and scheme."""
    frame = comparisons(run)
    frame["label"] = frame["method"].map(METHODS)
    frame["said"] = frame["outcome"].replace(["open", "equal"], "level")
    cells = by_cell(run)
    said = []
    for (scheme,), part in groups(frame, ["scheme"]):
        where = SAY.where(SCHEMES(scheme), run.study.primary_model, len(run.study.seeds))
        for metric in ("asr_difference", "l2_ratio"):
            rows = part[part["metric"] == metric]
            if len(rows):
                parts = [records(rows[rows["said"] == one]) for one in _SAID]
                said.append(getattr(SAY, metric)(where, *parts))
                said.append(_exceptions(where, cells, scheme, [metric]))
        measures = part.loc[part["metric"].str.startswith("abs_"), "said"]
        if len(measures):
            said.append(SAY.measures(where, *((measures == one).sum() for one in _SAID)))
            names = [f"abs_{name}_difference" for name in MEASURES]
            said.append(_exceptions(where, cells, scheme, names))
    if frame.empty:
        said.append(SAY.nothing_to_compare())
    return [
        *answer_sentences(run),
        *said,
        *_sizes(run),
        *_relaxation(run),
        *_unknown(run),
        *_transfer(run),
    ]


def headline_rows(run: TopkTidy) -> Rows:
    """Header and rows of the headline: each method on the primary model, all cells together."""
    images, keys = run.primary_images(), ["scheme", "method"]
    ratios = comparisons(run)
    columns = {
        "ASR": _formatted(over_attacks(images, keys, "success", shares=True)),
        "stealth ASR": _formatted(over_attacks(images, keys, "stealth", shares=True)),
        "L2": _formatted(over_attacks(images[images["success"]], keys, "l2"), plus_minus),
        "L2 ratio": _formatted(ratios[ratios["metric"] == "l2_ratio"]),
    }
    change = partial(plus_minus, sign=True)
    for name in MEASURES:
        columns[MEASURES(name)] = _formatted(over_attacks(images, keys, name), change)
    counts = images.groupby(keys).size()
    rows = [
        [
            SCHEMES(scheme),
            METHODS(method),
            str(counts[scheme, method]),
            *(shown.get((scheme, method), ABSENT) for shown in columns.values()),
        ]
        for scheme in SCHEMES.order(images["scheme"])
        for method in METHODS.order(images.loc[images["scheme"] == scheme, "method"])
    ]
    return ["labels", "method", "attacks", *columns], rows


def verdict_rows(run: TopkTidy) -> Rows:
    """Header and rows of the comparisons behind the sentences."""
    rows = [
        [
            SCHEMES(row["scheme"]),
            f"{METHODS(row['method'])} against TkMIA",
            QUANTITIES(row["metric"]),
            with_interval(*_bounds(row), sign=row["metric"] != "l2_ratio"),
            str(row["n"]),
            str(row["images"]),
            {"open": "not distinguishable"}.get(row["outcome"], row["outcome"]),
        ]
        for row in records(comparisons(run))
    ]
    return ["labels", "comparison", "quantity", "difference", "attacks", "images", "TkMIA is"], rows


def warning(run: TopkTidy) -> str:
    """Whether the primary model is too weak for an attack on it to mean something; else empty."""
    frame = run["topk_models"]
    means = frame[(frame["split"] == "test") & (frame["metric"] == "class_map")]
    quality = float(means.loc[means["model"] == run.study.primary_model, "value"].mean())
    return SAY.weak_classifier(quality) if quality < 0.5 else ""


def _formatted(
    table: pd.DataFrame, form: Callable[..., str] = with_interval
) -> dict[tuple[str, str], str]:
    """Scheme and method -> mean with its interval."""
    return {(row["scheme"], row["method"]): form(*_bounds(row)) for row in records(table)}


def _bounds(row: dict[str, Any]) -> tuple[float, float, float]:
    mean, low, high = (float(row[name]) for name in BOUNDS)
    return mean, low, high


def _exceptions(where: str, cells: pd.DataFrame, scheme: str, metrics: list[str]) -> str:
    """The cells of a scheme in which TkMIA is not the better one, each by its name."""
    mine = cells[(cells["scheme"] == scheme) & cells["metric"].isin(metrics)]
    of = "the ranking measures" if len(metrics) > 1 else QUANTITIES(metrics[0])
    rows = [
        {**row, "label": " ".join([METHODS(row["method"]), *_measure(row["metric"], metrics)])}
        for row in records(mine[mine["exception"]])
    ]
    if rows:
        return str(SAY.exceptions(where, of, rows, metrics == ["l2_ratio"]))
    return str(SAY.no_exceptions(where, of, len(mine)))


def _measure(metric: str, metrics: list[str]) -> list[str]:
    return [QUANTITIES(metric)] if len(metrics) > 1 else []


def answer_sentences(run: TopkTidy) -> list[str]:
    """The verdicts of the primary family, counted, in one sentence; none where there are none."""
    frame = tested(run).frame
    found = frame.loc[frame["family"] == "primary", "verdict"]
    return [SAY.answer(len(found), verdict_counts(found))] if len(found) else []


def verdict_counts(found: pd.Series) -> list[tuple[str, int]]:
    """How often each verdict is among some."""
    return [(str(each), int((found == str(each)).sum())) for each in Verdict]


def _sizes(run: TopkTidy) -> list[str]:
    frame = run["topk_metrics"]
    frame = frame[frame["experiment"].isin(["global", "random"]) & (frame["metric"] == "asr")]
    most = frame.groupby(["model", "scheme", "labels", "n_specified", "k"])["n"].max()
    empty, few = int((most == 0).sum()), int(most.between(1, _FEW - 1).sum())
    return [SAY.sizes(len(most), empty, few, _FEW)] if empty or few else []


def _relaxation(run: TopkTidy) -> list[str]:
    found = pairs(run.images("relaxation"), {"surrogate": "average"})
    frame = mean_differences(found, ["surrogate"])
    frame["label"] = frame["surrogate"].map(SURROGATES)
    return [SAY.relaxation(row) for row in records(frame[frame["metric"] == "l2_ratio"])]


def _unknown(run: TopkTidy) -> list[str]:
    full = {"knowledge": "truth", "hidden": 0.0}
    images = run.images("unknown")
    # Compared like success, stealth is what an attacker is judged by who wants not to be seen.
    both = [images, images.assign(success=images["stealth"])]
    success, stealth = (
        records(frame[frame["metric"] == "asr_difference"])
        for frame in (mean_differences(pairs(each, full), list(full)) for each in both)
    )
    rows = [{**row, "stealth": other} for row, other in zip(success, stealth, strict=True)]
    return [SAY.unknown(rows)] if rows else []


def _transfer(run: TopkTidy) -> list[str]:
    frame = run["topk_transfer"]
    frame = frame.assign(other=frame["source"] != frame["target"])
    found = rate(frame, ["method", "other"], "asr").set_index(["method", "other"])["mean"].to_dict()
    keys = (("tkmia", False), ("tkmia", True), ("noise", True))
    white_box, other, noise = (found.get(key) for key in keys)
    if white_box is None or other is None:
        return []
    return [SAY.transfer(white_box, other, noise)]
