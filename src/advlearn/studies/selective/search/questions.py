"""What the paper leaves open and the search asks, and what it measures."""

from __future__ import annotations

QUESTIONS = (
    "model",
    "dropout",
    "optimiser",
    "rate",
    "batch",
    "input",
    "epsilon",
    "pgd_step",
    "clipping",
    "ball",
    "fgsm_labels",
    "clean_training",
    "start",
    "schedule",
    "clean_steps",
    "adversarial_steps",
    "retraining_rate",
    "further_epochs",
    "crafting",
)
"""Text columns of the tidy table; empty where an answer means nothing beside another one."""

CLASSIC = ("classic_clean", "classic_fgsm", "classic_pgd")
"""Shares of the validation images that are classified rightly before adversarial training."""

MEASURED = (
    *CLASSIC,
    "at_clean",
    "at_fgsm_whitebox",
    "at_fgsm_transfer",
    "at_pgd_whitebox",
    "at_pgd_transfer",
)
"""All measured shares, in the order of the tidy table."""

BASELINES = (*CLASSIC, "at_clean", "at_fgsm", "at_pgd")
"""The published baselines; the last two depend on the protocol."""

PROTOCOLS = ("whitebox", "transfer")
"""The attack is made against the model itself, or against the one before adversarial training."""

FIRST, SECOND = "first", "second"
"""Stages of the search: many universes on part of the images, the best on all of them."""

MEASURED_TO_THE_END, STOPPED, FAILED = "measured", "stopped", "failed"
"""Status of a universe: all is measured; it can have no weight any more; training diverged."""


def column_of(baseline: str, protocol: str) -> str:
    """The measured column that stands beside a published baseline under a protocol."""
    return f"{baseline}_{protocol}" if baseline in ("at_fgsm", "at_pgd") else baseline


LIKELY, RANDOM = "likelihood", "random"
"""Why the second stage measures a universe."""
