"""Which answers the weights speak for: the weight of each answer to each open choice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from advlearn.studies.selective.search.likelihood import answers
from advlearn.studies.selective.search.questions import FIRST, PROTOCOLS

_RATES = {"adam": (1e-4, 3e-4, 1e-3, 3e-3), "sgd": (1e-3, 1e-2, 1e-1)}
_EPOCHS = (1, 4, 11, 21)


def marginals(frame: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Weight of each answer to each question.

    Universes for which a question means nothing have no part in it. Widths, rates and epochs are
    gathered into ranges.

    Args:
        frame: rows of the tidy table.
        weights: of the universes (``likelihood.weights``).

    Returns:
        question, answer, weight, prior: the weights of a question sum to one (or are all 0 where
        nothing has weight), as do the shares of all draws, ``prior``.
    """
    answered = ranges(answers(frame))
    by_universe = weights.groupby("universe", sort=True)["weight"].sum()
    by_universe = by_universe.reindex(answered.index).fillna(0.0)
    first = frame.loc[frame["stage"] == FIRST, "universe"]
    drawn = first if len(first) else frame["universe"]
    parts = []
    for question in answered.columns:
        there = answered[question].dropna()
        weight = by_universe.loc[there.index].groupby(there).sum()
        prior = there[there.index.isin(drawn)].value_counts().reindex(weight.index).fillna(0)
        parts.append(_normalised(question, weight, prior))
    protocol = weights.groupby("protocol")["weight"].sum().reindex(list(PROTOCOLS)).fillna(0.0)
    parts.append(_normalised("protocol", protocol, pd.Series(1.0, index=protocol.index)))
    return pd.concat(parts, ignore_index=True)


def ranges(answered: pd.DataFrame) -> pd.DataFrame:
    """Answers with widths, rates and epochs as ranges, and the number of steps as a kind."""
    rates = [
        _range(float(rate), _RATES[optimiser], f"{optimiser}, ")
        for rate, optimiser in zip(answered["rate"], answered["optimiser"], strict=True)
    ]
    steps = answered["adversarial_steps"]
    return answered.assign(
        model=answered["model"].map(_family),
        rate=rates,
        clean_training=answered["clean_training"].map(_training),
        steps_are=np.where(steps.str.endswith("epoch"), "following the size", "fixed"),
    )


def _normalised(question: str, weight: pd.Series, prior: pd.Series) -> pd.DataFrame:
    total = weight.sum()
    order = sorted(weight.index, key=_place)
    weight, prior = weight.reindex(order), prior.reindex(order)
    return pd.DataFrame(
        {
            "question": question,
            "answer": weight.index.astype(str),
            "weight": (weight / total if total else weight).to_numpy(float),
            "prior": (prior / prior.sum()).to_numpy(float),
        }
    )


def _place(answer: str) -> tuple[float, str]:
    """Numbers by their size, other answers after them by their names."""
    try:
        return float(answer.split()[0]), answer
    except ValueError:
        return float("inf"), answer


def _family(model: str) -> str:
    kind, _, widths = model.partition(" ")
    if kind == "mlp":
        layers = widths.count("-") + 1
        return f"mlp, {layers} hidden layer{'s' if layers > 1 else ''}"
    return "cnn, a hidden layer" if ", " in widths else "cnn, no hidden layer"


def _training(answer: str) -> str:
    if answer.startswith("until"):
        return answer
    epochs = int(answer.split()[0])
    low, high = next((low, high) for low, high in pairwise(_EPOCHS) if epochs < high)
    return f"{low} to {high - 1} epochs"


def _range(value: float, bounds: tuple[float, ...], prefix: str) -> str:
    place = min(max(int(np.searchsorted(bounds, value, side="right")), 1), len(bounds) - 1)
    return f"{prefix}{bounds[place - 1]:g} to {bounds[place]:g}"
