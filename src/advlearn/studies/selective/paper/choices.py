"""The open choices of the search as readers see them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from advlearn.report.labels import Labels
from advlearn.studies.selective.paper.labels import PROTOCOLS

SHORT_QUESTIONS = Labels(
    {
        "model": "network",
        "dropout": "dropout",
        "input": "scale of the input",
        "optimiser": "optimiser",
        "rate": "learning rate",
        "batch": "batch size",
        "clean_training": "clean training",
        "epsilon": "epsilon 0.5",
        "pgd_step": "step of PGD",
        "clipping": "cut to [0, 1]",
        "ball": "ball round the",
        "fgsm_labels": "labels in FGSM",
        "start": "start of retraining",
        "schedule": "schedule",
        "clean_steps": "clean steps for each",
        "adversarial_steps": "adversarial steps",
        "steps_are": "number of steps",
        "retraining_rate": "rate, times training's",
        "further_epochs": "further clean epochs",
        "crafting": "crafting",
        "protocol": "protocol",
    }
)
"""What the paper leaves open as a figure has room for it, in the order in which it is decided."""
GROUPS = {
    "Network": ("model", "dropout", "input"),
    "Training": ("optimiser", "rate", "batch", "clean_training"),
    "Attack": ("epsilon", "pgd_step", "clipping", "ball", "fgsm_labels"),
    "Evaluation": ("protocol",),
    "Retraining": (
        "start",
        "schedule",
        "clean_steps",
        "adversarial_steps",
        "steps_are",
        "retraining_rate",
        "further_epochs",
        "crafting",
    ),
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)")
_ACRONYMS = {"mlp": "MLP", "cnn": "CNN", "sgd": "SGD", "adam": "Adam"}


def answer_label(question: str, answer: str) -> str:
    """An answer as readers see it."""
    if question == "protocol":
        return PROTOCOLS(answer)
    first, comma, rest = answer.replace("_", " ").partition(",")
    return f"{_ACRONYMS.get(first, first)}{comma}{rest}"


def in_order(answers: Iterable[str]) -> list[str]:
    """The answers once each, numbers by their size."""

    def key(answer: str) -> list[tuple[bool, float, str]]:
        parts = [part for part in _NUMBER.split(answer) if part]
        return [
            (False, float(part), "") if _NUMBER.fullmatch(part) else (True, 0.0, part)
            for part in parts
        ]

    return sorted(set(answers), key=key)


def by_question(marginals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Answers with the numbers of each question, all in their order.

    Args:
        marginals: question, answer, weight, prior, and more.
    """
    found = {}
    for question in SHORT_QUESTIONS.order(marginals["question"]):
        part = marginals[marginals["question"] == question].set_index("answer")
        found[question] = part.loc[in_order(part.index)].drop(columns="question")
    return found


def distance(part: pd.DataFrame) -> float:
    """How far the weights of a question are from its prior: total variation, in [0, 1]."""
    return float((part["weight"] - part["prior"]).abs().sum() / 2)
