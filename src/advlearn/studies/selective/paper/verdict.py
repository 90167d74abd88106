"""What the numbers say about the paper's claim, in sentences derived from the intervals alone."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import format_number, format_signed, with_interval
from advlearn.report.page import Rows
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS, CONTROLS
from advlearn.studies.selective.paper.published_tables import SAY
from advlearn.studies.selective.paper.tables import baselines, controls
from advlearn.studies.selective.paper.universe_protocol import (
    UniverseProtocol,
    primary_pair,
    universe_protocols,
)
from advlearn.studies.selective.schema import SelectiveTidy

_FLOOR = 0.02  # adversarial accuracy below which differences cannot show


class Verdict(NamedTuple):
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


def verdicts(tidy: SelectiveTidy, pair: UniverseProtocol | None = None) -> list[Verdict]:
    """Rule ``random`` against its controls, after PCA where the run has it.

    Adversarial accuracy on the test images, mean over the settings of a clusterer within each
    seed. Empty where the run has no selection that is smaller than all images.

    Args:
        tidy: the run.
        pair: universe and protocol; those beside the published numbers by default.
    """
    frame = _random(tidy, pair or primary_pair(tidy))
    return [
        Verdict(
            control,
            line["clusterer"],
            line["attack"],
            *(line[f"difference_{control}{part}"] for part in ("", "_low", "_high", "_n")),
        )
        for control in CONTROLS
        for line in records(frame.dropna(subset=[f"difference_{control}"]))
    ]


def sentences(tidy: SelectiveTidy) -> list[str]:
    """How often one random cluster beat its controls, and by how much, one sentence a comparison.

    All controls beside the published numbers; in the other universes and protocols the equally
    large random subset alone. The sentences are derived from the intervals; nothing in them is
    written by hand for a run.
    """
    result: list[str] = []
    for pair in universe_protocols(tidy):
        found = verdicts(tidy, pair)
        for control in CONTROLS if pair == primary_pair(tidy) else ["subset"]:
            some = [verdict for verdict in found if verdict.control == control]
            if some:
                result.append(_sentence(some, pair))
        highest = _random(tidy, pair)["mean"].max()
        if found and highest < _FLOOR:
            result.append(SAY.floor(pair.label, highest))
    return result or [SAY.no_selection()]


def _sentence(some: list[Verdict], pair: UniverseProtocol) -> str:
    differences = [verdict.difference for verdict in some]
    outcomes = Counter(verdict.outcome for verdict in some)
    text: str = SAY.random_cluster(
        against=CONTROLS(some[0].control),
        where=pair.label,
        # Without an interval nothing can be said of chance.
        seeds=1 if all(pd.isna(verdict.low) for verdict in some) else max(v.n for v in some),
        better=outcomes["better"],
        worse=outcomes["worse"],
        open=outcomes["open"],
        total=len(some),
        low=min(differences),
        high=max(differences),
    )
    return text


def _random(tidy: SelectiveTidy, pair: UniverseProtocol) -> pd.DataFrame:
    frame = pair.of(_compared(tidy))
    frame = frame[
        (frame["setting"] == controls.POOLED)
        & (frame["rule"] == "random")
        & (frame["metric"] == "adversarial_accuracy")
    ]
    return frame[frame["reduction"] == "pca"] if (frame["reduction"] == "pca").any() else frame


@lru_cache(maxsize=2)
def _compared(tidy: SelectiveTidy) -> pd.DataFrame:
    return controls.compare(tidy)


def headline_rows(tidy: SelectiveTidy) -> Rows:
    """Header and rows of the headline table: the baselines beside the published numbers."""
    rows = [
        [
            *baselines.row_label(line["rule"], line["attack"], line["metric"]),
            format_number(line["published"], 4),
            with_interval(line["mean"], line["ci_low"], line["ci_high"]),
            format_signed(line["difference"]),
            baselines.yes_or_no(line["published_inside_prediction"]),
        ]
        for line in records(primary_pair(tidy).of(baselines.compare(tidy)))
    ]
    seeds = len(tidy.study.seeds)
    mean = f"reproduced (mean of {seeds} seeds)" if seeds > 1 else "reproduced (one seed)"
    return ["model", "accuracy", "published", mean, "difference", "within one run"], rows


def verdict_rows(tidy: SelectiveTidy) -> Rows:
    """Header and rows of the comparisons behind the sentences."""
    rows = [
        [
            CLUSTERERS(verdict.clusterer),
            ATTACKS(verdict.attack),
            CONTROLS(verdict.control),
            with_interval(verdict.difference, verdict.low, verdict.high, sign=True),
            "not distinguishable" if verdict.outcome == "open" else verdict.outcome,
        ]
        for verdict in verdicts(tidy)
    ]
    return ["clusterer", "attack", "one random cluster minus", "difference", "outcome"], rows
