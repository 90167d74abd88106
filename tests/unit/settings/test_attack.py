from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from advlearn.settings.attack import (
    EVALUATION_ATTACKS,
    LIBRARY_ATTACKS,
    ApgdSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
    attack_from_json,
)
from advlearn.support.errors import UserError

SOURCES = Path(__file__).resolve().parents[3] / "src" / "advlearn"


def test_name_decides_the_kind() -> None:
    assert attack_from_json('{"name": "fgsm", "epsilon": 0.1}') == FgsmSettings(epsilon=0.1)
    found = attack_from_json('{"name": "pgd", "epsilon": 0.2, "steps": 10}')
    assert found == PgdSettings(epsilon=0.2, steps=10)
    assert attack_from_json(found.to_json()) == found


def test_step_size_rule() -> None:
    assert PgdSettings(epsilon=0.4, steps=10).resolved_step_size == pytest.approx(0.1)
    assert PgdSettings(epsilon=0.4, steps=10, step_size=0.03).resolved_step_size == 0.03


def test_unknown_attack_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown attack 'pdg'") as caught:
        attack_from_json('{"name": "pdg"}')
    assert caught.value.remedy.endswith("fgsm, pgd")


@pytest.mark.parametrize("name", LIBRARY_ATTACKS)
def test_an_attack_without_radius_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UserError, match="no radius") as caught:
        attack_from_json(f'{{"name": "{name}"}}')
    assert f"advlearn.attacks.{name}" in str(caught.value)
    assert (SOURCES / "attacks" / f"{name}.py").is_file()


@pytest.mark.parametrize("name", EVALUATION_ATTACKS)
def test_an_attack_that_judges_is_refused_where_one_trains(name: str) -> None:
    with pytest.raises(UserError, match="judges networks") as caught:
        attack_from_json(f'{{"name": "{name}"}}')
    assert f"advlearn.attacks.{name}" in str(caught.value)
    assert (SOURCES / "attacks" / f"{name}.py").is_file()


def test_settings_of_judges_survive_json() -> None:
    apgd = ApgdSettings(epsilon=0.1, norm="l2", deviation="targeted_dlr", targets=None)
    assert ApgdSettings.from_json(apgd.to_json()) == apgd
    fab = FabSettings(epsilon=0.1, restarts=3, targets=None)
    assert FabSettings.from_json(fab.to_json()) == fab
    square = SquareSettings(epsilon=0.1, queries=7, share=0.3)
    assert SquareSettings.from_json(square.to_json()) == square


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ApgdSettings, {"epsilon": 1.5}),
        (ApgdSettings, {"epsilon": -0.1}),
        (ApgdSettings, {"steps": 0}),
        (ApgdSettings, {"restarts": 0}),
        (ApgdSettings, {"targets": 0}),
        (ApgdSettings, {"deviation": "hinge"}),
        (ApgdSettings, {"step_size": 0.1}),
        (FabSettings, {"epsilon": 1.5}),
        (FabSettings, {"steps": 0}),
        (FabSettings, {"targets": 0}),
        (SquareSettings, {"epsilon": 1.5}),
        (SquareSettings, {"queries": 0}),
        (SquareSettings, {"share": 0.0}),
        (SquareSettings, {"share": 1.1}),
        (SquareSettings, {"norm": "l1"}),
    ],
)
def test_judges_with_values_out_of_range(
    kind: type[ApgdSettings | FabSettings | SquareSettings], wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(wrong)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"name": "fgsm", "steps": 3}', "steps"),
        ('{"name": "pgd", "epsilon": -0.1}', "epsilon"),
        ('{"name": "pgd", "epsilon": NaN}', "epsilon"),
        ('{"name": "pgd", "norm": "l1"}', "norm"),
        ('{"name": "pgd", "deviation": "hinge"}', "deviation"),
    ],
)
def test_errors_name_the_key(text: str, key: str) -> None:
    with pytest.raises(UserError) as caught:
        attack_from_json(text)
    assert key in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": -1.0},
        {"epsilon": float("nan")},
        {"epsilon": float("inf")},
        {"steps": 0},
        {"step_size": 0.0},
        {"restarts": 0},
        {"restarts": 2, "random_start": False},
    ],
)
def test_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PgdSettings(**wrong)
