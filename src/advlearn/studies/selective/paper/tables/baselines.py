"""The baselines without clusters: classic, adversarial training, retraining on clean images."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import (
    ABSENT,
    format_number,
    format_signed,
    seed_count,
    share_with_interval,
)
from advlearn.report.page import Rows
from advlearn.report.table import Source, Table
from advlearn.studies.selective.paper.cells import baseline_rows
from advlearn.studies.selective.paper.labels import ATTACKS, METRICS, MODELS
from advlearn.studies.selective.paper.predicted import accuracies
from advlearn.studies.selective.paper.published_tables import (
    HOW,
    SAY,
    blocks,
    common_notes,
    compare_cells,
    comparison,
)
from advlearn.studies.selective.paper.universe_protocol import primary_pair
from advlearn.studies.selective.schema import SelectiveTidy

_NAME = "selective_baselines"
_KEYS = ["universe", "protocol", "rule", "attack", "metric"]
_PUBLISHED_AS = {"classic": "classic", "all": "at"}


def _rows(tidy: SelectiveTidy) -> pd.DataFrame:
    rows = baseline_rows(tidy)
    rows = rows[rows["metric"] != "average_accuracy"]
    no_attack = rows["rule"].isin(["classic", "none"]) & (rows["metric"] == "clean_accuracy")
    # Without adversarial images the clean accuracy has nothing to do with the attack of the job.
    return rows.assign(attack=rows["attack"].mask(no_attack, "any"))


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """Published and reproduced baselines.

    Returns:
        One row a universe, protocol, model, training attack, and quantity, in the order of the
        paper. The clean accuracy of the classic model belongs to no attack; that of the retrained
        models depends on the attack.
    """
    # The reductions and attacks of a job describe the same training: one value a seed.
    per_seed = _rows(tidy).groupby([*_KEYS, "seed"])["value"].mean().reset_index()
    frame = accuracies(tidy, per_seed, _KEYS)
    frame["model"] = frame["rule"].map(MODELS)
    measured = frame["attack"].mask(frame["metric"] == "clean_accuracy", "clean")
    frame["quantity"] = frame["rule"].replace(_PUBLISHED_AS) + "_" + measured
    published = tidy.published(_NAME)[["quantity", "published", "source", "note"]]
    return compare_cells(
        tidy,
        frame.merge(published, on="quantity", how="left"),
        "model rule attack metric quantity",
        rule=list(MODELS),
        # The clean accuracy that belongs to no attack stands before those that do.
        attack=["any", *sorted(set(frame["attack"]) - {"any"})],
        metric=list(METRICS),
    )


def row_label(rule: str, attack: str, metric: str) -> tuple[str, str]:
    """How a row is called: the model with its training attack, and the accuracy measured."""
    trained = f" on {ATTACKS(attack)}" if rule == "all" else ""
    measured = "clean" if metric == "clean_accuracy" else f"under {ATTACKS(attack)}"
    return MODELS(rule) + trained, measured


def yes_or_no(verdict: object) -> str:
    """Whether an interval holds the published value, or a dash where that is not known."""
    return verdict if isinstance(verdict, str) else ABSENT


def _readable(lines: pd.DataFrame) -> list[list[str]]:
    return [
        [
            *row_label(str(line.rule), str(line.attack), str(line.metric)),
            comparison(line),
            yes_or_no(line.published_inside_ci),
            yes_or_no(line.published_inside_prediction),
        ]
        for line in lines.itertuples()
    ]


def build(tidy: SelectiveTidy) -> Table:
    """Published and reproduced baselines, every universe and protocol."""
    frame = compare(tidy)
    return Table(
        title="Baselines",
        caption=SAY.baselines(seed_count(frame["n"])),
        frame=frame,
        groups=blocks(tidy, frame, _readable),
        how=HOW,
        columns=["model", "accuracy", "reproduced (published)", "in mean's", "in run's"],
        keys=_KEYS,
        sources=[Source("selective_metrics", _rows(tidy))],
        published=[("quantity", "quantity")],
        notes=[*common_notes(tidy, frame), SAY.baselines_note()],
    )


def headline_rows(tidy: SelectiveTidy) -> Rows:
    """Header and rows of the headline table: the baselines beside the published numbers.

    Where no number is published for the run's data and network, the measured ones alone.
    """
    pair = primary_pair(tidy)
    frame = pair.of(compare(tidy))
    seeds = seed_count(frame["n"])
    beside = tidy.study.belongs_beside(pair.universe)
    how = f"mean of {seeds.words}" if seeds.most > 1 else "one seed"
    mean = f"{'reproduced' if beside else 'measured'} ({how})"
    header = ["model", "accuracy", "published", mean, "difference", "within one run"]
    rows = [
        [
            *row_label(line["rule"], line["attack"], line["metric"]),
            format_number(line["published"], 4),
            share_with_interval(line["mean"], line["ci_low"], line["ci_high"]),
            format_signed(line["difference"]),
            yes_or_no(line["published_inside_prediction"]),
        ]
        for line in records(frame)
    ]
    if beside:
        return header, rows
    own = [0, 1, 3]
    return [header[at] for at in own], [[row[at] for at in own] for row in rows]
