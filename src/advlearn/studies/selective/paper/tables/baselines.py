"""The baselines without clusters: classic, adversarial training, retraining on clean images."""

from __future__ import annotations

import pandas as pd

from advlearn.report.intervals import beside_published, over_seeds
from advlearn.report.table import Group, Table
from advlearn.studies.selective.paper.common import (
    attack_label,
    baselines,
    common_notes,
    comparison,
    heading,
    is_primary,
    reading,
    scopes,
)
from advlearn.studies.selective.paper.schema import SelectiveTidy

_MODELS = {
    "classic": "classic training",
    "all": "adversarial training",
    "none": "retrained on clean images only",
}
_PUBLISHED_AS = {"classic": "classic", "all": "at"}


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """Published and reproduced baselines.

    Returns:
        One row a universe, protocol, model, training attack, and quantity, in the order of the
        paper, with the columns of `beside_published`. The clean accuracy of the classic model
        belongs to no attack; that of the retrained models depends on the attack.
    """
    ours = baselines(tidy)
    ours = ours[ours["metric"] != "average_accuracy"].copy()
    no_attack = ours["rule"].isin(["classic", "none"]) & (ours["metric"] == "clean_accuracy")
    # Without adversarial images the clean accuracy has nothing to do with the attack of the job.
    ours.loc[no_attack, "attack"] = "any"
    keys = ["universe", "protocol", "rule", "attack", "metric"]
    per_seed = ours.groupby([*keys, "seed"], sort=True)["value"].mean().reset_index()
    frame = over_seeds(per_seed, keys)
    published = tidy.published("selective_baselines")[["quantity", "published", "source", "note"]]
    frame["quantity"] = [
        f"{_PUBLISHED_AS.get(rule, rule)}_{'clean' if metric == 'clean_accuracy' else attack}"
        for rule, attack, metric in zip(
            frame["rule"], frame["attack"], frame["metric"], strict=True
        )
    ]
    frame = beside_published(frame.merge(published, on="quantity", how="left"))
    pairs = scopes(tidy)
    frame["_scope"] = [
        pairs.index(pair) for pair in zip(frame["universe"], frame["protocol"], strict=True)
    ]
    frame["_model"] = frame["rule"].map(list(_MODELS).index)
    # The clean accuracy that belongs to no attack stands before those that do.
    frame["_attack"] = frame["attack"].map(lambda attack: "" if attack == "any" else attack)
    frame["_metric"] = frame["metric"] != "clean_accuracy"
    frame = frame.sort_values(["_scope", "_model", "_attack", "_metric"], ignore_index=True)
    frame.insert(2, "primary", ["yes" if is_primary(tidy, p) else "no" for p in _pairs(frame)])
    frame.insert(3, "model", frame["rule"].map(_MODELS))
    columns = "universe protocol primary model rule attack metric quantity published mean".split()
    columns += "ci_low ci_high prediction_low prediction_high n difference".split()
    return frame[[*columns, "published_inside_ci", "published_inside_prediction", "source", "note"]]


def row_label(model: str, attack: str, metric: str) -> tuple[str, str]:
    """How a row is called: the model with its training attack, and the accuracy measured."""
    trained = f" on {attack_label(attack)}" if model == _MODELS["all"] else ""
    measured = "clean" if metric == "clean_accuracy" else f"under {attack_label(attack)}"
    return model + trained, measured


def build(tidy: SelectiveTidy) -> Table:
    """Published and reproduced baselines, every universe and protocol."""
    frame = compare(tidy)
    groups = []
    for pair in scopes(tidy):
        part = frame[(frame["universe"] == pair[0]) & (frame["protocol"] == pair[1])]
        rows = [
            [
                *row_label(str(row.model), str(row.attack), str(row.metric)),
                comparison(row),
                _inside(row.published_inside_ci),
                _inside(row.published_inside_prediction),
            ]
            for row in part.itertuples()
        ]
        groups.append(Group(heading(tidy, pair), rows))
    return Table(
        title="Baselines",
        caption=(
            "Accuracy on the test images before retraining (classic), after retraining with all"
            " adversarial images (adversarial training) and after the same retraining without"
            f" any. Each cell: {reading(tidy)} The last columns say whether the published value"
            " lies inside the 95 % interval of the mean and of one further run."
        ),
        frame=frame,
        columns=["model", "accuracy", "reproduced (published)", "in mean's", "in run's"],
        groups=groups,
        notes=[
            *common_notes(tidy),
            "The paper gives one clean accuracy for adversarial training; it stands beside both.",
        ],
    )


def _inside(value: object) -> str:
    return str(value) if isinstance(value, str) else "–"


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["universe"], frame["protocol"], strict=True))
