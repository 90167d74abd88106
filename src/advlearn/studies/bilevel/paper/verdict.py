"""What study 3's numbers say; the words are in sentences.j2."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, records
from advlearn.report.intervals import over_seeds
from advlearn.studies.bilevel.paper.checks import ABSTRACT_CLAIM, checks
from advlearn.studies.bilevel.paper.claims.verdicts import primary_counts
from advlearn.studies.bilevel.paper.labels import DATASETS, DEVIATIONS, METHODS, VICTIMS, WEIGHTS
from advlearn.studies.bilevel.paper.sandwich import rebuilt_ratios, sandwich, two_joined
from advlearn.studies.bilevel.paper.staircase import curves, normalised_delta, rand_pairs
from advlearn.studies.bilevel.paper.tables import gamma_interval, onepoint
from advlearn.studies.bilevel.paper.tables.attacks import CHANGE
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

_NAN = float("nan")


def _ratios(top: pd.Series, bottom: pd.Series) -> dict[str, float]:
    """Median, ends and number of some ratios; nothing where there are none."""
    ratios = top / bottom
    kinds = ("median", "min", "max", "size")
    return {kind: float(ratios.agg(kind)) for kind in kinds} if len(ratios) else {}


def sentences(tidy: BilevelTidy) -> list[str]:
    """What the run says, one sentence a question; questions that it has no numbers for are left."""
    return [
        *sentence_of_claims(tidy),
        *certificate_sentences(tidy),
        *staircase_sentences(tidy),
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


def sentence_of_claims(tidy: BilevelTidy) -> list[str]:
    """How many comparisons of the primary family have which verdict."""
    counts = primary_counts(tidy)
    total = sum(count for _, count in counts)
    theorem = two_joined(tidy) & set(tidy["bilevel_attacks"]["dataset"])
    return [SAY.answer(total, counts, [*map(DATASETS, DATASETS.order(theorem))])] if total else []


def contradiction(tidy: BilevelTidy) -> str:
    """Whether the numbers contradict something that is proved; else empty."""
    found = {name: each.claim for name, each in checks(tidy).items() if each.violations}
    text: str = SAY.warning([claim for name, claim in found.items() if name != ABSTRACT_CLAIM])
    return text


def certificate_sentences(tidy: BilevelTidy) -> list[str]:
    """What attacks below the certified radius did, and how far above it the smallest are."""
    check, trials = checks(tidy)["certificate"], tidy["bilevel_trials"]
    largest = float(trials["largest"].max()) if check.cases else 0.0
    shares = sorted(set(trials["share"]))
    tries = trials.groupby("method")["tries"].sum()
    kinds = [(METHODS(name), int(tries[name])) for name in METHODS.order(tries.index)]
    result = [SAY.certificate(check.cases, check.violations, shares, largest, kinds)]
    for (weights,), part in groups(sandwich(tidy), ["weights"]):
        both = part[(part["certified"] > 0) & part["attacked"].notna()]
        ratio = _ratios(both["attacked"], both["certified"])
        if ratio:
            nothing = int((part["certified"] == 0).sum())
            result.append(SAY.attacked(WEIGHTS(weights), ratio, nothing, len(part)))
    anew = rebuilt_ratios(tidy)
    if len(anew):
        result.append(SAY.rebuilt(_ratios(anew, pd.Series(1.0, index=anew.index))))
    return result


def staircase_sentences(tidy: BilevelTidy) -> list[str]:
    """In how many value functions the abstract's claim is seen, and how they look."""
    found = checks(tidy)
    robust = found["robust"]
    if not robust.cases:
        return []
    values, fixed = curves(tidy, "value"), curves(tidy, "fixed")
    levels = [len(np.unique(each[each > 0].round(9))) for each in values if (each > 0).any()]
    return [
        SAY.staircase(
            seen=robust.cases - robust.violations,
            cases=robust.cases,
            early=_changed_at_first(tidy),
            levels=[min(levels), max(levels)] if levels else [],
            falls=found["nondecreasing"].violations,
            down=sum(bool((np.diff(each) < -1e-9).any()) for each in fixed),
            fixed=len(fixed),
        )
    ]


def _changed_at_first(tidy: BilevelTidy) -> int:
    """In how many value functions the smallest size tried changes the partition already."""
    frame = normalised_delta(tidy)
    frame = frame[(frame["curve"] == "value") & (frame["tau"] > 0)].sort_values("tau")
    first = frame.drop_duplicates(["dataset", "direction", "seed"])
    return int((first["value"] > 0).sum())


def _rand(tidy: BilevelTidy) -> list[str]:
    check = checks(tidy)["rand"]
    if not check.cases:
        return []
    taus = tidy["bilevel_agreement"]
    keys = [name for name in taus.columns if name not in ("deviation", "kendall_tau", "n_pairs")]
    both = taus[taus["deviation"] == "delta"].merge(
        taus[taus["deviation"] == "one_minus_ri"], on=keys, suffixes=("", "_ri")
    )
    same = np.isclose(both["kendall_tau"], both["kendall_tau_ri"], equal_nan=True)
    error = rand_pairs(tidy)["error"].max()
    return [SAY.rand(check.cases, check.violations, error, int(same.sum()), len(both))]


def _monotone(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_monotone"]
    check, moves = checks(tidy)["growth"], int(frame["moves"].sum())
    if not moves:
        return []
    bad = frame[frame["not_monotone"] > 0].sort_values("n_clusters")
    where = [
        (count, float(part["share_moved"].min()), (part["not_monotone"] / part["moves"]).max())
        for (count,), part in groups(bad, ["n_clusters"])
    ]
    fell = int(frame["not_monotone"].sum())
    return [SAY.monotone(fell, moves, check.violations, check.cases, where)]


def _agreement(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_agreement"]
    frame = frame[frame["deviation"] != "matching_error"].dropna(subset=["kendall_tau"])
    if frame.empty:
        return []
    seeds = frame.groupby(["deviation", "seed"], sort=True)["kendall_tau"].mean().reset_index()
    table = over_seeds(seeds, ["deviation"], "kendall_tau")
    table = table.sort_values("mean", ascending=False, kind="stable")
    return [SAY.agreement(records(table.assign(label=table["deviation"].map(DEVIATIONS))))]


def _intervals(tidy: BilevelTidy) -> list[str]:
    result = []
    for (weights,), part in groups(gamma_interval.measure(tidy), ["weights"]):
        by = {name: rows for (name,), rows in groups(part, ["bound"])}
        certified = {
            name: (int((by[name]["certifies"] == "yes").sum()), len(by[name]))
            for name in ("sun_toh_yuan", "electrical", "reweighted")
            if name in by
        }
        ratio = by.get("reweighted", part.head(0))["ratio"].dropna()
        ratio = ratio[np.isfinite(ratio)]
        median = float(ratio.median()) if len(ratio) else None
        if certified:
            result.append(SAY.intervals(WEIGHTS(weights), certified, median))
    return result


def _calmness(tidy: BilevelTidy) -> list[str]:
    found = checks(tidy)
    bounds = (found["bound"], found["modulus"])
    shares = {
        WEIGHTS(kind): (part["change"] / part["bound"].where(part["bound"] > 0)).max()
        for (kind,), part in groups(tidy["bilevel_calmness"], ["weights"])
    }
    shares = {kind: share for kind, share in shares.items() if pd.notna(share)}
    if not shares:
        return []
    above, cases = sum(each.violations for each in bounds), sum(each.cases for each in bounds)
    return [SAY.calmness(shares, above, cases)]


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
    keys = ["dataset", "weights", "target"]
    means = frame.groupby([*keys, "method"], sort=True)["epsilon"].mean().reset_index()
    best = means.sort_values("epsilon", kind="stable").drop_duplicates(keys)
    count = best["method"].value_counts()
    order = sorted(count.index, key=lambda name: (-count[name], str(name)))
    wins = ", ".join(f"{METHODS(name)} {count[name]}" for name in order)
    noise = means[means["method"] == "noise"].merge(best, on=keys)
    ratio = _ratios(noise["epsilon_x"], noise["epsilon_y"])
    return [SAY.attacks(len(best), wins, ratio)]


def _blackbox(tidy: BilevelTidy) -> list[str]:
    frame = tidy["bilevel_blackbox"].dropna(subset=["matching_error"])
    at_home = frame["source"] == frame["target"]
    parts = {
        "own": frame[at_home & (frame["method"] == "genetic")],
        "evolved": frame[at_home & (frame["method"] == "cma_es")],
        "other": frame[~at_home & (frame["method"] != "noise")],
        "noise": frame[frame["method"] == "noise"],
    }
    errors = {name: part["matching_error"].mean() for name, part in parts.items() if len(part)}
    if not errors:
        return []
    judged = parts["own"] if len(parts["own"]) else frame
    mean = judged.groupby("target", sort=True)["matching_error"].mean()
    least, most = str(mean.idxmin()), str(mean.idxmax())
    differ = mean.round(9).nunique() > 1
    ends = [(VICTIMS(name), mean[name]) for name in (least, most)] if differ else []
    return [SAY.blackbox(errors, ends)]


def _onepoint(tidy: BilevelTidy) -> list[str]:
    frame = onepoint.measure(tidy)
    rows = frame[(frame["metric"] == "misclustered") & frame["published"].notna()]
    moves = frame[frame["metric"] == "l2"].set_index(onepoint.KEYS)
    result = []
    for (pair, victim), part in groups(rows, ["pair", "victim"]):
        # How far the point was moved stands behind each count.
        count = part["mean"].notna()
        lengths = [moves["mean"].get((pair, victim, name), _NAN) for name in part["method"]]
        found = records(
            part.assign(l2=lengths)[count].sort_values("mean", ascending=False, kind="stable")
        )
        best = next((row for row in found if row["method"] != "noise"), None)
        if best:
            noise = [row for row in found if row["method"] == "noise"]
            length = moves["published"].get((pair, victim, onepoint.PUBLISHED), _NAN)
            result.append(SAY.onepoint(DATASETS(pair), VICTIMS(victim), best, noise, length))
    return result


def _defence(tidy: BilevelTidy) -> list[str]:
    keys = ["dataset", "parameter"]
    frame = tidy["bilevel_defence"].dropna(subset=["radius"])
    chosen = frame[frame["chosen"] == 1].drop_duplicates(keys).set_index(keys)
    by = frame.groupby(keys, sort=False)
    several = by.size()[lambda count: count > 1].index.intersection(chosen.index)
    middle, chosen = by["radius"].median()[several], chosen.loc[several]
    gains = (chosen["radius"] / middle)[middle > 0]
    prices = (chosen["ari_truth"] - by["ari_truth"].max()[several]).dropna()
    if several.empty:
        return []
    gain = gains.median() if len(gains) else None
    price = [prices.min(), prices.max()] if len(prices) else []
    return [SAY.defence(gain, len(middle) - len(gains), len(gains) or len(middle), price)]
