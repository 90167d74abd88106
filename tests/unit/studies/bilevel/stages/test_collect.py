from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advlearn.plan import Plan
from advlearn.stages.tidy_folder import chosen_studies
from advlearn.studies.bilevel.schema import SCHEMA, BilevelTidy
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.studies.bilevel.stages.blackbox import bilevel_blackbox
from advlearn.studies.bilevel.stages.certify import bilevel_certify
from advlearn.studies.bilevel.stages.collect import bilevel_collect
from advlearn.studies.bilevel.stages.data import bilevel_data
from advlearn.studies.bilevel.stages.delta import bilevel_delta
from advlearn.studies.bilevel.stages.onepoint import bilevel_onepoint
from advlearn.studies.bilevel.stages.path import bilevel_path
from advlearn.studies.bilevel.stages.poison import bilevel_poison
from advlearn.studies.bilevel.study import STUDY
from advlearn.support.checksums import sha256_of
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, write_csv
from advlearn.support.manifest import Manifest
from tests.helpers.configuration import ROOT, smoke_plan, wildcards

pytestmark = pytest.mark.slow

CERTIFIED = ("sandwich", "trials", "calmness", "defence")
PUBLISHED = ROOT / "config" / "published"


def plan() -> Plan:
    """The smoke run with two point sets, two seeds, and one experiment on one set alone."""
    return smoke_plan(
        bilevel={
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
    )


def settings(stage: str, **given: str) -> Any:
    """What the rule gives a stage."""
    here = plan().study("bilevel")
    kind = STUDY.load(STUDY.stages[stage].job)
    return kind.from_json(here.job(stage)(wildcards(**given)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that bilevel_collect gathers, made by the stages themselves."""
    run = tmp_path_factory.mktemp("bilevel")
    files, collected = manifest(run), settings("bilevel_collect")
    for name in collected.datasets:
        data = files.path("data", dataset=name)
        table = files.path("path", dataset=name)
        bilevel_data(settings=settings("bilevel_data", dataset=name), out=data)
        job = settings("bilevel_path", dataset=name)
        bilevel_path(data=data, name=name, settings=job, out=table)
        known: Any = {"data": data, "path": files.path("clusterpath", dataset=name), "name": name}
        job = settings("bilevel_certify", dataset=name)
        bilevel_certify(**known, settings=job, out=files.path("intervals", dataset=name))
        for seed in collected.seeds:
            place: Any = {"dataset": name, "seed": seed}
            job = settings("bilevel_attack", dataset=name)
            bilevel_attack(**known, settings=job, seed=seed, out=files.path("attacks", **place))
            job = settings("bilevel_poison", dataset=name)
            out = files.path("poisoning", **place)
            bilevel_poison(data=data, name=name, settings=job, seed=seed, out=out)
            if name in collected.blackbox:
                job = settings("bilevel_blackbox", dataset=name)
                out = files.path("blackbox", **place)
                bilevel_blackbox(**known, settings=job, seed=seed, out=out)
    bilevel_onepoint(settings=settings("bilevel_onepoint"), out=files.path("onepoint"))
    bilevel_delta(settings=settings("bilevel_delta"), out=files.path("formulas"))
    return run


def manifest(run: Path) -> Manifest:
    """Where the rules of study 3 write, below a folder."""
    places = {
        "data": "data/{dataset}.npz",
        "clusterpath": "path/{dataset}.npz",
        "path": "path/{dataset}.csv",
        "trajectories": "path/{dataset}.trajectories.csv",
        "intervals": "certify/{dataset}/interval.csv",
        **{name: f"certify/{{dataset}}/{name}.csv" for name in CERTIFIED},
        "attacks": "attack/{dataset}/seed{seed}.csv",
        "staircase": "attack/{dataset}/seed{seed}.staircase.csv",
        "blackbox": "blackbox/{dataset}/seed{seed}.csv",
        "poisoning": "poison/{dataset}/seed{seed}.csv",
        "onepoint": "onepoint.csv",
        **{name: f"delta/{name}.csv" for name in ("formulas", "moved", "monotone", "agreement")},
    }
    return Manifest({kind: f"{run}/bilevel/{place}" for kind, place in places.items()})


def collect(run: Path, out: Path) -> None:
    bilevel_collect(
        files=manifest(run),
        choices=PUBLISHED / "bilevel" / "bilevel_choices.csv",
        settings=settings("bilevel_collect"),
        out=out / "bilevel_study.json",
    )


@pytest.fixture(scope="module")
def tidy(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tidy")
    collect(run, folder)
    return folder


def test_tables_and_figures_can_read_it(tidy: Path) -> None:
    assert {path.name for path in tidy.iterdir()} == {*SCHEMA.files, "bilevel_study.json"}
    assert [each.name for each in chosen_studies(tidy, None)] == ["bilevel"]
    loaded = BilevelTidy(tidy, PUBLISHED)
    for name in SCHEMA.tables:
        # Columns, ranges and repeats are checked when a table is read.
        assert len(loaded[name]), name
    assert loaded.study.seeds == [0, 1]


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
    assert set(files) == set(SCHEMA.files)
    for name, checksum in files.items():
        assert sha256_of(tidy / name) == checksum


def test_every_open_choice_has_the_value_that_was_used(tidy: Path) -> None:
    choices = read_csv(tidy / "bilevel_choices.csv").set_index("key")
    assert (
        choices.index.tolist()
        == read_csv(PUBLISHED / "bilevel" / "bilevel_choices.csv")["key"].tolist()
    )
    assert choices.loc["bilevel.graph.n_neighbors", "value"] == "5"
    assert choices.loc["bilevel.seeds", "value"] == "0 1"
    assert choices.loc["bilevel.deviation", "value"] == "not a setting"
    settings = [key for key in choices.index if choices.loc[key, "value"] != "not a setting"]
    assert len(settings) >= 7


def test_an_experiment_that_is_left_out_has_no_file_and_a_table_without_rows(
    run: Path, tmp_path: Path
) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    (again / "bilevel" / "onepoint.csv").unlink()
    shutil.rmtree(again / "bilevel" / "delta")
    job = settings("bilevel_collect")
    less = job.study.experiments.model_copy(update={"onepoint": False, "delta": False})
    job = job.model_copy(update={"study": job.study.model_copy(update={"experiments": less})})
    bilevel_collect(
        files=manifest(again),
        choices=PUBLISHED / "bilevel" / "bilevel_choices.csv",
        settings=job,
        out=tmp_path / "tidy" / "bilevel_study.json",
    )
    loaded = BilevelTidy(tmp_path / "tidy", PUBLISHED)
    assert loaded.left_out == ["bilevel_onepoint", "bilevel_delta"]
    without = {name for name in SCHEMA.tables if not len(loaded[name])}
    assert without == {
        name for name, table in SCHEMA.tables.items() if table.stage in loaded.left_out
    }


def test_same_inputs_same_bytes(run: Path, tidy: Path, tmp_path: Path) -> None:
    collect(run, tmp_path)
    for path in tidy.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


FILES = (
    "path/blobs.csv", "path/blobs.trajectories.csv", "certify/moons/interval.csv",
    "certify/blobs/sandwich.csv", "certify/moons/calmness.csv", "certify/blobs/defence.csv",
    "attack/moons/seed1.csv", "attack/blobs/seed0.staircase.csv", "blackbox/blobs/seed1.csv",
    "poison/moons/seed0.csv",
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
    with pytest.raises(UserError, match="lacks the rows that the run asks for") as error:
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
    with pytest.raises(UserError, match="lacks the rows that the run asks for"):
        collect(again, tmp_path / "out")


def test_a_missing_file_names_itself(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    (again / "bilevel/path/moons.npz").unlink()
    with pytest.raises(UserError, match=r"moons\.npz cannot be read"):
        collect(again, tmp_path / "out")
