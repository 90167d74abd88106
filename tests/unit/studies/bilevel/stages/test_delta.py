from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from advlearn.studies.bilevel.paper.schema import SCHEMA
from advlearn.studies.bilevel.settings.delta import BilevelDeltaSettings
from advlearn.studies.bilevel.stages.delta import bilevel_delta
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv

SMALL = BilevelDeltaSettings(
    cases=10,
    sizes=((4, 4), (3, 3, 3)),
    points=24,
    monotone_clusters=(2, 3),
    imbalances=(1.0, 4.0),
    bins=6,
    moves=20,
    agreement_clusters=(3,),
    partitions=8,
    seeds=(0, 1),
)
NAMES = ("formulas", "moved", "monotone", "agreement")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delta")
    bilevel_delta(settings=SMALL, out=path / "formulas.csv")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_have_the_shape_that_the_paper_reads(folder: Path, name: str) -> None:
    shape = SCHEMA.tables[f"bilevel_{name}"]
    path = folder / f"{name}.csv"
    frame = read_csv(path, dtype=shape.dtypes)
    assert list(frame.columns) == list(shape.columns)
    assert len(shape.checked(frame, path, "")) == len(frame) > 0


def test_what_they_say(folder: Path) -> None:
    assert (read_csv(folder / "formulas.csv")["max_error"] == 0).all()
    monotone = read_csv(folder / "monotone.csv")
    assert len(monotone) == 2 * 2 * 6
    assert (monotone["moves"] == 20).all()
    assert monotone["violations_inside"].sum() == 0
    assert monotone["not_monotone"].sum() > 0
    agreement = read_csv(folder / "agreement.csv")
    assert set(agreement["seed"]) == {0, 1}
    moved = read_csv(folder / "moved.csv")
    assert set(moved["sizes"]) == {"4,4", "3,3,3"}


def test_same_settings_same_bytes(folder: Path, tmp_path: Path) -> None:
    bilevel_delta(
        settings=BilevelDeltaSettings.from_json(SMALL.to_json()), out=tmp_path / "formulas.csv"
    )
    for name in NAMES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (folder / f"{name}.csv").read_bytes()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"points": 8}', "points"),
        ('{"sizes": [[3]]}', "sizes"),
        ('{"sizes": [[3, 0]]}', "sizes"),
        ('{"imbalances": [0.5]}', "imbalances"),
        ('{"imbalances": [NaN]}', "finite"),
        ('{"seeds": []}', "seeds"),
        ('{"seeds": [1, 1]}', "seeds"),
        ('{"monotone_clusters": [1]}', "monotone_clusters"),
        ('{"draws": 1}', "draws"),
    ],
)
def test_wrong_settings_are_refused(text: str, key: str) -> None:
    with pytest.raises(UserError, match=key):
        BilevelDeltaSettings.from_json(text)


def test_no_torch_is_imported() -> None:
    code = "import sys, advlearn.studies.bilevel.stages.delta; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
