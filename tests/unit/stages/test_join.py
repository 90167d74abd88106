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
from advlearn.studies.selective.schema import SCHEMA
from advlearn.support.checksums import sha256_of_all
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npz, write_csv, write_json, write_npz
from tests.helpers.bilevel_run import write_bilevel
from tests.helpers.selective_run import write_run
from tests.helpers.topk_run import write_topk

WRITERS: dict[str, Callable[..., Any]] = {
    "selective": write_run,
    "topk": write_topk,
    "bilevel": write_bilevel,
}


UNIVERSES, ATTACKS, REDUCTIONS = ("small", "standard"), ("fgsm", "pgd"), ("none", "pca", "tsne")


def block(
    universes: Sequence[str] = UNIVERSES,
    attacks: Sequence[str] = ATTACKS,
    reductions: Sequence[str] = REDUCTIONS,
    first_seeds: int | None = None,
) -> dict[str, Any]:
    """A block of the grid; by default all of it."""
    product = {"universes": universes, "attacks": attacks, "reductions": reductions}
    return {**{key: list(names) for key, names in product.items()}, "first_seeds": first_seeds}


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
    own = {
        "grid": [block()],
        "universes": {name: {} for name in UNIVERSES},
        "embed": {"n_components": 2},
        "calibrate": {"draws": len(seeds)},
    } | config
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
    chosen = block(first_seeds=1) | {"select": {"nearest_share": 0.1}}
    grid = make(tmp_path / "i", "selective", [2], grid=[chosen])
    refused(r"selective.grid\[0\].select is None", grid)
    blocks = make(tmp_path / "j", "selective", [2], grid=[block(), block(first_seeds=0)])
    refused("the grids of the runs have 1 and 2 blocks", blocks)
    refused("there is no such run", tmp_path / "absent")


@pytest.mark.parametrize("name", ["topk", "bilevel"])
def test_a_seed_of_two_runs_is_refused_where_there_is_no_grid(name: str, tmp_path: Path) -> None:
    runs = [make(tmp_path / "a", name, [0, 1]), make(tmp_path / "b", name, [1, 2])]
    with pytest.raises(UserError, match="two runs have the seed 1"):
        join(runs=runs, study=name, out=tmp_path / "o")


Line = tuple[str, str, str]
GRID = [
    *(("small", "fgsm", reduction) for reduction in REDUCTIONS),
    *(("standard", "fgsm", reduction) for reduction in REDUCTIONS),
    *((universe, "pgd", "pca") for universe in UNIVERSES),
]


def only(folder: Path, wanted: Sequence[Line]) -> Path:
    """The run with these lines alone, as if no other block had seeds."""
    tidy = folder / "tidy"
    universes = {universe for universe, _, _ in wanted}
    attacks = {attack for _, attack, _ in wanted}
    # Baselines, their checks too, are under PCA, else the first reduction of the line's attack.
    under = {
        (universe, attack): "pca" if (universe, attack, "pca") in wanted else reduction
        for universe, attack, reduction in wanted[::-1]
    }
    for table in SCHEMA.tables:
        path = tidy / f"{table}.csv"
        frame = read_csv(path, dtype=str, na_filter=False)
        if table == "selective_choices":
            frame = frame[frame["universe"].isin([*universes, ""])]
        elif "reduction" in frame:
            shared = pd.Series(True, frame.index)
            if table != "selective_sanity":
                shared = frame["clusterer"] == "single"
            pairs = pd.Series(zip(frame["universe"], frame["attack"], strict=True), frame.index)
            named = pairs.map(under)
            frame = frame.assign(reduction=frame["reduction"].mask(shared, named))
            lines = [*zip(frame["universe"], frame["attack"], frame["reduction"], strict=True)]
            frame = frame[(shared & named.notna()) | pd.Series(lines, frame.index).isin(wanted)]
        write_csv(path, frame)
    arrays = read_npz(tidy / "selective_examples.npz")
    kept = {
        name: each
        for name, each in arrays.items()
        if name.split("_")[-1] not in ({*ATTACKS} - attacks)
    }
    write_npz(tidy / "selective_examples.npz", kept)
    path = tidy / SCHEMA.record
    about = read_json(path)
    about["universes"] = {name: of for name, of in about["universes"].items() if name in universes}
    files = sha256_of_all(tidy / each for each in SCHEMA.files)
    write_json(path, about | {"files": files})
    record = read_json(folder / "run-selective.json")
    write_json(folder / "run-selective.json", record | {"tidy": files})
    return folder


def by_block(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """A block for each line of the whole grid, of which these have run."""
    return [
        block(
            [universe], [attack], [reduction], None if (universe, attack, reduction) in lines else 0
        )
        for universe, attack, reduction in GRID
    ]


DIVISIONS = {
    "reductions": [line for line in GRID if line[2] == "tsne"],
    "attacks": [line for line in GRID if line[1] == "pgd"],
    "universes": [line for line in GRID if line[0] == "standard"],
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("division", DIVISIONS)
def test_a_grid_that_was_divided_is_whole_again(
    division: str, turned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = DIVISIONS[division]
    rest = [line for line in GRID if line not in other]
    whole = make(tmp_path / "whole", "selective", [0, 1, 2], grid=by_block(GRID))
    parts = [
        only(make(tmp_path / name, "selective", [0, 1, 2], grid=by_block(lines)), lines)
        for name, lines in (("rest", rest), ("other", other))
    ]
    out = tmp_path / "joined"
    join(runs=parts[::-1] if turned else parts, study="selective", out=out)
    assert "note" not in capsys.readouterr().err
    for table in SCHEMA.tables:
        found, expected = (by_rows(each / f"tidy/{table}.csv") for each in (out, whole))
        if turned and division == "reductions":
            # Which line trained the baselines is all that the order decides.
            found, expected = (
                frame.assign(reduction=frame["reduction"].where(frame["clusterer"] != "single"))
                if "clusterer" in frame
                else frame.drop(columns="reduction", errors="ignore")
                for frame in (found, expected)
            )
            found, expected = (
                frame.sort_values(list(frame.columns), ignore_index=True)
                for frame in (found, expected)
            )
        pd.testing.assert_frame_equal(found, expected, obj=table)
    one, another = (read_json(each / "tidy" / SCHEMA.record) for each in (out, whole))
    assert list(one["universes"]) == list(another["universes"])
    assert one["universes"] == another["universes"]
    arrays, expected_arrays = (
        read_npz(each / "tidy/selective_examples.npz") for each in (out, whole)
    )
    assert arrays.keys() == expected_arrays.keys()
    config = yaml.safe_load((out / "config-selective.yaml").read_text())["selective"]
    assert [each["first_seeds"] for each in config["grid"]] == [None] * len(GRID)
    # A line that is there already is not joined a second time.
    with pytest.raises(UserError, match="two runs have the same line of the grid: universe"):
        join(runs=[out, parts[1]], study="selective", out=tmp_path / "twice")
    assert not list(tmp_path.glob(".*"))


def test_baselines_that_differ_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = DIVISIONS["reductions"]
    rest = [line for line in GRID if line not in other]
    one = only(make(tmp_path / "a", "selective", [0, 1], grid=by_block(rest)), rest)
    two = make(tmp_path / "b", "selective", [0, 1], grid=by_block(other))
    path = two / "tidy/selective_metrics.csv"
    frame = read_csv(path)
    chosen = (frame["rule"] == "all") & (frame["metric"] == "clean_accuracy")
    write_csv(path, frame.assign(value=frame["value"].mask(chosen, frame["value"] - 0.25)))
    only(two, other)
    join(runs=[one, two], study="selective", out=tmp_path / "joined")
    said = capsys.readouterr().err
    assert f"differ by up to 0.25; those of {one} are kept" in said
    metrics = read_csv(tmp_path / "joined/tidy/selective_metrics.csv")
    assert metrics.loc[chosen[chosen].index[0], "value"] > 0.8


def test_first_seeds_say_how_many_have_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, others = [GRID[2]], [each for each in GRID if each != GRID[2]]

    def run(name: str, seeds: Sequence[int], of_line: Sequence[int]) -> Path:
        """All lines with all seeds, but for one with a few."""
        folder = make(
            tmp_path / name, "selective", seeds, grid=[block(["small"], ["fgsm"], ["tsne"])]
        )
        path = folder / "tidy/selective_metrics.csv"
        frame = read_csv(path, dtype=str, na_filter=False)
        mine = (frame["universe"] == "small") & (frame["reduction"] == "tsne")
        write_csv(path, frame[~mine | frame["seed"].isin([str(seed) for seed in of_line])])
        return only(folder, [*others, *line])

    def said(*runs: Path) -> tuple[Any, Any]:
        out = tmp_path / "-".join(each.name for each in runs)
        join(runs=list(runs), study="selective", out=out)
        config = yaml.safe_load((out / "config-selective.yaml").read_text())["selective"]
        return out, config["grid"][0]["first_seeds"]

    assert said(run("two", [0, 1], [0, 1]), run("one", [2], []))[1] == 2
    assert "note" not in capsys.readouterr().err
    both, count = said(run("first", [0, 1], [0]), run("third", [2], [2]))
    assert count == 2
    assert "block 0 of the grid has the seeds [0, 2], which are not the first" in (
        capsys.readouterr().err
    )
    rest = only(
        make(tmp_path / "rest", "selective", [1], grid=[block(["small"], ["fgsm"], ["tsne"])]), line
    )
    assert said(both, rest)[1] is None


def test_the_search_is_that_of_the_run_that_has_one(tmp_path: Path) -> None:
    without = make(tmp_path / "a", "selective", [0], calibrate=None)
    path = without / "tidy/selective_study.json"
    write_csv(
        without / "tidy/selective_universes.csv",
        read_csv(without / "tidy/selective_universes.csv").head(0),
    )
    files = sha256_of_all(without / "tidy" / each for each in SCHEMA.files)
    write_json(
        path, read_json(path) | {"files": files, "left_out": ["calibrate", "finalists", "confirm"]}
    )
    record = read_json(without / "run-selective.json")
    write_json(without / "run-selective.json", record | {"tidy": files})
    searched = make(tmp_path / "b", "selective", [1])
    out = tmp_path / "both"
    join(runs=[without, searched], study="selective", out=out)
    found, expected = (by_rows(each / "tidy/selective_universes.csv") for each in (out, searched))
    pd.testing.assert_frame_equal(found, expected)
    assert read_json(out / "tidy/selective_study.json")["left_out"] == []
    config = yaml.safe_load((out / "config-selective.yaml").read_text())
    assert config["selective"]["calibrate"] == {"draws": 1}


def test_nothing_is_left_of_a_join_that_fails(tmp_path: Path) -> None:
    one, other = (make(tmp_path / str(seed), "selective", [seed]) for seed in (0, 1))
    path = other / "tidy/selective_strength.csv"
    write_csv(path, read_csv(path, dtype=str, na_filter=False).assign(further="1"))
    only(other, GRID)
    with pytest.raises(UserError, match=r"selective_strength has other columns .*: further"):
        join(runs=[one, other], study="selective", out=tmp_path / "o")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0", "1"]


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
