"""The answer of study 1, and its part of the page of all findings."""

from __future__ import annotations

import math

import pandas as pd

from advlearn.report.answers import Answer, Findings, of_family, seeds_in_words
from advlearn.report.frames import records
from advlearn.report.numbers import seed_count
from advlearn.report.page import Rows
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.paper.claims.words import (
    answer_sentence,
    kept_sentence,
    kind_sentence,
    other_settings_sentences,
    secondary_sentence,
)
from advlearn.studies.selective.paper.published_tables import SAY, without_published
from advlearn.studies.selective.paper.tables.claims import claim_effect
from advlearn.studies.selective.paper.universe_set import weights_of
from advlearn.studies.selective.schema import SelectiveTidy

_PAPER = "Rasheed and Khan 2023"
_CLAIM = (
    "One random cluster of adversarial images trains a more robust network than all of them, and"
    " than as many random ones."
)
_TABLE = "selective_claims"


def answer(run: SelectiveTidy) -> Answer:
    """The verdict of the primary family, and the effect that decides it."""
    return of_family(
        _family(run, "primary"),
        paper=_PAPER,
        claim=_CLAIM,
        table=_TABLE,
        unit=_unit(run),
        kind="difference",
        data=f"data set {run.study.dataset}, {_seeds(run)}",
        warning=" ".join(without_published(run)),
    )


def _unit(run: SelectiveTidy) -> str:
    """What the effects are of, and whether that is transfer alone."""
    weights = weights_of(run, "plausible")
    transfer = sum(weight for pair, weight in weights.items() if pair.protocol == "transfer")
    said = "in adversarial accuracy"
    if transfer <= 0.5:
        return said
    mostly = "" if math.isclose(transfer, 1.0) else "mostly "
    return f"{said}, {mostly}of transferred images"


def _seeds(run: SelectiveTidy) -> str:
    """The seeds of the primary comparisons; those of the run where there are none."""
    seeds = seed_count(_family(run, "primary")["n"])
    if seeds.most < 2:
        return seeds_in_words(run.study.seeds) if not seeds.most else "one seed"
    return seeds.words


def findings(run: SelectiveTidy) -> Findings:
    """The primary family, what it means, and the secondary claims."""
    primary, secondary = _family(run, "primary"), _family(run, "secondary")
    made = primary[primary["n"] > 0]
    meaning = [
        answer_sentence(run),
        kind_sentence(run),
        SAY.unreliable(int((made["failed_checks"] > 0).sum()), len(made)),
        *other_settings_sentences(run),
        secondary_sentence(run),
        kept_sentence(run),
    ]
    return Findings(
        answer(run), _rows(primary), [each for each in meaning if each], _rows(secondary)
    )


def _family(run: SelectiveTidy, name: str) -> pd.DataFrame:
    frame = verdicts(run).frame
    return frame[frame["family"] == name]


def _rows(frame: pd.DataFrame) -> Rows:
    header = ["claim", "says", "effect", "verdict"]
    return header, [
        [line["claim"], line["words"], claim_effect(line), line["verdict"]]
        for line in records(frame)
    ]
