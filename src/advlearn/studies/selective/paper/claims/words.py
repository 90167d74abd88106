"""What the claims of a run say, in sentences whose numbers are those of their rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pandas as pd

from advlearn.report.claims import Verdict
from advlearn.report.frames import records
from advlearn.report.numbers import seed_count, with_interval
from advlearn.report.paired import LEVEL, MOST_SEEDS
from advlearn.studies.selective.paper.claims.catalogue import GAIN
from advlearn.studies.selective.paper.claims.comparisons import (
    PAPER_CLUSTERERS,
    change_of,
    strong_evaluation,
)
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS
from advlearn.studies.selective.paper.published_tables import SAY
from advlearn.studies.selective.paper.universe_protocol import UniverseProtocol
from advlearn.studies.selective.paper.universe_set import weights_of
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.settings.universe import UniverseSet

_FLOOR = 0.02
"""Adversarial accuracy below which differences hardly show."""
_CURVES = {"selective_table1_fgsm": "fgsm", "selective_table2_pgd": "pgd"}


def where(tidy: SelectiveTidy, name: str) -> str:
    """The universes of a set as sentences call them.

    Args:
        tidy: the run.
        name: ``plausible``, ``fixed`` or ``following``, or the name of a universe.
    """
    if name not in get_args(UniverseSet):
        return UniverseProtocol(name, tidy.study.protocol_of(name)).label
    pairs = list(weights_of(tidy, name))
    return pairs[0].label if len(pairs) == 1 else f"{len(pairs)} {name} universes"


def _where(tidy: SelectiveTidy, line: Mapping[str, Any]) -> str:
    """The universes of an effect: not all of a set have every comparison."""
    pairs = weights_of(tidy, name) if (name := line["set"]) in get_args(UniverseSet) else {}
    if line["n_universes"] in (0, len(pairs)) or not pairs:
        return where(tidy, name)
    return f"{line['n_universes']} of {len(pairs)} {name} universes"


def sentence(tidy: SelectiveTidy, line: Mapping[str, Any]) -> str:
    """One claim with its verdict and the numbers behind it."""
    correction = "holm" if pd.notna(line["p_holm"]) else "bh"
    name = {"holm": "Holm", "bh": "Benjamini and Hochberg"}[correction]
    few = line["n"] < 2 or line["n"] > MOST_SEEDS
    disagree = not few and (line["p"] < LEVEL) != (line["p_exact"] < LEVEL)
    fewest = 2.0 ** (1 - line["n"])
    accuracies = line["first"], line["first"] - line["mean"]
    adversarial = "adversarial accuracy" in line["test"]
    said: str = SAY.claim(
        {
            **line,
            "correction": name if pd.notna(line["ci_low"]) else "",
            "corrected": line[f"p_{correction}"],
            "margin_corrected": line[f"p_margin_{correction}"],
            "margin": margin_of(line),
            "disagree": disagree and pd.notna(line["p"]),
            "fewest": fewest if fewest >= LEVEL else 0,
            "floor": _FLOOR if adversarial and max(accuracies) < _FLOOR else 0,
            "two_kinds": "DBSCAN" in line["words"],
            "shares": line["claim"].startswith("F") and pd.notna(line["images"]),
        },
        _where(tidy, line),
    )
    return said


def margin_of(line: Mapping[str, Any]) -> str:
    """What the one-sided test at the smallest effect of interest excludes, in words."""
    smallest = f"{line['smallest']:g}"
    low, high = line["within_low"], line["within_high"]
    if low == 0:
        return f"a gain of {smallest} or more"
    if math.isinf(high):
        return f"a loss of {smallest} or more"
    return f"a fall of less than {smallest}" if math.isinf(low) else f"a change of {smallest}"


def page_sentences(tidy: SelectiveTidy) -> list[str]:
    """The answer of the primary family first, then the other families in one sentence each."""
    frame = verdicts(tidy).frame
    said = [answer_sentence(tidy), kind_sentence(tidy), secondary_sentence(tidy)]
    said += other_settings_sentences(tidy)
    if not (tidy.study.weights("fixed") or tidy.study.weights("following")):
        return said
    prediction = {line["set"]: line for line in records(frame[frame["family"] == "prediction"])}
    slopes = published_changes(tidy) if tidy.study.of_the_papers_data else []
    fixed, following = (_verdict_and_effect(prediction[name]) for name in ("fixed", "following"))
    said.append(SAY.prediction(fixed, following, slopes))
    return said


def _verdict_and_effect(line: Mapping[str, Any]) -> str:
    verdict = str(line["verdict"])
    if pd.isna(line["mean"]):
        return verdict
    effect = with_interval(line["mean"], line["ci_low"], line["ci_high"], sign=True)
    return f"{verdict}, {effect}"


def kind_sentence(tidy: SelectiveTidy) -> str:
    """What adversarial accuracy is in the plausible set, and what strong attacks leave of it."""
    pairs = list(weights_of(tidy, "plausible"))
    models = strong_evaluation(tidy).single
    models = models[models["rule"] == "all"]
    attack = next(iter(ATTACKS.order(models["attack"])), "")
    models = models[models["attack"] == attack]
    kept = models.groupby("universe")["value"].mean()
    transfer = sum(pair.protocol == "transfer" for pair in pairs)
    shares = [(pair.universe, kept[pair.universe]) for pair in pairs if pair.universe in kept]
    said: str = SAY.kind(transfer, len(pairs), shares, ATTACKS.short(attack))
    return said


def secondary_sentence(tidy: SelectiveTidy) -> str:
    """The verdicts of the secondary claims, counted."""
    frame = verdicts(tidy).frame
    secondary = frame[frame["family"] == "secondary"]
    said: str = SAY.secondary(len(secondary), _counts(secondary))
    return said


def other_settings_sentences(tidy: SelectiveTidy) -> list[str]:
    """The primary family in each universe outside the sets, counted."""
    frame = verdicts(tidy).frame
    said = []
    for name, part in frame[frame["family"] == "standard"].groupby("set", sort=False):
        effects = part["mean"]
        label = where(tidy, str(name))
        said.append(SAY.elsewhere(label, len(part), _counts(part), effects.min(), effects.max()))
    return said


def kept_sentence(tidy: SelectiveTidy) -> str:
    """The secondary claims that hold, each with its effect."""
    frame = verdicts(tidy).frame
    holding = (frame["family"] == "secondary") & (frame["verdict"] == str(Verdict.HOLDS))
    said: str = SAY.kept(records(frame[holding]))
    return said


def published_changes(tidy: SelectiveTidy) -> list[tuple[str, float]]:
    """Changes of the four published curves of adversarial accuracy, over 2 to 10 clusters.

    Returns:
        Name of the curve and its change, in the order of the tables.
    """
    found = []
    for name, attack in _CURVES.items():
        frame = tidy.published(name)
        frame = frame[(frame["metric"] == "adversarial_accuracy") & (frame["n_clusters"] >= 2)]
        for clusterer in PAPER_CLUSTERERS:
            curve = frame[frame["algorithm"] == clusterer]
            numbers = curve["n_clusters"].to_numpy(float)
            change = change_of(numbers, curve["published"].to_numpy(float))
            found.append((f"{CLUSTERERS(clusterer)}, {ATTACKS(attack)}", change))
    return found


def answer_sentence(tidy: SelectiveTidy) -> str:
    """The verdicts of the primary family, counted, with the range of its effects."""
    frame = verdicts(tidy).frame
    frame = frame[frame["family"] == "primary"]
    made = frame[frame["n"] > 0]
    said: str = SAY.answer(
        where=where(tidy, "plausible"),
        seeds=seed_count(frame["n"]),
        total=len(frame),
        counts=_counts(frame),
        low=made["mean"].min() if len(made) else np.nan,
        high=made["mean"].max() if len(made) else np.nan,
        excluded=int((frame["p_margin_holm"] < LEVEL).sum()),
        smallest=GAIN,
        tested=len(made),
    )
    return said


def _counts(frame: pd.DataFrame) -> Counter[str]:
    return Counter({str(verdict): 0 for verdict in Verdict} | dict(Counter(frame["verdict"])))


def with_sentences(tidy: SelectiveTidy) -> pd.DataFrame:
    """The rows of all claims, each with its sentence."""
    frame = verdicts(tidy).frame
    return frame.assign(sentence=[sentence(tidy, line) for line in records(frame)])
