"""The rows of `strong_evaluation`, a line a network: ours beside AutoAttack."""

from __future__ import annotations

import pandas as pd

from benchmarks.goals import Goal, Row

CHECKS = ("iterative_not_weaker", "white_box_not_weaker")
"""Columns of FGSM and PGD-20 with the checks that compare attacks, 1 where they hold."""

_OURS = {
    "fgsm": "fgsm",
    "pgd-20": "pgd_20",
    "pgd 5x2": "pgd_restarts",
    "worst case of study 1": "study_1",
}
_JUDGED = {"fgsm": "FGSM", "pgd-20": "PGD-20"}
_PEERS = {"autoattack of 100 steps": "peer", "autoattack of 10 steps": "peer_short"}
_LAST = "square"
"""The last of the strong attacks: its `so_far` is the worst case over all of them."""


def by_network(frame: pd.DataFrame) -> pd.DataFrame:
    """Robust accuracies of each network by attack, and what is too high about them.

    Args:
        frame: rows as the benchmark writes them, a network and attack each.

    Returns:
        One row a network: case, ball, images, clean, fgsm, pgd_20, pgd_restarts, study_1, worst,
        peer, peer_short, points_above (of `worst` above AutoAttack of 100 steps), flagged (which of
        FGSM and PGD-20 a check says to be no measure), and what the benchmark says of the machine.
    """
    about = [name for name in ("date", "processor", "cores", "python", "versions") if name in frame]
    rows = []
    for case, part in frame.groupby("case", sort=False):
        by_attack = part.set_index("attack")
        first = part.iloc[0]
        alone = by_attack["robust"].to_dict()
        robust = {column: alone[name] for name, column in {**_OURS, **_PEERS}.items()}
        worst = by_attack["so_far"].to_dict()[_LAST]
        failed = by_attack.loc[list(_JUDGED), list(CHECKS)].eq(0).any(axis="columns")
        flagged = [_JUDGED[str(name)] for name in failed.index[failed]]
        rows.append(
            {
                "case": case,
                "ball": f"{first['norm']} {first['epsilon']:g}",
                "images": int(first["images"]),
                "clean": float(first["clean"]),
                **robust,
                "worst": worst,
                "points_above": 100 * (worst - robust["peer"]),
                "flagged": ", ".join(flagged) or "none",
                **{name: first[name] for name in about},
            }
        )
    return pd.DataFrame(rows)


def goals(row: Row) -> list[Goal]:
    """At most half a point above AutoAttack with the steps of its paper."""
    return [Goal("points_above", 0.5, False, "at most {} points above")]
