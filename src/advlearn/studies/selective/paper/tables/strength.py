"""How robust are the models under strong attacks, beside the paper's kind of number?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from advlearn.report.bounded import shares_over_seeds
from advlearn.report.frames import ordered, records
from advlearn.report.intervals import fill_missing_keys, over_seeds
from advlearn.report.numbers import (
    ABSENT,
    format_number,
    format_signed,
    seed_count,
    with_interval,
)
from advlearn.report.table import Group, Source, Table
from advlearn.settings.cluster import NO_CLUSTERING
from advlearn.studies.selective.paper.labels import (
    ATTACKS,
    CLUSTERERS,
    MODELS,
    REDUCTIONS,
    RULES,
    STRONG,
)
from advlearn.studies.selective.paper.published_tables import SAY, with_seeds
from advlearn.studies.selective.schema import SelectiveTidy

_NAME = "selective_strength"
_KEYS = "universe attack reduction clusterer setting rule".split()
_CHECKS = {"iterative_not_weaker": "iterative", "white_box_not_weaker": "black_box"}
_COLUMNS = ("model", "clean", "white-box", "worst case", "white-box minus worst")


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """White-box accuracy and worst case of each model.

    Returns:
        One row a universe, attack, reduction, clusterer, setting and rule: n, the number of seeds;
        n_images; clean, whitebox and worst_case with their bounds, of the same images; excess,
        whitebox minus worst case within a seed, with its bounds; too_high, whether the worst case
        lies below the interval of whitebox; adds_ATTACK, what each attack takes from the worst
        case of those before; iterative_failed and black_box_failed, the seeds on which a check
        failed. A run without strong attacks has a row a universe, without numbers.
    """
    frame = tidy[_NAME]
    if frame.empty:
        return pd.DataFrame({"universe": list(tidy.study.universes), "measured": "no"})
    frame = fill_missing_keys(frame, _KEYS)
    within = frame.groupby([*_KEYS, "seed", "strong_attack"], sort=True)
    seeds = within[["robust", "robust_so_far", "n_images"]].mean().reset_index()
    images = int(seeds["n_images"].max())

    def shares(attack: str, column: str, name: str) -> pd.DataFrame:
        rows = seeds[seeds["strong_attack"] == attack]
        bounds = {"mean": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high"}
        found = shares_over_seeds(rows, _KEYS, images, column).rename(columns=bounds)
        return found.set_index(_KEYS)

    wide = seeds.pivot(index=[*_KEYS, "seed"], columns="strong_attack", values="robust_so_far")
    order = [name for name in STRONG if name in wide.columns]
    last = order[-1]
    result = shares("clean", "robust", "clean").join(
        [shares("whitebox", "robust", "whitebox").drop(columns="n")]
    )
    result = result.join(shares(last, "robust_so_far", "worst_case").drop(columns="n"))
    # Not `robust_so_far`: an attack that leaves ball or box has no part in the worst case.
    own = seeds[seeds["strong_attack"] == "whitebox"].set_index([*_KEYS, "seed"])["robust"]
    excess = (own - wide[last]).rename("value").reset_index()
    bounds = {"mean": "excess", "ci_low": "excess_low", "ci_high": "excess_high"}
    paired = over_seeds(excess, _KEYS).rename(columns=bounds)
    result = result.join(paired.set_index(_KEYS)[list(bounds.values())])
    too_high = result["worst_case"] < result["whitebox_low"]
    result["too_high"] = too_high.map({True: "yes", False: "no"})
    before = wide["whitebox"]
    for name in order:
        fell = (before - wide[name]).groupby(_KEYS).mean()
        result[f"adds_{name}"] = fell
        # Where a universe's own attack is FGSM it has no row of FGSM.
        before = wide[name].fillna(before) if name == "fgsm" else wide[name]
    checked = frame.dropna(subset=["check"])
    for check, name in _CHECKS.items():
        rows = checked[checked["check"] == check].groupby([*_KEYS, "seed"])["passed"].min()
        result[f"{name}_failed"] = (rows == 0).groupby(_KEYS).sum()
    result = result.reset_index().assign(n_images=images)
    places: dict[str, list[str]] = {
        "universe": list(tidy.study.universes),
        "rule": [*MODELS, *RULES],
    }
    result = ordered(
        result,
        ["universe", "attack", "reduction", "clusterer", "setting", "rule"],
        clusterer=[NO_CLUSTERING, *CLUSTERERS],
        **places,
    )
    return result[
        [*_KEYS, "n", "n_images", *(c for c in result if c not in {*_KEYS, "n", "n_images"})]
    ]


def build(tidy: SelectiveTidy) -> Table:
    """Strong number beside white-box accuracy, with what each attack adds."""
    frame = compare(tidy)
    title = "Strong attacks: the worst case an image"
    if "measured" in frame:
        rows = [[name, *[ABSENT] * (len(_COLUMNS) - 1)] for name in frame["universe"]]
        return Table(
            title=title,
            caption=SAY.not_strengthened(),
            frame=frame,
            columns=["universe", *_COLUMNS[1:]],
            groups=[Group("", rows)],
            keys=["universe"],
            how="no number: no strong attack was run",
            sources=[Source(_NAME, tidy[_NAME])],
        )
    added = [name for name in STRONG if f"adds_{name}" in frame]
    groups = []
    for key, part in frame.groupby(["universe", "attack", "reduction"], sort=False):
        universe, attack, reduction = key
        heading = f"Universe {universe}, {ATTACKS(attack)}, {REDUCTIONS(reduction)}"
        heading = with_seeds(heading, part, frame)
        groups.append(Group(heading, [_cells(line, added) for line in records(part)]))
    marked = int((frame["too_high"] == "yes").sum())
    return Table(
        title=title,
        caption=SAY.strength(int(frame["n_images"].iloc[0]), seed_count(frame["n"])),
        frame=frame,
        columns=[*_COLUMNS, *(STRONG(name) for name in added), "checks failed"],
        groups=groups,
        notes=[SAY.too_high(marked, len(frame))],
        wide=True,
        keys=_KEYS,
        how="mean over seeds; excess: white-box minus worst case on the same seed",
        sources=_sources(tidy, added),
    )


def _sources(tidy: SelectiveTidy, added: list[str]) -> list[Source]:
    """The rows of the attacks that a column is about."""
    frame = fill_missing_keys(tidy[_NAME], _KEYS)
    model = [frame[name] for name in [*_KEYS, "seed", "digest"]]
    before = frame.index.to_series().groupby(model).shift(1)

    def of(attacks: tuple[str, ...], role: str, *starts: str) -> Source:
        rows = frame[frame["strong_attack"].isin(attacks)]
        return Source(_NAME, rows, role=role, columns=lambda column: column.startswith(starts))

    sources = [
        of(("clean",), "values", "clean"),
        of(("whitebox",), "values", "whitebox", "excess", "too_high"),
        of((added[-1],), "worst case", "worst_case", "excess", "too_high"),
    ]
    for name in added:
        column = f"adds_{name}"
        sources.append(of((name,), "worst case with the attack", column))
        rows = frame.loc[before[frame["strong_attack"] == name].dropna()]
        about = partial(str.__eq__, column)
        sources.append(Source(_NAME, rows, role="worst case before it", columns=about))
    for check, name in _CHECKS.items():
        rows, about = frame[frame["check"] == check], partial(str.__eq__, f"{name}_failed")
        sources.append(Source(_NAME, rows, role="check", columns=about))
    return sources


def _cells(line: Mapping[str, Any], added: list[str]) -> list[str]:
    rule, clusterer = line["rule"], line["clusterer"]
    model = MODELS(rule)
    if clusterer != NO_CLUSTERING:
        model = f"{CLUSTERERS(clusterer)} {line['setting']}, {RULES(rule)}"

    def share(name: str) -> str:
        return with_interval(line[name], line[f"{name}_low"], line[f"{name}_high"])

    mark = " *" if line["too_high"] == "yes" else ""
    excess = with_interval(line["excess"], line["excess_low"], line["excess_high"], sign=True)
    adds = [line[f"adds_{name}"] for name in added]
    failed = [f"{format_number(line[f'{name}_failed'], 0)}" for name in _CHECKS.values()]
    return [
        model,
        format_number(line["clean"]),
        share("whitebox") + mark,
        share("worst_case"),
        excess,
        *(ABSENT if pd.isna(fell) else format_signed(-fell) for fell in adds),
        f"{failed[0]} and {failed[1]} of {line['n']}",
    ]
