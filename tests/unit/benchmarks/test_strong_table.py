"""The line of a network in the table of strong attacks."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from advlearn.attacks.sanity import strength_checks
from advlearn.settings.attack import PgdSettings
from benchmarks import strong_table


def rows(case: str, worst: float, peer: float, checks: tuple[int, int]) -> list[dict[str, object]]:
    about = {"case": case, "norm": "linf", "epsilon": 0.1, "images": 500, "clean": 0.96}
    robust = {
        "apgd": 0.4,
        "square": 0.9,
        "worst case of study 1": worst + 0.01,
        "fgsm": 0.7,
        "pgd-20": 0.5,
        "pgd 5x2": 0.45,
        "autoattack of 100 steps": peer,
        "autoattack of 10 steps": 0.4,
    }
    found: list[dict[str, object]] = [
        {**about, "attack": name, "robust": value} for name, value in robust.items()
    ]
    found[1]["so_far"] = worst
    found[3] |= dict(zip(strong_table.CHECKS, checks, strict=True))
    found[4] |= dict.fromkeys(strong_table.CHECKS, 1)
    return found


def test_a_network_has_one_line_beside_autoattack() -> None:
    frame = pd.DataFrame([*rows("plain", 0.33, 0.32, (1, 1)), *rows("masked", 0.1, 0.1, (0, 1))])
    plain, masked = (row for _, row in strong_table.by_network(frame).iterrows())
    assert (plain["worst"], plain["peer"], plain["study_1"]) == (0.33, 0.32, 0.34)
    assert plain["points_above"] == pytest.approx(1.0)
    assert (plain["flagged"], masked["flagged"]) == ("none", "FGSM")
    met = [[goal.met(row) for goal in strong_table.goals(row)] for row in (plain, masked)]
    assert met == [[False], [True]]


def test_the_checks_are_those_that_the_table_reads() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    images, labels = torch.rand(6, 1, 2, 2), torch.arange(6) % 3
    found = strength_checks(model, images, labels, PgdSettings(epsilon=0.1, steps=2), 0)
    assert [check.check for check in found] == list(strong_table.CHECKS)
