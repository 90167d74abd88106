"""The plausible set as a configuration: the universes that hold most of the weight.

Beside them stand the heaviest universes of two groups, in which the study tests a prediction: those
with a fixed number of adversarial steps, and those whose number follows the size of a cluster.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.studies.selective.search.likelihood import answers, heaviest
from advlearn.studies.selective.search.space import draws, follows_the_size
from advlearn.support.errors import UserError

LEAST, MOST = 3, 10
"""Universes of the plausible set, at least and at most; of a group at most."""


def plausible_universes(frame: pd.DataFrame, weighted: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Universes of a configuration by name, with their weights in the sets they belong to.

    A universe of a group that is in the plausible set, too, has one entry, so that it runs once.

    Args:
        frame: rows of the tidy table.
        weighted: their weights (``likelihood.weights``).

    Raises:
        UserError: no universe has weight, or the table is of another space of universes.
    """
    if not weighted["weight"].sum() > 0:
        raise UserError(
            "no universe of the search has weight, so none is plausible",
            where=f"{weighted['universe'].nunique()} universes",
            remedy="search more of them: raise 'selective.calibrate.draws'",
        )
    answered = answers(frame)
    follows = weighted["universe"].map(answered["adversarial_steps"].map(follows_the_size))
    members = {
        "plausible": _plausible(weighted),
        "fixed": _first(weighted[~follows.astype(bool)]),
        "following": _first(weighted[follows.astype(bool)]),
    }
    names: dict[tuple[int, str], str] = {}
    found: dict[str, dict[str, Any]] = {}
    for group, rows in members.items():
        total = float(rows["weight"].sum())
        for line in rows.to_dict("records"):
            pair = (int(line["universe"]), str(line["protocol"]))
            if pair not in names:
                number = 1 + sum(name.startswith(f"{group}_") for name in found)
                names[pair] = f"{group}_{number}"
                found[names[pair]] = _entry(*pair, answered)
            found[names[pair]]["sets"][group] = float(f"{float(line['weight']) / total:.6g}")
    return found


def _plausible(weighted: pd.DataFrame) -> pd.DataFrame:
    """Those that hold most of the weight; a set of fewer than three would be one winner."""
    return _first(weighted)[: max(LEAST, len(heaviest(weighted)))]


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    """The heaviest of a group that have any weight."""
    ordered = rows.sort_values(["weight", "universe", "protocol"], ascending=[False, True, True])
    return ordered[ordered["weight"] > 0][:MOST]


def _entry(number: int, protocol: str, answered: pd.DataFrame) -> dict[str, Any]:
    (draw,) = draws(number, 1)
    # The table may be of another version, in which the number stood for something else.
    for question, there in answered.loc[[number]].fillna("").iloc[0].items():
        if there != draw.answers[str(question)]:
            raise UserError(
                f"draw {number} has another answer to '{question}' here than in the table",
                where=f"{there!r} in the table, {draw.answers[str(question)]!r} in this version",
                remedy="use the version of the project that made the table, or search again",
            )
    described = draw.universe.description.rstrip(".") + f"; {protocol} accuracy."
    # Complete: what is laid over an older entry of the same name leaves nothing of it.
    values = draw.universe.model_dump(mode="json")
    return {**values, "description": described, "protocol": protocol, "sets": {}}
