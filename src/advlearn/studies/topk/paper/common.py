"""What the tables and figures of study 2 share: names, orders, means with intervals, pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advlearn.metrics.intervals import t_quantile, wilson_interval
from advlearn.settings.topk import METHODS
from advlearn.studies.topk.paper.schema import TOPK_SHARES, TopkTidy
from advlearn.support.errors import UserError

METHOD_LABELS = {
    "tkmia": "TkMIA",
    "tkml_ap_u": "TkML-AP-U",
    "kfool": "kFool",
    "ml_cw_u_a": "ML-CW-U (a)",
    "ml_cw_u_b": "ML-CW-U (b)",
    "ml_cw_u_c": "ML-CW-U (c)",
    "projected": "projected",
    "noise": "random noise",
}
MEASURES = {
    "delta_tkacc": "ΔTkAcc",
    "delta_p": "ΔP@k",
    "delta_map": "ΔmAP@k",
    "delta_ndcg": "ΔNDCG@k",
}
SURROGATE_LABELS = {
    "average": "average of the top k (paper)",
    "exact": "exact order statistic",
    "hinge": "hinge on the exact order statistic",
}
CELL = ["experiment", "scheme", "labels", "n_specified", "k"]
"""Columns that say which labels are to leave the top k."""
NO_PUBLISHED = "No number of the paper is known to this project, so none is set beside these."
_LINE = [
    *["dataset", "model", "experiment", "method", "preset", "scheme", "labels", "n_specified", "k"],
    *["surrogate", "alpha", "knowledge", "hidden", "over", "metric"],
]
_VARIED = ["method", "surrogate", "alpha", "knowledge", "hidden"]
INTERVAL_COLUMNS = "mean ci_low ci_high interval lowest_seed highest_seed seeds n".split()


def standing_notes(tidy: TopkTidy) -> list[str]:
    """What stands below every table: no published number, and the images it rests on."""
    data = tidy.study.dataset
    skipped = data.get("skipped") or {}
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items()) or "none"
    found = ", ".join(f"{count:,} {part}" for part, count in (data.get("found") or {}).items())
    used = ", ".join(
        f"{data[f'n_{split}']:,} {split}"
        for split in ("train", "validation", "test")
        if f"n_{split}" in data
    )
    sizes = [f"images found: {found}"] if found else []
    sizes += [f"left out: {left_out}"] + ([f"used: {used}"] if used else [])
    return [NO_PUBLISHED, f"Data set {data['name']}; {'; '.join(sizes)}."]


def method_label(method: str) -> str:
    """``TkMIA`` for ``tkmia``; names of own methods stay as they are."""
    return METHOD_LABELS.get(method, method)


def method_order(methods: Sequence[str]) -> list[str]:
    """The methods once each, in the order of the settings; unknown ones last by name."""
    known = [*METHODS, "noise"]
    return sorted(set(methods), key=lambda name: (known.index(name) if name in known else 99, name))


def set_label(scheme: str, labels: str, n_specified: int) -> str:
    """``vehicles, |S| = 7`` for a fixed set, ``random, |S| = 2`` for labels drawn per image."""
    return f"{'random' if scheme == 'random' else labels}, |S| = {n_specified}"


def scheme_label(scheme: str) -> str:
    """How the labels were specified, as a phrase."""
    return {"global": "fixed label sets", "random": "random labels"}.get(scheme, scheme)


def models(tidy: TopkTidy) -> list[str]:
    """The models of the run, the primary one first."""
    primary = tidy.study.primary_model
    found = sorted({*tidy["topk_models"]["model"], *tidy["topk_metrics"]["model"]})
    return sorted(found, key=lambda name: name != primary)


def primary_images(tidy: TopkTidy) -> pd.DataFrame:
    """Rows of ``topk_images.csv`` of the schemes global and random on the primary model.

    Raises:
        UserError: no image was eligible in the whole run.
    """
    images = tidy["topk_images"]
    images = images[
        images["experiment"].isin(["global", "random"])
        & (images["model"] == tidy.study.primary_model)
    ]
    if images.empty:
        raise UserError(
            "no image was eligible for any attack, so there is nothing to show",
            where=f"{tidy.folder}/topk_images.csv",
            remedy="use a smaller k, fewer specified labels or images with more labels",
        )
    return images


def interval_text(tidy: TopkTidy) -> str:
    """What the intervals of means and of shares are in this run, for captions."""
    seeds = len(tidy.study.seeds)
    if seeds == 1:
        return (
            "One seed; 95 % intervals are over images: Student-t for means, Wilson for shares"
            " (ASR, stealth ASR)."
        )
    return (
        f"{seeds} seeds; 95 % Student-t intervals over seeds for means, Wilson intervals over the"
        " images of all seeds for shares (ASR, stealth ASR), which take an image attacked under"
        " several seeds for several images; the CSV file has the lowest and highest seed."
    )


def summarise(frame: pd.DataFrame, keys: Sequence[str] = _LINE) -> pd.DataFrame:
    """Means and shares over the seeds of rows of ``topk_metrics.csv``.

    Args:
        frame: rows with the columns ``keys``, metric, value, n and where they exist std (over the
            images of the seed, with n - 1) and n_eligible.
        keys: columns that name a line of the result.

    Returns:
        One row a line, in the order of ``frame``: keys, mean, ci_low, ci_high, interval (wilson,
        seeds, images; missing without bounds), lowest_seed and highest_seed (missing for one
        seed), seeds, n (images of all seeds) and n_eligible. Lines with n = 0 stay.
    """
    share = frame["metric"].isin(TOPK_SHARES)
    frame = frame.assign(
        std=frame["std"] if "std" in frame.columns else np.nan,
        n_eligible=frame["n_eligible"] if "n_eligible" in frame.columns else np.nan,
        hits=(frame["value"] * frame["n"]).round().where(share, 0).fillna(0).astype(int),
    )
    result = (
        frame.groupby(list(keys), dropna=False, sort=False)
        .agg(
            mean=("value", "mean"),
            spread=("value", "std"),
            std=("std", "first"),
            lowest_seed=("value", "min"),
            highest_seed=("value", "max"),
            seeds=("value", "count"),
            n=("n", "sum"),
            n_eligible=("n_eligible", "sum"),
            hits=("hits", "sum"),
        )
        .reset_index()
    )
    if frame["n_eligible"].isna().all():
        result = result.drop(columns="n_eligible")
    result = _with_bounds(result)
    for row in np.flatnonzero(result["metric"].isin(TOPK_SHARES) & (result["n"] > 0)).tolist():
        bounds = wilson_interval(int(result["hits"].iloc[row]), int(result["n"].iloc[row]))
        for name, value in (
            ("mean", bounds.mean),
            ("ci_low", bounds.low),
            ("ci_high", bounds.high),
        ):
            result.loc[row, name] = value
        result.loc[row, "interval"] = "wilson"
    counts = ["n_eligible"] if "n_eligible" in result.columns else []
    return result[[*keys, *INTERVAL_COLUMNS, *counts]]


def over_images(frame: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Mean of ``value`` over images, with its interval.

    An image counts once a seed, with the mean of its rows, so that an image attacked for several
    label sets is not several images. With two seeds or more the interval is over the means of the
    seeds, with one seed over its images.

    Args:
        frame: rows with ``keys``, seed, image and ``value``; rows without a value are left out.
        keys: columns that name a line of the result.
        value: column of the values.

    Returns:
        One row a line: keys and `INTERVAL_COLUMNS`; n is the number of images over all seeds.
    """
    keys = list(keys)
    present = frame.dropna(subset=[value])
    image = present.groupby([*keys, "seed", "image"], dropna=False)[value].mean()
    seed = image.groupby([*keys, "seed"], dropna=False).agg(["mean", "std", "count"])
    result = (
        seed.reset_index()
        .groupby(keys, dropna=False)
        .agg(
            spread=("mean", "std"),
            std=("std", "first"),
            lowest_seed=("mean", "min"),
            highest_seed=("mean", "max"),
            seeds=("mean", "count"),
            n=("count", "sum"),
            mean=("mean", "mean"),
        )
        .reset_index()
    )
    return _with_bounds(result)[[*keys, *INTERVAL_COLUMNS]]


def shares(frame: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Share of the attacks with ``value`` true, with its Wilson interval: keys, mean, bounds, n."""
    counts = frame.groupby(list(keys), dropna=False)[value].agg(["sum", "count"]).reset_index()
    bounds = [
        wilson_interval(int(hits), int(n))
        for hits, n in zip(counts["sum"], counts["count"], strict=True)
    ]
    return counts[list(keys)].assign(
        mean=[bound.mean for bound in bounds],
        ci_low=[bound.low for bound in bounds],
        ci_high=[bound.high for bound in bounds],
        interval="wilson",
        n=counts["count"],
    )


def shares_of(frame: pd.DataFrame, keys: Sequence[str], metric: str) -> pd.DataFrame:
    """The share ``metric`` of tidy rows over all else: keys, mean (missing for n = 0) and n."""
    rows = frame[frame["metric"] == metric]
    rows = rows.assign(hits=rows["value"].fillna(0) * rows["n"])
    result = rows.groupby(list(keys), dropna=False)[["hits", "n"]].sum().reset_index()
    return result.assign(mean=(result["hits"] / result["n"].where(result["n"] > 0)))


def compare(
    images: pd.DataFrame, vary: Sequence[str], reference: dict[str, object], by: Sequence[str]
) -> pd.DataFrame:
    """Every attack beside a reference attack on the same images, seeds and labels.

    Args:
        images: rows of ``topk_images.csv``.
        vary: columns in which attack and reference differ, a subset of method, surrogate, alpha,
            knowledge and hidden; comparing methods takes each with its own surrogate and alpha.
        reference: value of each column of ``vary`` for the reference attack.
        by: further columns that name a line of the result.

    Returns:
        One row a line, ``vary`` and quantity: mean, ci_low, ci_high, n and more of `over_images`.
        Quantities: ``asr_difference`` (attack minus reference, over all images); over the images
        on which both succeed ``l2_ratio`` (geometric mean of attack by reference) and
        ``abs_<measure>_difference`` (how much larger the change of the measure is in size).
    """
    fixed = [] if "method" in vary else ["method", *(c for c in _VARIED[1:] if c not in vary)]
    identity = ["dataset", "model", "preset", "seed", *CELL, *fixed, "image"]
    values = ["success", "l2", *MEASURES]
    chosen = np.logical_and.reduce([images[name] == value for name, value in reference.items()])
    base = images.loc[chosen, [*identity, *values]]
    # pandas takes missing keys as equal: an attack that reads no alpha has none.
    pairs = images[~chosen].merge(base, on=identity, suffixes=("", "_base"), how="inner")
    both = pairs["success"] & pairs["success_base"] & (pairs["l2"] > 0) & (pairs["l2_base"] > 0)
    pairs["asr_difference"] = pairs["success"].astype(float) - pairs["success_base"]
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs["l2_ratio"] = np.log(pairs["l2"] / pairs["l2_base"]).where(both)
    for name in MEASURES:
        change = pairs[name].abs() - pairs[f"{name}_base"].abs()
        pairs[f"abs_{name}_difference"] = change.where(both)
    quantities = ["asr_difference", "l2_ratio", *(f"abs_{name}_difference" for name in MEASURES)]
    keys = list(dict.fromkeys([*by, *vary]))
    parts = [
        over_images(pairs, keys, name).assign(quantity=name) for name in quantities if len(pairs)
    ]
    if not parts:
        return pd.DataFrame(columns=[*keys, "quantity", *INTERVAL_COLUMNS])
    result = pd.concat(parts, ignore_index=True)
    ratio = result["quantity"] == "l2_ratio"
    bounds = ["mean", "ci_low", "ci_high", "lowest_seed", "highest_seed"]
    result.loc[ratio, bounds] = np.exp(result.loc[ratio, bounds].astype(float))
    return result[[*keys, "quantity", *INTERVAL_COLUMNS]]


def relevance_groups(n_relevant: pd.Series, most: int = 7) -> pd.Series:
    """Numbers of relevant labels as ordered groups: each by itself, or at most ``most`` ranges.

    Args:
        n_relevant: number of relevant labels of each image.
        most: number of groups from which neighbouring numbers are joined.

    Returns:
        The name of each image's group, ``4`` or ``7–9``; ranges hold about equally many images.
    """
    numbers = np.unique(n_relevant)
    edges = numbers
    if len(numbers) > most:
        shares_below = np.arange(most) / most
        edges = np.unique(np.quantile(n_relevant, shares_below, method="lower"))
    last = [*(edges[1:] - 1), numbers[-1]] if len(numbers) > most else edges
    names = [
        str(first) if first == end else f"{first}–{end}"
        for first, end in zip(edges, last, strict=True)
    ]
    place = np.searchsorted(edges, n_relevant, side="right") - 1
    return pd.Series([names[i] for i in place], index=n_relevant.index, dtype=str)


def _with_bounds(table: pd.DataFrame) -> pd.DataFrame:
    several = (table["seeds"] > 1).to_numpy()
    count = np.where(several, table["seeds"], table["n"]).astype(int)
    spread = np.where(several, table["spread"], table["std"]).astype(float)
    quantile = np.array([t_quantile(0.95, n - 1) if n > 1 else np.nan for n in count])
    half = quantile * spread / np.sqrt(np.maximum(count, 1))
    kind = pd.Series(np.where(several, "seeds", "images"), index=table.index)
    return table.assign(
        ci_low=table["mean"] - half,
        ci_high=table["mean"] + half,
        interval=kind.where(np.isfinite(half)),
        lowest_seed=table["lowest_seed"].where(several),
        highest_seed=table["highest_seed"].where(several),
    ).drop(columns=["spread", "std"])
