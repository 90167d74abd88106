"""What the numbers say about the paper's claim, in sentences derived from the intervals alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from advlearn.report.numbers import ABSENT, number, signed, with_interval
from advlearn.report.writers import plain_text
from advlearn.studies.selective.paper.common import (
    CLUSTERER_LABELS,
    POOLED,
    attack_label,
    scope_label,
    scopes,
)
from advlearn.studies.selective.paper.schema import SelectiveTidy
from advlearn.studies.selective.paper.tables import baselines as selective_baselines
from advlearn.studies.selective.paper.tables import controls as selective_controls

_FLOOR = 0.02  # adversarial accuracy below which differences cannot show
_AGAINST = {
    "subset": "an equally large random subset",
    "all": "adversarial training on all images",
    "none": "retraining on clean images only",
}


@dataclass(frozen=True)
class Verdict:
    """One random cluster against one control, for one clusterer and attack.

    Attributes:
        control: ``subset``, ``all`` or ``none``.
        clusterer: name of the clusterer.
        attack: name of the attack.
        difference: mean paired difference in adversarial accuracy.
        low: lower bound of its 95 % interval; NaN for one seed.
        high: upper bound.
        n: number of seeds.
    """

    control: str
    clusterer: str
    attack: str
    difference: float
    low: float
    high: float
    n: int

    @property
    def outcome(self) -> str:
        """``better`` or ``worse`` where the interval excludes zero, else ``open``."""
        if pd.isna(self.low) or self.low <= 0 <= self.high:
            return "open"
        return "better" if self.low > 0 else "worse"


def verdicts(tidy: SelectiveTidy, scope: tuple[str, str] | None = None) -> list[Verdict]:
    """Rule ``random`` against its controls, after PCA where the run has it.

    Adversarial accuracy on the test images, mean over the settings of a clusterer within each
    seed. Empty where the run has no selection that is smaller than all images.

    Args:
        tidy: the run.
        scope: (universe, protocol); the pair beside the published numbers by default.
    """
    frame = _random(tidy, scope or _primary(tidy))
    found = []
    for control in _AGAINST:
        name = f"difference_{control}"
        for row in frame.dropna(subset=[name]).to_dict(orient="records"):
            found.append(
                Verdict(
                    control,
                    str(row["clusterer"]),
                    str(row["attack"]),
                    float(row[name]),
                    float(row[f"{name}_low"]),
                    float(row[f"{name}_high"]),
                    int(row[f"{name}_n"]),
                )
            )
    return found


def sentences(tidy: SelectiveTidy) -> list[str]:
    """How often one random cluster beat its controls, and by how much, one sentence a comparison.

    All controls beside the published numbers; in the other universes and protocols the equally
    large random subset alone. The sentences are derived from the intervals; nothing in them is
    written by hand for a run.
    """
    primary = _primary(tidy)
    result = []
    for scope in scopes(tidy):
        found = verdicts(tidy, scope)
        for control in _AGAINST if scope == primary else ["subset"]:
            some = [verdict for verdict in found if verdict.control == control]
            if some:
                result.append(_sentence(some, scope))
        highest = _random(tidy, scope)["mean"].max()
        if found and highest < _FLOOR:
            result.append(
                f"In {scope_label(scope)} no selection exceeds {number(highest)} adversarial"
                " accuracy: at this floor nothing can differ, and 'not distinguishable' says"
                " nothing about selection."
            )
    if not result:
        result.append(
            "This run has no cluster that is smaller than the whole training set, so it says"
            " nothing about selecting clusters."
        )
    return result


def _sentence(some: list[Verdict], scope: tuple[str, str]) -> str:
    against = _AGAINST[some[0].control]
    values = [verdict.difference for verdict in some]
    span = f"{signed(min(values))} to {signed(max(values))}"
    if all(pd.isna(verdict.low) for verdict in some):
        return (
            f"One random cluster against {against} ({scope_label(scope)}): differences in"
            f" adversarial accuracy of {span} over {len(some)} comparisons on one seed, which says"
            " nothing about chance."
        )
    count = {
        outcome: sum(verdict.outcome == outcome for verdict in some)
        for outcome in ("better", "worse", "open")
    }
    seeds = max(verdict.n for verdict in some)
    return (
        f"One random cluster against {against} ({scope_label(scope)}, {seeds} seeds): better in"
        f" {count['better']}, worse in {count['worse']} and not distinguishable in"
        f" {count['open']} of {len(some)} comparisons (clusterers and attacks; adversarial"
        f" accuracy, 95 % paired intervals); mean differences {span}."
    )


def _random(tidy: SelectiveTidy, scope: tuple[str, str]) -> pd.DataFrame:
    frame = _compared(tidy)
    frame = frame[
        (frame["universe"] == scope[0])
        & (frame["protocol"] == scope[1])
        & (frame["setting"] == POOLED)
        & (frame["rule"] == "random")
        & (frame["metric"] == "adversarial_accuracy")
    ]
    return frame[frame["reduction"] == "pca"] if (frame["reduction"] == "pca").any() else frame


@lru_cache(maxsize=2)
def _compared(tidy: SelectiveTidy) -> pd.DataFrame:
    return selective_controls.compare(tidy)


def _primary(tidy: SelectiveTidy) -> tuple[str, str]:
    return tidy.study.primary.universe, tidy.study.primary.protocol


def headline(tidy: SelectiveTidy) -> str:
    """The published and reproduced baselines and the verdict, as plain text for a terminal.

    Raises:
        UserError: a file or a column is missing.
    """
    title = (
        f"Published against reproduced: run {tidy.study.run}, {tidy.study.dataset},"
        f" {scope_label(_primary(tidy))}"
    )
    return plain_text(title, headline_rows(tidy), sentences(tidy))


def headline_rows(tidy: SelectiveTidy) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the headline table: the baselines beside the published numbers."""
    frame = selective_baselines.compare(tidy)
    frame = frame[frame["primary"] == "yes"]
    rows = []
    for row in frame.to_dict(orient="records"):
        model, accuracy = selective_baselines.row_label(
            str(row["model"]), str(row["attack"]), str(row["metric"])
        )
        verdict = row["published_inside_prediction"]
        rows.append(
            [
                model,
                accuracy,
                number(float(row["published"]), 4),
                with_interval(float(row["mean"]), float(row["ci_low"]), float(row["ci_high"])),
                signed(float(row["difference"])),
                verdict if isinstance(verdict, str) else ABSENT,
            ]
        )
    seeds = len(tidy.study.seeds)
    mean = f"reproduced (mean of {seeds} seeds)" if seeds > 1 else "reproduced (one seed)"
    return ["model", "accuracy", "published", mean, "difference", "within one run"], rows


def verdict_rows(tidy: SelectiveTidy) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the comparisons behind the sentences."""
    rows = [
        [
            CLUSTERER_LABELS.get(verdict.clusterer, verdict.clusterer),
            attack_label(verdict.attack),
            _AGAINST[verdict.control],
            with_interval(verdict.difference, verdict.low, verdict.high, sign=True),
            "not distinguishable" if verdict.outcome == "open" else verdict.outcome,
        ]
        for verdict in verdicts(tidy)
    ]
    return ["clusterer", "attack", "one random cluster minus", "difference", "outcome"], rows
