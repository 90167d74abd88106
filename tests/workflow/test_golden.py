"""Numbers of the smoke run against those that are kept: also on another processor."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.workflow.golden import GOLDEN, KEPT, TABLES, differences, kept
from tests.workflow.project import Project

pytestmark = pytest.mark.xdist_group("smoke")


@pytest.mark.parametrize("name", KEPT)
def test_the_smoke_run_gives_the_kept_numbers(smoke: Project, name: str) -> None:
    found, golden = kept(smoke.root / TABLES, name), kept(GOLDEN, name)
    wrong = differences(found, golden, KEPT[name].absolute, KEPT[name].relative)
    assert not wrong, "\n".join(wrong[:20])


def test_all_that_is_kept_is_compared() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(KEPT)


def test_more_than_the_tolerance_is_found() -> None:
    golden = pd.DataFrame({"name": ["a", "b"], "value": [0.5, None]})
    assert differences(golden, golden, 0.0, 0.0) == []
    assert differences(golden.assign(value=[0.55, float("nan")]), golden, 0.1, 0.0) == []
    assert len(differences(golden.assign(value=[0.65, float("nan")]), golden, 0.1, 0.0)) == 1
    assert len(differences(golden.assign(value=[0.5, 0.5]), golden, 0.1, 0.0)) == 1
    assert len(differences(golden.assign(name=["a", "c"]), golden, 0.1, 0.0)) == 1
    assert differences(golden[:1], golden, 1.0, 1.0)
