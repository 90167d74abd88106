from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from advlearn.studies.bilevel.paper.schema import SCHEMA
from advlearn.studies.bilevel.settings.attack import OnepointSettings
from advlearn.studies.bilevel.stages.onepoint import bilevel_onepoint
from advlearn.support.io import read_csv


def test_one_changed_digit(tmp_path: Path) -> None:
    settings = OnepointSettings(pairs=((8, 9),), points=12, lengths=(1.0, 0.7), seeds=(0,))
    bilevel_onepoint(settings=settings, out=tmp_path / "one.csv")
    frame = read_csv(tmp_path / "one.csv")
    assert list(frame.columns) == list(SCHEMA.tables["bilevel_onepoint"].columns)
    SCHEMA.tables["bilevel_onepoint"].checked(frame, Path("onepoint"), "")
    assert frame["pair"].unique().tolist() == ["digits_8_9"]
    assert frame["method"].tolist() == ["one_point", "noise"]
    assert (frame[["n", "d"]].to_numpy() == [354, 64]).all()
    assert (frame["l2"] <= settings.radius * (1 + 1e-9)).all()
    assert (frame["linf"] <= 16).all()
    # Of two clusters, delta^2 = 2 m (n - m) for m points moved.
    moved = frame["misclustered"]
    assert (frame["delta_squared"] == 2 * moved * (354 - moved)).all()
    assert moved[0] > 10


def test_pairs_are_of_different_digits() -> None:
    with pytest.raises(ValidationError, match="two different digits"):
        OnepointSettings(pairs=((4, 4),))
    with pytest.raises(ValidationError):
        OnepointSettings(pairs=((4, 10),))
