"""What study 2 calls things: readable names, their order, and their looks in figures."""

from __future__ import annotations

from advlearn.report.labels import (
    BLACK,
    BLUE,
    GREEN,
    LONGEST,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Labels,
)
from advlearn.support.text import shown

METHODS = Labels(
    {
        "tkmia": ("TkMIA", BLUE, "o", "-"),
        "tkml_ap_u": ("TkML-AP-U", VERMILION, "s", "--"),
        "kfool": ("kFool", GREEN, "^", "-."),
        "kfool_s": ("kFool (S)", GREEN, ">", ":"),
        "ml_cw_u_a": ("ML-CW-U (a)", PURPLE, "D", ":"),
        "ml_cw_u_b": ("ML-CW-U (b)", SKY, "v", "-."),
        "ml_cw_u_c": ("ML-CW-U (c)", ORANGE, "P", "--"),
        "ml_cw_u_d": ("ML-CW-U (d)", ORANGE, "<", ":"),
        "projected": ("projected", BLACK, "X", ":"),
        "noise": "random noise",
    }
)
MEASURES = Labels(
    {
        "delta_tkacc": ("ΔTkAcc", BLUE, "o", "-"),
        "delta_p": ("ΔP@k", VERMILION, "s", "--"),
        "delta_map": ("ΔmAP@k", GREEN, "^", "-."),
        "delta_ndcg": ("ΔNDCG@k", PURPLE, "D", ":"),
    }
)
"""Ranking measures, adversarial minus clean."""
RATES = Labels({"asr": ("ASR", BLUE, "o", "-"), "stealth_asr": ("stealth ASR", ORANGE, "s", "--")})
NORMS = Labels({"l2": ("L2", BLACK, "o", "-")})
QUANTITIES = Labels(
    {
        "asr_difference": "success rate",
        "l2_ratio": "L2 norm, ratio",
        **{f"abs_{name}_difference": f"size of {MEASURES(name)}" for name in MEASURES},
    }
)
"""What two attacks on the same images are compared by, see `pairs`."""
SCHEMES = Labels({"global": "fixed label sets", "random": "random labels"})
SURROGATES = Labels(
    {
        "average": "average of the top k (paper)",
        "exact": "exact order statistic",
        "hinge": "hinge on the exact order statistic",
        "removal": "exact order statistic of the removal alone",
    }
)
KNOWLEDGE = Labels({"truth": "the truth", "inferred": "inferred from the model"})


def label_set(scheme: str, labels: str, n_specified: int) -> str:
    """``vehicles, |S| = 7`` for a fixed set, ``random, |S| = 2`` for labels drawn per image."""
    return f"{'random' if scheme == 'random' else labels}, |S| = {n_specified}"


def drawn_or_set(scheme: str, labels: str, n_specified: int) -> str:
    """`label_set` for a sentence: ``vehicles``, or ``2 random labels``."""
    if scheme != "random":
        return shown(labels)
    return f"{n_specified} random label{'' if n_specified == 1 else 's'}"


def short_label_set(scheme: str, labels: str, n_specified: int) -> str:
    """`label_set` with as much of the user's name as a figure has room for."""
    return label_set(scheme, shown(labels, LONGEST), n_specified)
