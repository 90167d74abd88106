"""Seeds of several runs, joined, are a run that had them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from advlearn.stages.join import join
from advlearn.stages.tables import tables
from advlearn.stages.tidy_folder import PUBLISHED, open_tidy
from advlearn.studies import study
from advlearn.support.checksums import sha256_of_all
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, write_csv, write_json
from tests.helpers.bilevel_run import write_bilevel
from tests.helpers.selective_run import write_run
from tests.helpers.topk_run import write_topk

WRITERS: dict[str, Callable[..., Any]] = {
    "selective": write_run,
    "topk": write_topk,
    "bilevel": write_bilevel,
}


def make(folder: Path, name: str, seeds: Sequence[int], **config: Any) -> Path:
    """A finished run of one study, with the records that the workflow writes."""
    WRITERS[name](folder / "tidy", seeds=[0, 1, 2])
    schema = study(name).load(study(name).tidy).schema
    for table in {*schema.tables} - {*schema.seedless}:
        # A run of fewer seeds has the same rows of those that it has.
        path = folder / "tidy" / f"{table}.csv"
        frame = read_csv(path, dtype=str, na_filter=False)
        if "seed" in frame.columns:
            write_csv(path, frame[frame["seed"].isin([str(seed) for seed in seeds])])
    path = folder / "tidy" / schema.record
    files = sha256_of_all(folder / "tidy" / each for each in schema.files)
    write_json(path, read_json(path) | {"seeds": list(seeds), "files": files})
    stage = {"jobs": 2, "seconds": 4.5, "longest_seconds": 3.0 + seeds[0], "devices": {"cpu": 2}}
    write_json(
        folder / f"run-{name}.json",
        {
            "run": folder.name,
            "recorded": f"2026-01-0{1 + seeds[0]}",
            "seeds": list(seeds),
            "study_seeds": {"selective": list(seeds), "topk": [7]},
            "code": {"evaluate": "a"},
            "raw": {"mnist": {"train": "digest"}},
            "tidy": files,
            "lock": "l",
            "devices": {"cpu": 2},
            "stages": {schema.collect: stage, "prepare": None},
            **dict.fromkeys(["source", "versions", "machine", "device"]),
        },
    )
    grid = [{"universes": ["small"], "first_seeds": len(seeds)}]
    own = {"grid": grid, "embed": {"n_components": 2}, "calibrate": {"draws": len(seeds)}} | config
    common = {"run": "r", "seeds": list(seeds), "data": {"dataset": "mnist"}, "threads": 1}
    if name == "topk":
        own["seeds"], common["seeds"] = list(seeds), [7]
    text = yaml.safe_dump({**common, name: own})
    (folder / f"config-{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def by_rows(path: Path) -> pd.DataFrame:
    frame = read_csv(path, dtype=str, na_filter=False)
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("name", WRITERS)
def test_rows_and_tables_are_those_of_one_run(name: str, tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", name, [0, 1, 2])
    parts = [make(tmp_path / "a", name, [0, 1]), make(tmp_path / "b", name, [2])]
    out = tmp_path / "joined"
    # In whatever order: what shows one seed is of the smallest.
    join(runs=parts[::-1], study=name, out=out)
    schema = study(name).load(study(name).tidy).schema
    for table in schema.tables:
        found, expected = (by_rows(each / f"tidy/{table}.csv") for each in (out, whole))
        if table == schema.choices:
            found, expected = (
                frame[~frame["key"].str.endswith(".seeds")] for frame in (found, expected)
            )
        pd.testing.assert_frame_equal(found, expected, obj=table)
    assert read_json(out / "tidy" / schema.record)["seeds"] == [0, 1, 2]
    config = yaml.safe_load((out / f"config-{name}.yaml").read_text())
    assert config["run"] == "joined"
    assert (config["seeds"], config[name].get("seeds")) == (
        ([7], [0, 1, 2]) if name == "topk" else ([0, 1, 2], None)
    )
    # The joined folder is read like any other, checksums and keys included.
    tidy = open_tidy(study(name), out / "tidy", PUBLISHED)
    assert all(tidy[table] is not None for table in schema.tables)


def test_the_record_has_the_jobs_of_all(tmp_path: Path) -> None:
    parts = [make(tmp_path / "a", "selective", [0]), make(tmp_path / "b", "selective", [1, 2])]
    out = tmp_path / "joined"
    join(runs=parts, study="selective", out=out)
    record = read_json(out / "run-selective.json")
    assert record["seeds"] == record["study_seeds"]["selective"] == [0, 1, 2]
    assert record["study_seeds"]["topk"] == [7]
    assert record["devices"] == {"cpu": 4}
    assert record["recorded"] == "2026-01-02"
    stage = record["stages"]["collect"]
    assert (stage["jobs"], stage["seconds"], stage["longest_seconds"]) == (4, 9.0, 4.0)
    assert record["stages"]["prepare"] is None
    assert [each["seeds"] for each in record["joined"]] == [[0], [1, 2]]
    tables(tidy=out / "tidy", out=out / "tables", study=["selective"])
    assert "3 seeds" in (out / "tables/selective_claims.md").read_text()


def test_what_cannot_be_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = make(tmp_path / "a", "selective", [0, 1])

    def refused(match: str, other: Path, **options: Any) -> None:
        given: dict[str, Any] = {"runs": [first, other], "out": tmp_path / "o"} | options
        with pytest.raises(UserError, match=match):
            join(**given, study="selective")
        assert not (tmp_path / "o").exists()

    other = make(tmp_path / "b", "selective", [2])
    refused("nothing to join", other, runs=[first])
    refused("is not empty", other, out=first)
    twice = make(tmp_path / "c", "selective", [1, 2])
    refused(r"the same line of the grid: universe small, seed 1, attack fgsm, red.* none", twice)
    unlike = make(tmp_path / "d", "selective", [2], embed={"n_components": 3})
    refused("more than their seeds: selective.embed.n_components is 2 and 3", unlike)
    (other / "config-selective.yaml").unlink()
    refused("the run has no record", other)
    damaged = make(tmp_path / "e", "selective", [2])
    path = damaged / "tidy/selective_metrics.csv"
    path.write_text(path.read_text()[:-20])
    refused("selective_metrics", damaged)

    older = make(tmp_path / "g", "selective", [2])
    record = read_json(older / "run-selective.json")
    write_json(older / "run-selective.json", record | {"tidy": dict.fromkeys(record["tidy"], "0")})
    refused("no record of these tables", older)
    # A record of these tables beside it, as after a run of all studies.
    write_json(older / "run.json", record)
    (older / "config-selective.yaml").rename(older / "config.yaml")
    join(runs=[first, older], study="selective", out=tmp_path / "beside")

    raw = make(tmp_path / "h", "selective", [2])
    write_json(raw / "run-selective.json", record | {"raw": {"mnist": {"train": "another"}}})
    refused("different data", raw)
    block = {"universes": ["small"], "first_seeds": 1, "select": {"nearest_share": 0.1}}
    grid = make(tmp_path / "i", "selective", [2], grid=[block])
    refused(r"selective.grid\[0\].select is None", grid)


@pytest.mark.parametrize("name", ["topk", "bilevel"])
def test_a_seed_of_two_runs_is_refused_where_there_is_no_grid(name: str, tmp_path: Path) -> None:
    runs = [make(tmp_path / "a", name, [0, 1]), make(tmp_path / "b", name, [1, 2])]
    with pytest.raises(UserError, match="two runs have the seed 1"):
        join(runs=runs, study=name, out=tmp_path / "o")


def with_lines(folder: Path, reductions: Sequence[str], baselines: str) -> Path:
    """The run with these reductions alone, its baselines and checks with one of them."""
    changed: dict[str, str] = {}
    for table in ("selective_metrics", "selective_strength", "selective_sanity"):
        path = folder / "tidy" / f"{table}.csv"
        frame = read_csv(path, dtype=str, na_filter=False)
        if table == "selective_sanity":
            shared = pd.Series(True, frame.index)
        else:
            shared = frame["clusterer"] == "single"
        frame = frame.assign(reduction=frame["reduction"].mask(shared, baselines))
        write_csv(path, frame[shared | frame["reduction"].isin(reductions)])
        changed |= sha256_of_all([path])
    for path, key in (
        (folder / "tidy/selective_study.json", "files"),
        (folder / "run-selective.json", "tidy"),
    ):
        record = read_json(path)
        write_json(path, record | {key: record[key] | changed})
    return folder


def test_lines_of_the_grid_are_joined_and_baselines_stand_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def blocks(*first_seeds: int | None) -> list[dict[str, Any]]:
        return [{"universes": ["small"], "first_seeds": each} for each in first_seeds]

    whole = make(tmp_path / "whole", "selective", [0, 1, 2])
    some = make(tmp_path / "a", "selective", [0, 1, 2], grid=blocks(None, 0))
    with_lines(some, ["none", "pca"], "pca")
    rest = make(tmp_path / "b", "selective", [0, 1, 2], grid=blocks(0, None))
    with_lines(rest, ["tsne"], "tsne")
    out = tmp_path / "joined"
    join(runs=[some, rest], study="selective", out=out)
    assert "note" not in capsys.readouterr().err
    for table in ("selective_metrics", "selective_strength", "selective_sanity"):
        found, expected = (by_rows(each / f"tidy/{table}.csv") for each in (out, whole))
        pd.testing.assert_frame_equal(found, expected, obj=table)
    assert read_json(out / "tidy/selective_study.json")["seeds"] == [0, 1, 2]
    grid = yaml.safe_load((out / "config-selective.yaml").read_text())["selective"]["grid"]
    assert [block["first_seeds"] for block in grid] == [None, None]
    # A line that is there already is not joined a second time.
    with pytest.raises(UserError, match=r"same line of the grid: universe small, seed 0.* tsne"):
        join(runs=[out, rest], study="selective", out=tmp_path / "twice")


def test_first_seeds_say_how_many_have_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, seeds: Sequence[int], first: int | None) -> Path:
        grid = [{"universes": ["small"], "first_seeds": first}]
        return make(tmp_path / name, "selective", seeds, grid=grid)

    def said(*runs: Path) -> Any:
        out = tmp_path / "-".join(each.name for each in runs)
        join(runs=list(runs), study="selective", out=out)
        config = yaml.safe_load((out / "config-selective.yaml").read_text())
        return config["selective"]["grid"][0]["first_seeds"]

    two, one = run("two", [0, 1], None), run("one", [2], 0)
    assert said(two, one) == 2
    assert "note" not in capsys.readouterr().err
    assert said(two, run("last", [2], 1)) is None
    assert said(run("first", [0, 1], 1), run("third", [2], 1)) == 2
    assert "has run with the seeds [0, 2], which are not the first" in capsys.readouterr().err


def test_a_run_without_a_search_beside_one_with_it_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched, without = (
        make(tmp_path / "a", "selective", [0]),
        make(tmp_path / "b", "selective", [1], calibrate=None),
    )
    join(runs=[searched, without], study="selective", out=tmp_path / "both")
    assert "one of the runs has no search" in capsys.readouterr().err
    other = make(tmp_path / "c", "selective", [2])
    join(runs=[searched, other], study="selective", out=tmp_path / "two")
    assert "no search" not in capsys.readouterr().err


def test_a_run_of_other_code_is_noted_and_a_joined_run_keeps_its_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [make(tmp_path / str(seed), "selective", [seed]) for seed in range(3)]
    record = read_json(parts[1] / "run-selective.json")
    write_json(parts[1] / "run-selective.json", record | {"code": {"evaluate": "b"}})
    join(runs=parts[:2], study="selective", out=tmp_path / "two")
    assert "another code" in capsys.readouterr().err
    join(runs=[tmp_path / "two", parts[2]], study="selective", out=tmp_path / "three")
    found = read_json(tmp_path / "three" / "run-selective.json")["joined"]
    assert [(each["seeds"], each["code"]["evaluate"]) for each in found] == [
        ([0], "a"), ([1], "b"), ([2], "a")
    ]  # fmt: skip
