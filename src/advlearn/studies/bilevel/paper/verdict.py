"""What study 3's numbers say, in sentences computed from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, records
from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import (
    ABSENT,
    format_significant,
    number,
    significant_interval,
    with_interval,
)
from advlearn.report.page import Rows
from advlearn.report.writers import plain_text
from advlearn.studies.bilevel.paper.checks import checks, curves, rand_pairs
from advlearn.studies.bilevel.paper.common import (
    CHANGE,
    DATASET_LABELS,
    DEVIATION_LABELS,
    METHOD_LABELS,
    NO_PUBLISHED,
    VICTIM_LABELS,
    WEIGHTS_LABELS,
    at_the_attacks,
    datasets,
    label,
    sandwich,
)
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.studies.bilevel.paper.tables import gamma_interval as bilevel_gamma_interval
from advlearn.studies.bilevel.paper.tables import onepoint as bilevel_onepoint


def sentences(tidy: BilevelTidy) -> list[str]:
    """What the run says, one sentence a question; questions that it has no numbers for are left."""
    return [
        *_certificates(tidy),
        *_staircase(tidy),
        *_rand(tidy),
        *_monotone(tidy),
        *_agreement(tidy),
        *_intervals(tidy),
        *_calmness(tidy),
        *_attacks(tidy),
        *_blackbox(tidy),
        *_onepoint(tidy),
        *_defence(tidy),
    ]


def headline_rows(tidy: BilevelTidy) -> Rows:
    """Header and rows of the headline: certified radius and smallest attack of each data set."""
    whole = sandwich(tidy)
    about = tidy.study.datasets
    rows = []
    for row in records(at_the_attacks(tidy)):
        name = str(row["dataset"])
        same = (whole["dataset"] == row["dataset"]) & (whole["weights"] == row["weights"])
        known = whole[same & (whole["certified"] > 0) & whole["violated"].notna()]
        count = about.get(name, {}).get("n_clusters")
        method = row["method"]
        rows.append(
            [
                label(DATASET_LABELS, name),
                label(WEIGHTS_LABELS, row["weights"]).removesuffix(" weights"),
                ABSENT if count is None else str(count),
                format_significant(float(row["gamma"])),
                format_significant(float(row["certified"])),
                format_significant(float(row["attacked"])),
                ABSENT if pd.isna(method) else label(METHOD_LABELS, method),
                _ratio(row["attacked"], row["certified"]),
                format_significant(float(row["noise"])),
                f"{int(known['violated'].sum())} of {len(known)}" if len(known) else ABSENT,
            ]
        )
    header = ["data set", "weights", "K", "γ", "certified ε", "attacked ε", "by"]
    return [*header, "attacked/certified", "noise ε", "violations"], rows


def verdict_rows(tidy: BilevelTidy) -> Rows:
    """Header and rows of the claims and how often the numbers contradict them."""
    rows = [
        [
            check.claim,
            check.origin,
            f"{check.cases:,}",
            f"{check.violations:,}" if check.cases else ABSENT,
        ]
        for check in checks(tidy).values()
    ]
    return ["claim", "whose", "cases", "not so in"], rows


def headline(tidy: BilevelTidy) -> str:
    """The headline table and the verdict, as plain text for a terminal.

    Raises:
        UserError: a file or a column is missing.
    """
    study = tidy.study
    names = ", ".join(label(DATASET_LABELS, name) for name in datasets(study.datasets))
    title = f"Convex clustering, certified and attacked: run {study.run}, {names}"
    return plain_text(title, headline_rows(tidy), [*sentences(tidy), NO_PUBLISHED])


def _certificates(tidy: BilevelTidy) -> list[str]:
    check = checks(tidy)["certificate"]
    frame = sandwich(tidy)
    result = []
    if check.cases:
        result.append(
            "Below the certified radius the clustering was never seen to change: no attack is"
            f" smaller than the certificate in {check.cases} comparisons (data sets, weights, γ)."
            if check.violations == 0
            else f"In {check.violations} of {check.cases} comparisons (data sets, weights, γ) an"
            " attack is smaller than the certificate: one of the two is wrong."
        )
    for (kind,), part in groups(frame, ["weights"]):
        both = part[(part["certified"] > 0) & part["attacked"].notna()]
        if both.empty:
            continue
        ratio = (both["attacked"] / both["certified"]).to_numpy(float)
        nothing = int((part["certified"] == 0).sum())
        result.append(
            f"With {label(WEIGHTS_LABELS, kind)} the smallest attack found is"
            f" {format_significant(float(np.median(ratio)))} times the certified radius in the median"
            f" ({format_significant(ratio.min())} to {format_significant(ratio.max())}, {len(ratio)} γ); at {nothing} of"
            f" {len(part)} γ nothing is certified."
        )
    return result


def _staircase(tidy: BilevelTidy) -> list[str]:
    found = checks(tidy)
    robust, falls = found["robust"], found["nondecreasing"]
    if not robust.cases:
        return []
    values = curves(tidy, "value")
    levels = [len(np.unique(each[each > 0].round(9))) for each in values if (each > 0).any()]
    seen = robust.cases - robust.violations
    text = (
        "Robust, then a staircase: v(τ) is 0 up to some τ > 0 (the smallest tried, or certified)"
        f" and above 0 later in {seen} of {robust.cases} value functions (data sets, seeds)"
    )
    if levels:
        steps = f"{min(levels)} to {max(levels)}" if min(levels) < max(levels) else str(levels[0])
        text += f"; above 0 it takes {steps} level{'s' if max(levels) > 1 else ''}"
    text += (
        " and never falls."
        if falls.violations == 0
        else f"; it falls in {falls.violations} of them, which contradicts its definition."
    )
    fixed = curves(tidy, "fixed")
    if fixed:
        down = sum(bool((np.diff(each) < -1e-9).any()) for each in fixed)
        text += (
            f" Along a fixed direction δ falls again somewhere in {down} of {len(fixed)} curves"
            + (": only v(τ) is a staircase." if down else ".")
        )
    return [text]


def _rand(tidy: BilevelTidy) -> list[str]:
    check = checks(tidy)["rand"]
    if not check.cases:
        return []
    frame = rand_pairs(tidy)
    taus = tidy["bilevel_agreement"]
    keys = [name for name in taus.columns if name not in ("deviation", "kendall_tau", "n_pairs")]
    both = taus[taus["deviation"] == "delta"].merge(
        taus[taus["deviation"] == "one_minus_ri"], on=keys, suffixes=("", "_ri")
    )
    same = int(np.isclose(both["kendall_tau"], both["kendall_tau_ri"], equal_nan=True).sum())
    order = (
        f" Their Kendall τ with the matching error is the same in {same} of {len(both)} scenarios"
        " and seeds."
        if len(both)
        else ""
    )
    if check.violations:
        return [
            f"1 − RI differs from δ²/(n(n−1)) in {check.violations} of {check.cases} pairs of"
            f" partitions (largest difference {frame['error'].max():.1e}).{order}"
        ]
    return [
        "δ and the Rand index order partitions alike: 1 − RI = δ²/(n(n−1)) in all"
        f" {check.cases:,} pairs of partitions (largest difference {frame['error'].max():.0e})."
        f"{order} Comparing the two can show scale only."
    ]


def _monotone(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_monotone"]
    moves, fell = int(frame["moves"].sum()), int(frame["not_monotone"].sum())
    check = checks(tidy)["growth"]
    if not moves:
        return []
    where = []
    for (count,), part in groups(frame.sort_values("n_clusters"), ["n_clusters"]):
        bad = part[part["not_monotone"] > 0]
        if len(bad):
            first = float(bad["share_moved"].min())
            most = float((bad["not_monotone"] / bad["moves"]).max())
            where.append(
                f"{count} clusters from a share moved of {number(first, 2)} on, at most"
                f" {number(most, 2)} of the moves"
            )
    return [
        f"One more moved point did not raise δ in {fell:,} of {moves:,} random moves; inside the"
        " region of the growth theorem (stayers outnumber arrivals in every cluster) in"
        f" {check.violations:,} of {check.cases:,}."
        + (f" It happens with {'; '.join(where)}." if where else "")
    ]


def _agreement(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_agreement"]
    frame = frame[frame["deviation"] != "matching_error"].dropna(subset=["kendall_tau"])
    if frame.empty:
        return []
    a_seed = frame.groupby(["deviation", "seed"], sort=True)["kendall_tau"].mean().reset_index()
    table = over_seeds(a_seed, ["deviation"], "kendall_tau").sort_values(
        "mean", ascending=False, kind="stable"
    )
    said = [
        f"{label(DEVIATION_LABELS, row['deviation'])}"
        f" {with_interval(row['mean'], row['ci_low'], row['ci_high'])}"
        for row in records(table)
    ]
    return [
        "Agreement with the matching error (Kendall's τ, mean over all scenarios):"
        f" {', '.join(said)}."
    ]


def _intervals(tidy: BilevelTidy) -> list[str]:
    frame = bilevel_gamma_interval.measure(tidy)
    result = []
    for (weights,), part in groups(frame, ["weights"]):
        kind = label(WEIGHTS_LABELS, weights)
        by = {name: rows for (name,), rows in groups(part, ["bound"])}
        counts = [
            f"{name} {int((by[key]['certifies'] == 'yes').sum())} of {len(by[key])}"
            for key, name in (
                ("sun_toh_yuan", "the theorem of Sun, Toh and Yuan"),
                ("electrical", "the electrical flow"),
                ("reweighted", "the reweighted flow"),
            )
            if key in by
        ]
        if not counts:
            continue
        ratio = by.get("reweighted", part.head(0))["ratio"].dropna()
        ratio = ratio[np.isfinite(ratio)]
        close = (
            f"; γ min of the reweighted flow is {format_significant(float(ratio.median()))} times the true one"
            " in the median"
            if len(ratio)
            else ""
        )
        result.append(
            f"Partitions with a non-empty certified interval of γ, {kind}:"
            f" {', '.join(counts)}{close}."
        )
    return result


def _calmness(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_calmness"]
    found = checks(tidy)
    said: list[str] = []
    above = found["bound"].violations + found["modulus"].violations
    for (kind,), part in groups(frame, ["weights"]):
        share = (part["change"] / part["bound"].where(part["bound"] > 0)).max()
        if not pd.isna(share):
            said.append(f"{format_significant(float(share))} with {label(WEIGHTS_LABELS, kind)}")
    if not said:
        return []
    return [
        f"Calmness: the solution moved by at most {' and '.join(said)} times its bound;"
        f" {above} of {found['bound'].cases + found['modulus'].cases} comparisons lie above a"
        " bound."
    ]


def _attacks(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_attacks"]
    frame = frame[
        (frame["form"] == "min_effort")
        & (frame["budget"] == "per_point")
        & (frame["reached"] == 1)
        & frame["epsilon"].notna()
    ]
    first = frame["target"].str.replace("_", " ") == CHANGE
    frame = frame[first] if first.any() else frame
    if frame.empty:
        return []
    keys = ["dataset", "weights"]
    means = frame.groupby([*keys, "target", "method"], sort=True)["epsilon"].mean().reset_index()
    best = means.sort_values("epsilon", kind="stable").drop_duplicates([*keys, "target"])
    count = best["method"].value_counts()
    order = sorted(count.index, key=lambda name: (-count[name], str(name)))
    said = ", ".join(f"{label(METHOD_LABELS, name)} {count[name]}" for name in order)
    noise = means[means["method"] == "noise"].merge(best, on=[*keys, "target"])
    ratio = (noise["epsilon_x"] / noise["epsilon_y"]).to_numpy(float)
    control = (
        f" Random noise needs {format_significant(float(np.median(ratio)))} times the size of the best attack in"
        f" the median ({format_significant(ratio.min())} to {format_significant(ratio.max())})."
        if len(ratio)
        else ""
    )
    return [
        "Smallest perturbation per point that changes the partition, by method (number of data"
        f" sets and weights on which it is the smallest, of {len(best)}): {said}.{control}"
    ]


def _blackbox(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_blackbox"].dropna(subset=["matching_error"])
    own = frame[(frame["source"] == frame["target"]) & (frame["method"] == "genetic")]
    other = frame[(frame["source"] != frame["target"]) & (frame["method"] != "noise")]
    noise = frame[frame["method"] == "noise"]
    said = [
        f"{name} {number(float(part['matching_error'].mean()))}"
        for name, part in (
            ("the genetic attack on the labels of the victim itself", own),
            ("perturbations handed over from another clusterer", other),
            ("random noise", noise),
        )
        if len(part)
    ]
    if not said:
        return []
    weakest = _extremes(own if len(own) else frame)
    return [f"Black box, mean matching error: {', '.join(said)}.{weakest}"]


def _extremes(frame: pd.DataFrame) -> str:
    mean = frame.groupby("target", sort=True)["matching_error"].mean()
    if mean.round(9).nunique() < 2:
        return ""
    high, low = str(mean.idxmax()), str(mean.idxmin())
    return (
        f" Most moved: {label(VICTIM_LABELS, high)} ({number(float(mean[high]))}); least:"
        f" {label(VICTIM_LABELS, low)} ({number(float(mean[low]))})."
    )


def _onepoint(tidy: BilevelTidy) -> list[str]:
    frame = bilevel_onepoint.measure(tidy)
    rows = frame[(frame["metric"] == "misclustered") & frame["published"].notna()]
    sizes = frame[frame["metric"] == "l2"].set_index(["pair", "victim", "method"])

    def length(key: tuple[object, ...], column: str) -> str:
        value = sizes[column].get(key, float("nan"))
        return "" if pd.isna(value) else f" (ℓ2 {format_significant(float(value))})"

    result = []
    for (pair, victim), part in groups(rows, ["pair", "victim"]):
        ours = part[part["mean"].notna()].sort_values("mean", ascending=False, kind="stable")
        found = [row for row in records(ours) if row["method"] != "noise"]
        if not found:
            continue
        best, key = found[0], (pair, victim)
        count = significant_interval(best["mean"], best["ci_low"], best["ci_high"])
        noise = [
            f"; random moves: {significant_interval(row['mean'], row['ci_low'], row['ci_high'])}"
            f"{length((*key, 'noise'), 'mean')}"
            for row in records(ours[ours["method"] == "noise"])
        ]
        result.append(
            f"One changed point of {label(DATASET_LABELS, pair)}, {label(VICTIM_LABELS, victim)}:"
            f" {count} points misclustered{length((*key, best['method']), 'mean')}"
            f"{''.join(noise)}; published: {best['published']:g}"
            f"{length((*key, bilevel_onepoint.PUBLISHED), 'published')}."
        )
    return result


def _defence(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_defence"].dropna(subset=["radius"])
    gains: list[float] = []
    prices: list[float] = []
    zero = 0
    for _, part in groups(frame, ["dataset", "parameter"]):
        chosen = part[part["chosen"] == 1]
        if chosen.empty or len(part) < 2:
            continue
        middle, row = float(part["radius"].median()), chosen.iloc[0]
        if middle > 0:
            gains.append(float(row["radius"]) / middle)
        else:
            zero += 1
        prices.append(float(row["ari_truth"]) - float(part["ari_truth"].max()))
    prices = [price for price in prices if np.isfinite(price)]
    if not gains and not zero:
        return []
    gain = (
        f"{format_significant(float(np.median(gains)))} times that of the median one"
        if gains
        else "above 0"
    )
    rest = f" ({zero} more where the median radius is 0)" if zero and gains else ""
    price = f"; its ARI to the truth is {_span(prices)} from the best setting's" if prices else ""
    return [
        f"Defence, median of {len(gains) or zero} comparisons (data sets, parameters): the largest"
        f" certified radius of a parameter's settings is {gain}{rest}{price}."
    ]


def _span(values: Iterable[float]) -> str:
    some = list(values)
    return f"{number(min(some), 2)} to {number(max(some), 2)}"


def _ratio(top: float, bottom: float) -> str:
    return (
        ABSENT if pd.isna(top) or not bottom > 0 else format_significant(float(top) / float(bottom))
    )
