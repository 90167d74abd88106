"""What study 2's numbers say about the paper's claim, in sentences derived from intervals alone."""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.report.frames import ordered, records
from advlearn.report.numbers import ABSENT, number, plus_minus, with_interval
from advlearn.report.page import Rows
from advlearn.report.writers import plain_text
from advlearn.studies.topk.paper.common import (
    MEASURES,
    SURROGATE_LABELS,
    compare,
    method_label,
    method_order,
    over_images,
    primary_images,
    scheme_label,
    shares,
    shares_of,
)
from advlearn.studies.topk.paper.schema import TopkTidy

_FEW = 30
_CLAIMS = {
    "asr_difference": (
        "Success rate (in brackets: the other's minus TkMIA's)",
        "higher than that of",
        "lower than that of",
    ),
    "l2_ratio": (
        "Size of the perturbation where both succeed (in brackets: the other's by TkMIA's)",
        "smaller than that of",
        "larger than that of",
    ),
}
_QUANTITIES = {
    "asr_difference": "success rate",
    "l2_ratio": "L2 norm, ratio",
    **{f"abs_{name}_difference": f"size of {label}" for name, label in MEASURES.items()},
}


def comparisons(tidy: TopkTidy) -> pd.DataFrame:
    """Every other attack beside TkMIA on the primary model, all label sets and k together.

    Returns:
        One row a scheme, method and quantity of `topk.compare`, with ``outcome`` for TkMIA:
        better, worse, equal (no image differs) or open (the interval holds no difference).

    Raises:
        UserError: no image was eligible in the whole run.
    """
    images = primary_images(tidy)
    frame = compare(images, ["method"], {"method": "tkmia"}, ["scheme"])
    if frame.empty:
        return frame.assign(outcome=[])
    frame["outcome"] = [outcome(row) for row in records(frame)]
    return ordered(
        frame,
        ["scheme", "quantity", "method"],
        method=method_order(list(frame["method"])),
        quantity=list(_QUANTITIES),
    )


def outcome(row: dict[str, Any]) -> str:
    """TkMIA's part in a comparison: better, worse, equal or open."""
    neutral = 1.0 if row["quantity"] == "l2_ratio" else 0.0
    low, high = float(row["ci_low"]), float(row["ci_high"])
    if low == high == neutral:
        return "equal"
    if not (low > neutral or high < neutral):
        return "open"
    # The rival's norm, ratio and change are better when small, its success rate when large.
    return "better" if (low > neutral) != (row["quantity"] == "asr_difference") else "worse"


def sentences(tidy: TopkTidy) -> list[str]:
    """What the run says about the paper's claims, one sentence a claim and scheme."""
    frame = comparisons(tidy)
    seeds = len(tidy.study.seeds)
    basis = f"{seeds} seeds" if seeds > 1 else "one seed, intervals over images"
    result = []
    for scheme, part in frame.groupby("scheme", sort=False):
        where = f"{scheme_label(str(scheme))}, model {tidy.study.primary_model}, {basis}"
        for quantity, (subject, better, worse) in _CLAIMS.items():
            rows = part[part["quantity"] == quantity]
            said = [
                f"{phrase} {', '.join(_named(row) for row in records(rows[mask]))}"
                for phrase, mask in (
                    (better, rows["outcome"] == "better"),
                    ("not distinguishable from that of", rows["outcome"].isin(["open", "equal"])),
                    (worse, rows["outcome"] == "worse"),
                )
                if mask.any()
            ]
            if said:
                result.append(f"{subject}; {where}: TkMIA's is {'; '.join(said)}.")
        rows = part[part["quantity"].str.startswith("abs_")]
        if len(rows):
            count = rows["outcome"].value_counts()
            level = int(count.get("open", 0) + count.get("equal", 0))
            result.append(
                f"Change of the ranking measures where both succeed ({where}): TkMIA's is smaller"
                f" in {count.get('better', 0)}, larger in {count.get('worse', 0)} and not"
                f" distinguishable in {level} of {len(rows)} comparisons (methods and measures)."
            )
    if frame.empty:
        result.append("This run has nothing to compare TkMIA with.")
    return [*result, *_sizes(tidy), *_relaxation(tidy), *_unknown(tidy), *_transfer(tidy)]


def headline_rows(tidy: TopkTidy) -> Rows:
    """Header and rows of the headline: each method on the primary model, all cells together."""
    images = primary_images(tidy).assign(norm=lambda frame: frame["l2"].where(frame["success"]))
    keys = ["scheme", "method"]
    ratios = comparisons(tidy)
    ratios = ratios[ratios["quantity"] == "l2_ratio"]
    tables = {
        "asr": shares(images, keys, "success"),
        "stealth": shares(images, keys, "stealth"),
        "l2": over_images(images, keys, "norm"),
        "ratio": ratios,
        **{name: over_images(images, keys, name) for name in MEASURES},
    }
    found = {
        (name, row["scheme"], row["method"]): row
        for name, table in tables.items()
        for row in records(table)
    }

    def cell(name: str, scheme: str, method: str) -> str:
        row = found.get((name, scheme, method))
        if row is None:
            return ABSENT
        bounds = (float(row["mean"]), float(row["ci_low"]), float(row["ci_high"]))
        if name in MEASURES or name == "l2":
            return plus_minus(*bounds, sign=name in MEASURES)
        return with_interval(*bounds)

    rows = []
    for scheme in sorted(images["scheme"].unique()):
        part = images[images["scheme"] == scheme]
        for method in method_order(list(part["method"])):
            n = str(int((part["method"] == method).sum()))
            cells = [cell(name, scheme, method) for name in tables]
            rows.append([scheme_label(scheme), method_label(method), n, *cells])
    header = ["labels", "method", "attacks", "ASR", "stealth ASR", "L2", "L2 ratio"]
    return [*header, *MEASURES.values()], rows


def verdict_rows(tidy: TopkTidy) -> Rows:
    """Header and rows of the comparisons behind the sentences."""
    rows = [
        [
            scheme_label(str(row["scheme"])),
            f"{method_label(str(row['method']))} against TkMIA",
            _QUANTITIES[str(row["quantity"])],
            with_interval(
                row["mean"], row["ci_low"], row["ci_high"], sign=row["quantity"] != "l2_ratio"
            ),
            str(row["n"]),
            {"open": "not distinguishable"}.get(row["outcome"], str(row["outcome"])),
        ]
        for row in records(comparisons(tidy))
    ]
    return ["labels", "comparison", "quantity", "difference", "images", "TkMIA is"], rows


def headline(tidy: TopkTidy) -> str:
    """The headline table and the verdict, as plain text for a terminal.

    Raises:
        UserError: a file or a column is missing.
    """
    study = tidy.study
    title = f"Top-k attacks: run {study.run}, {study.dataset['name']}, model {study.primary_model}"
    return plain_text(title, headline_rows(tidy), sentences(tidy))


def _named(row: dict[str, Any]) -> str:
    mean, low, high = (float(row[name]) for name in ("mean", "ci_low", "ci_high"))
    if row["quantity"] == "l2_ratio":
        return f"{method_label(str(row['method']))} (× {with_interval(mean, low, high)})"
    return f"{method_label(str(row['method']))} ({with_interval(mean, low, high, sign=True)})"


def _sizes(tidy: TopkTidy) -> list[str]:
    frame = tidy["topk_metrics"]
    frame = frame[frame["experiment"].isin(["global", "random"]) & (frame["metric"] == "asr")]
    cells = frame.groupby(["model", "scheme", "labels", "n_specified", "k"])["n"].max()
    few = int(cells.between(1, _FEW - 1).sum())
    empty = int((cells == 0).sum())
    if not few and not empty:
        return []
    return [
        f"Of {len(cells)} choices of labels and k, no image is eligible in {empty}, and fewer than"
        f" {_FEW} a seed in {few}: their rows say little or nothing."
    ]


def _relaxation(tidy: TopkTidy) -> list[str]:
    images = tidy["topk_images"]
    images = images[images["experiment"] == "relaxation"]
    frame = compare(images, ["surrogate"], {"surrogate": "average"}, [])
    frame = frame[frame["quantity"] == "l2_ratio"]
    return [
        f"Loss of TkMIA: with the {SURROGATE_LABELS.get(row['surrogate'], row['surrogate'])} the"
        " perturbation is"
        f" {with_interval(row['mean'], row['ci_low'], row['ci_high'])} times that with the average"
        " of the top k, where both succeed."
        for row in records(frame)
    ]


def _unknown(tidy: TopkTidy) -> list[str]:
    images = tidy["topk_images"]
    images = images[images["experiment"] == "unknown"]
    full = {"knowledge": "truth", "hidden": 0.0}
    frame = compare(images, list(full), full, [])
    rows = records(frame[frame["quantity"] == "asr_difference"])
    if not rows:
        return []
    said = [
        f"{'true' if row['knowledge'] == 'truth' else 'inferred'} labels,"
        f" {number(100 * row['hidden'], 0)} % hidden:"
        f" {with_interval(row['mean'], row['ci_low'], row['ci_high'], sign=True)}"
        for row in rows
    ]
    return [f"Success rate against that of an attacker who knows all labels: {'; '.join(said)}."]


def _transfer(tidy: TopkTidy) -> list[str]:
    frame = tidy["topk_transfer"]
    frame = frame.assign(other=frame["source"] != frame["target"])
    found = {
        (row["method"], bool(row["other"])): float(row["mean"])
        for row in records(shares_of(frame, ["method", "other"], "asr"))
    }
    keys = (("tkmia", False), ("tkmia", True), ("noise", True))
    white, other, noise = (found.get(key) for key in keys)
    if white is None or other is None:
        return []
    control = "" if noise is None else f"; random noise of the same norm on {number(noise)}"
    return [
        f"Transfer: TkMIA's perturbations succeed on {number(white)} of the images of the model"
        f" that they were made on and on {number(other)} of those of other models{control}."
    ]
