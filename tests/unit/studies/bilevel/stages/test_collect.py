from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from advlearn.plan import Plan
from advlearn.report.tidy import Tidy
from advlearn.studies.bilevel.settings.attack import (
    BilevelAttackJob,
    BilevelBlackboxJob,
    OnepointSettings,
)
from advlearn.studies.bilevel.settings.certify import BilevelCertifyJob
from advlearn.studies.bilevel.settings.delta import BilevelDeltaSettings
from advlearn.studies.bilevel.settings.path import BilevelDataJob, BilevelPathJob
from advlearn.studies.bilevel.settings.study import BilevelCollectJob
from advlearn.studies.bilevel.stages import collect as stage
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.studies.bilevel.stages.blackbox import bilevel_blackbox
from advlearn.studies.bilevel.stages.certify import bilevel_certify
from advlearn.studies.bilevel.stages.data import bilevel_data
from advlearn.studies.bilevel.stages.delta import bilevel_delta
from advlearn.studies.bilevel.stages.onepoint import bilevel_onepoint
from advlearn.studies.bilevel.stages.path import bilevel_path
from advlearn.support.checksums import sha256_of
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, write_csv
from tests.helpers.configuration import merged

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[5]
PUBLISHED = ROOT / "config" / "published"


def plan() -> Plan:
    """The smoke run with two point sets, two seeds, and one experiment on one set alone."""
    values: dict[str, Any] = {}
    for file in ("config.yaml", "smoke.yaml"):
        values = merged(values, yaml.safe_load((ROOT / "config" / file).read_text()))
    changes = {
        "datasets": {
            "blobs": {"points": 18, "separation": 4.0},
            "moons": {"name": "moons", "points": 16},
        },
        "seeds": [0, 1],
        "experiments": {"trajectories": ["blobs"], "blackbox": ["blobs"]},
        "graph": {"n_neighbors": 5},
        "path": {"gammas": 9},
        "certify": {"complete_up_to": 16, "rounds": 2, "attacks": ["noise"]},
    }
    return Plan(merged(values, {"bilevel": changes}), [], ROOT / "requirements.txt")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that bilevel_collect gathers, made by the stages themselves."""
    here, run = plan(), tmp_path_factory.mktemp("bilevel")
    folder = run / "bilevel"
    for name in here.config.bilevel.datasets:
        given: Any = SimpleNamespace(dataset=name)
        data, path = folder / f"data/{name}.npz", folder / f"path/{name}.npz"
        bilevel_data(settings=BilevelDataJob.from_json(here.bilevel_data(given)), out=data)
        bilevel_path(
            data=data,
            name=name,
            settings=BilevelPathJob.from_json(here.bilevel_path(given)),
            out=path.with_suffix(".csv"),
        )
        known: Any = {"data": data, "path": path, "name": name}
        bilevel_certify(
            **known,
            settings=BilevelCertifyJob.from_json(here.bilevel_certify()),
            out=folder / f"certify/{name}/interval.csv",
        )
        for seed in here.bilevel_seeds:
            bilevel_attack(
                **known,
                settings=BilevelAttackJob.from_json(here.bilevel_attack()),
                seed=seed,
                out=folder / f"attack/{name}/seed{seed}.csv",
            )
            if name in here.config.bilevel.datasets_of("blackbox"):
                bilevel_blackbox(
                    **known,
                    settings=BilevelBlackboxJob.from_json(here.bilevel_blackbox()),
                    seed=seed,
                    out=folder / f"blackbox/{name}/seed{seed}.csv",
                )
    bilevel_onepoint(
        settings=OnepointSettings.from_json(here.bilevel_onepoint()), out=folder / "onepoint.csv"
    )
    bilevel_delta(
        settings=BilevelDeltaSettings.from_json(here.bilevel_delta()),
        out=folder / "delta/formulas.csv",
    )
    return run


def collect(run: Path, out: Path) -> None:
    stage.bilevel_collect(
        run=run,
        choices=PUBLISHED / "bilevel_choices.csv",
        settings=BilevelCollectJob.from_json(plan().bilevel_collect()),
        out=out / "bilevel_study.json",
    )


@pytest.fixture(scope="module")
def tidy(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tidy")
    collect(run, folder)
    return folder


def test_tables_and_figures_can_read_it(tidy: Path) -> None:
    names = {f"bilevel_{name}.csv" for name in stage.TABLES} | {"bilevel_study.json"}
    assert {path.name for path in tidy.iterdir()} == names
    loaded = Tidy(tidy, PUBLISHED)
    assert list(loaded.chosen(None)) == ["bilevel"]
    for name in stage.TABLES:
        # Columns, ranges and repeats are checked when a table is read.
        assert len(getattr(loaded, f"bilevel_{name}")), name
    assert loaded.bilevel_study.seeds == [0, 1]


def test_the_tables_hold_every_data_set_and_seed_that_they_should(tidy: Path) -> None:
    both = {"blobs", "moons"}
    wanted = {
        "path": both, "trajectories": {"blobs"}, "intervals": both, "sandwich": both,
        "attacks": both, "staircase": both, "calmness": both, "blackbox": {"blobs"},
        "defence": both,
    }  # fmt: skip
    for name, expected in wanted.items():
        frame = read_csv(tidy / f"bilevel_{name}.csv")
        assert set(frame["dataset"]) == expected, name
        if name in ("attacks", "staircase", "blackbox"):
            assert set(frame["seed"]) == {0, 1}, name


def test_the_record_says_what_was_clustered_and_how(tidy: Path) -> None:
    study = read_json(tidy / "bilevel_study.json")
    path = read_csv(tidy / "bilevel_path.csv")
    for name, n in (("blobs", 18), ("moons", 16)):
        record = study["datasets"][name]
        (chosen,) = path[(path["dataset"] == name) & (path["chosen"] == 1)].to_dict("records")
        assert (record["n"], record["d"]) == (n, 2)
        assert record["gamma"] == pytest.approx(chosen["gamma"])
        assert record["n_clusters"] == chosen["n_clusters"]
        assert record["scale"] > 0
    assert study["datasets"]["blobs"]["classes"] == 3
    assert study["run"] == "smoke"
    assert study["settings"]["graph"] == {"n_neighbors": 5, "phi": 0.5}
    assert study["versions"]["numpy"]


def test_the_record_holds_the_checksum_of_every_table(tidy: Path) -> None:
    files = read_json(tidy / "bilevel_study.json")["files"]
    assert set(files) == {f"bilevel_{name}.csv" for name in stage.TABLES}
    for name, checksum in files.items():
        assert sha256_of(tidy / name) == checksum


def test_every_open_choice_has_the_value_that_was_used(tidy: Path) -> None:
    choices = read_csv(tidy / "bilevel_choices.csv").set_index("key")
    assert choices.index.tolist() == read_csv(PUBLISHED / "bilevel_choices.csv")["key"].tolist()
    assert choices.loc["bilevel.graph.n_neighbors", "value"] == "5"
    assert choices.loc["bilevel.seeds", "value"] == "0 1"
    assert choices.loc["bilevel.deviation", "value"] == "not a setting"
    settings = [key for key in choices.index if choices.loc[key, "value"] != "not a setting"]
    assert len(settings) >= 7


def test_same_inputs_same_bytes(run: Path, tidy: Path, tmp_path: Path) -> None:
    collect(run, tmp_path)
    for path in tidy.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


FILES = (
    "path/blobs.csv", "path/blobs.trajectories.csv", "certify/moons/interval.csv",
    "certify/blobs/sandwich.csv", "certify/moons/calmness.csv", "certify/blobs/defence.csv",
    "attack/moons/seed1.csv", "attack/blobs/seed0.staircase.csv", "blackbox/blobs/seed1.csv",
    "onepoint.csv", "delta/formulas.csv", "delta/moved.csv", "delta/monotone.csv",
    "delta/agreement.csv",
)  # fmt: skip


def first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[1:]


def last(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:-1]


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.iloc[:1], frame])


@pytest.mark.parametrize("change", [first, doubled])
@pytest.mark.parametrize("file", FILES)
def test_lost_and_repeated_rows_are_an_error(
    run: Path, tmp_path: Path, file: str, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    path = again / "bilevel" / file
    write_csv(path, change(read_csv(path)))
    with pytest.raises(UserError, match="not the rows that the run asks for") as error:
        collect(again, tmp_path / "out")
    assert error.value.where == str(path)
    assert not (tmp_path / "out" / "bilevel_study.json").exists()


@pytest.mark.parametrize(
    ("file", "column", "kind"),
    [
        ("sandwich", "kind", "certified"), ("sandwich", "kind", "attacked"),
        ("sandwich", "kind", "unchanged"), ("defence", "parameter", "gamma"),
        ("defence", "parameter", "phi"), ("defence", "parameter", "n_neighbors"),
    ],
)  # fmt: skip
def test_a_lost_row_is_not_taken_for_a_failure(
    run: Path, tmp_path: Path, file: str, column: str, kind: str
) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    path = again / f"bilevel/certify/blobs/{file}.csv"
    frame = read_csv(path)
    lost = frame.index[frame[column] == kind][-1]
    write_csv(path, frame.drop(index=lost))
    with pytest.raises(
        UserError, match=rf"{file}.csv lacks the rows .*: 0 of .* instead of 1"
    ) as error:
        collect(again, tmp_path / "out")
    assert error.value.where == str(path)


@pytest.mark.parametrize("file", FILES[2:4] + FILES[6:])
def test_a_table_without_its_last_row_is_an_error(run: Path, tmp_path: Path, file: str) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    path = again / "bilevel" / file
    write_csv(path, last(read_csv(path)))
    with pytest.raises(UserError, match="not the rows that the run asks for"):
        collect(again, tmp_path / "out")


def test_a_missing_file_names_itself(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    (again / "bilevel/path/moons.npz").unlink()
    with pytest.raises(UserError, match=r"moons\.npz cannot be read"):
        collect(again, tmp_path / "out")
