from __future__ import annotations

import shutil
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.data.multilabel.store import load_multilabel
from advlearn.metrics.ranking import MEASURES
from advlearn.studies.topk.paper.page import page
from advlearn.studies.topk.schema import SCHEMA
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell, TopkCollectSettings
from advlearn.studies.topk.stages import collect as stage
from advlearn.support.errors import UserError
from advlearn.support.io import (
    read_csv,
    read_json,
    read_npy,
    read_npz,
    read_parquet,
    write_csv,
    write_json,
    write_parquet,
)
from tests.helpers.tiny_topk import TinyTopk, topk_files
from tests.helpers.topk_run import PUBLISHED, open_topk

pytestmark = pytest.mark.slow

CHOICES = PUBLISHED / "topk" / "topk_choices.csv"
FILES = {*SCHEMA.files, SCHEMA.record}


def collect(topk: TinyTopk, run: Path, out: Path, settings: TopkCollectSettings) -> None:
    stage.topk_collect(
        files=topk_files(run),
        data=topk.data,
        choices=CHOICES,
        settings=settings,
        out=out / "topk_metrics.csv",
    )


@pytest.fixture(scope="module")
def tidy(topk: TinyTopk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tidy")
    collect(topk, topk.folder, folder, topk.collected())
    return folder


def cells(topk: TinyTopk) -> Iterator[tuple[dict[str, object], pd.DataFrame, int]]:
    """What names a cell in the tables, its outcomes, and its number of eligible images."""
    for attack in topk.collected().attacks:
        for seed in topk.seeds:
            path = topk.outcomes(attack.model, attack.job, seed)
            outcomes = read_parquet(path)
            counts = read_csv(path.with_suffix(".csv"))
            for number, cell in enumerate(attack.cells):
                keys = {
                    "model": attack.model,
                    "seed": seed,
                    **cell.model_dump(exclude={"specified", "attack", "relevant"}),
                    **cell.attack.model_dump(include={"method", "surrogate", "alpha"}),
                }
                yield keys, outcomes[outcomes["cell"] == number], counts["n_eligible"][number]


def chosen(frame: pd.DataFrame, keys: dict[str, object]) -> pd.DataFrame:
    mask = np.ones(len(frame), dtype=bool)
    for name, value in keys.items():
        mask &= (frame[name] == value).to_numpy()
    return frame[mask]


def test_tables_and_figures_can_read_it(tidy: Path, topk: TinyTopk) -> None:
    assert {path.name for path in tidy.iterdir()} == FILES
    loaded = open_topk(tidy)
    for name in SCHEMA.tables:
        assert len(loaded[name]) or name == "topk_search"  # the run makes no search
    assert len(loaded.arrays("topk_examples")["clean"]) == topk.study.examples
    assert loaded.study.primary_model == "cnn"


@pytest.mark.parametrize(("name", "what"), [("scenes", "scenes are composed of"), ("mine", "")])
def test_images_of_two_splits_reach_the_report(
    tidy: Path, topk: TinyTopk, tmp_path: Path, name: str, what: str
) -> None:
    assert not {"shared", "changed"} & set(read_json(tidy / SCHEMA.record)["dataset"])
    assert "share" not in page(open_topk(tidy)).subtitle
    found = {"shared": {"train and test": 7}, "changed": {"CMYK": 3}}
    record = read_json(tidy / SCHEMA.record)
    for file in tidy.iterdir():
        shutil.copy(file, tmp_path)
    record["dataset"] |= {"name": name, **found}
    write_json(tmp_path / SCHEMA.record, record)
    said = page(open_topk(tmp_path)).subtitle
    assert f"{what}, byte for byte: 7 of the test split in the train split." in said


def test_what_is_seldom_is_recorded_where_it_is(topk: TinyTopk, tmp_path: Path) -> None:
    data = shutil.copytree(topk.data.parent, tmp_path / "data") / topk.data.name
    found = {"shared": {"train and test": 7}, "changed": {"CMYK": 3}}
    write_json(data, {**read_json(data), **found})
    stage.topk_collect(
        files=topk_files(topk.folder),
        data=data,
        choices=CHOICES,
        settings=topk.collected(),
        out=tmp_path / "tidy" / "topk_metrics.csv",
    )
    dataset = read_json(tmp_path / "tidy" / SCHEMA.record)["dataset"]
    assert {name: dataset[name] for name in found} == found


def test_tables_have_the_columns_of_the_schema_in_its_order(tidy: Path) -> None:
    for name, schema in SCHEMA.tables.items():
        assert list(read_csv(tidy / f"{name}.csv")) == list(schema.columns), name


def test_every_cell_has_every_metric_once(tidy: Path, topk: TinyTopk) -> None:
    metrics = read_csv(tidy / "topk_metrics.csv")
    each = [("eligible", name) for name in ("asr", "stealth_asr")]
    each += [(over, name) for over in ("eligible", "success") for name in stage.MEANS]
    total = 0
    for keys, _, _ in cells(topk):
        rows = chosen(metrics, keys)
        assert list(zip(rows["over"], rows["metric"], strict=True)) == each
        total += len(rows)
    assert len(metrics) == total
    assert set(metrics["dataset"]) == {"scenes"}
    assert set(metrics["preset"]) == {"sound"}


def test_shares_and_means_are_those_of_the_outcomes(tidy: Path, topk: TinyTopk) -> None:
    metrics = read_csv(tidy / "topk_metrics.csv")
    empty = 0
    for keys, outcomes, n_eligible in cells(topk):
        rows = chosen(metrics, keys).set_index(["over", "metric"])
        assert (rows["n_eligible"] == n_eligible).all()
        outcomes = outcomes.assign(l2_255=outcomes["l2"] * 255)
        successes = outcomes[outcomes["success"]]
        by_metric: dict[Hashable, dict[Hashable, Any]] = rows.to_dict("index")
        if outcomes.empty:
            empty += 1
            assert n_eligible == 0
            assert (rows["n"] == 0).all()
            assert rows[["value", "std"]].isna().all(axis=None)
            continue
        for metric, count in (("asr", len(successes)), ("stealth_asr", outcomes["stealth"].sum())):
            row = by_metric["eligible", metric]
            assert row["value"] == pytest.approx(count / len(outcomes))
            assert row["n"] == len(outcomes)
        for over, part in (("eligible", outcomes), ("success", successes)):
            for metric in stage.MEANS:
                row, values = by_metric[over, metric], part[metric].to_numpy(dtype=float)
                assert row["n"] == len(values)
                if len(values):
                    assert row["value"] == pytest.approx(np.mean(values), rel=1e-6, abs=1e-9)
                if len(values) > 1:
                    assert row["std"] == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-9)
                else:
                    assert np.isnan(row["std"])
    # With a k of 7: two methods on two label sets and on two numbers of labels, two surrogates.
    assert empty >= (2 * 2 + 2 * 2 + 2) * len(topk.seeds)


def test_images_are_the_outcomes(tidy: Path, topk: TinyTopk) -> None:
    images = read_csv(tidy / "topk_images.csv")
    assert "preset" not in images
    total = 0
    for keys, outcomes, _ in cells(topk):
        rows = chosen(images, keys)
        total += len(rows)
        assert rows["image"].tolist() == outcomes["image"].tolist()
        for name in ("success", "stealth", "n_relevant", "iterations"):
            assert rows[name].tolist() == outcomes[name].astype(int).tolist()
        for name in ("l2", "linf", *(f"delta_{each}" for each in MEASURES)):
            np.testing.assert_allclose(rows[name], outcomes[name], rtol=1e-6, atol=1e-9)
    assert len(images) == total
    for name in ("image", "success", "stealth", "n_relevant", "iterations"):
        assert images[name].dtype == np.int64, name


def test_models_and_transfer_are_those_of_the_stages(tidy: Path, topk: TinyTopk) -> None:
    models = read_csv(tidy / "topk_models.csv")
    for model in topk.study.models:
        for seed in topk.seeds:
            rows = chosen(models, {"model": model, "seed": seed}).reset_index(drop=True)
            made = read_csv(topk.weights(model, seed).with_suffix(".metrics.csv"))
            pd.testing.assert_frame_equal(rows, made)
    assert len(models) == 2 * 2 * 2 * 12
    transfer = read_csv(tidy / "topk_transfer.csv")
    for seed in topk.seeds:
        rows = chosen(transfer, {"dataset": "scenes", "seed": seed}).reset_index(drop=True)
        made = read_csv(topk.folder / "topk" / "transfer" / f"seed{seed}.csv")
        pd.testing.assert_frame_equal(rows[list(made)], made)
    assert len(transfer) == 2 * len(made)


def test_examples_are_fooled_images_beside_the_clean_ones(tidy: Path, topk: TinyTopk) -> None:
    examples = read_npz(tidy / "topk_examples.npz")
    path = topk.outcomes("cnn", "transfer")
    outcomes, images = read_parquet(path), read_npy(path.with_suffix(".npy"))
    test = load_multilabel(topk.data).split("test")
    fooled = outcomes[(outcomes["cell"] == 0) & outcomes["success"]].head(3)
    assert len(fooled) == 3
    for number, row in enumerate(fooled.index.tolist()):
        outcome = outcomes.loc[row]
        position = outcome["image"]
        assert (examples["clean"][number] == test.images[[position]][0]).all()
        assert (examples["adversarial"][number] == images[row]).all()
        assert (examples["relevant"][number] == test.labels[position]).all()
        for name in ("specified", "clean_logits", "adversarial_logits"):
            assert (examples[name][number] == outcome[name]).all()
    assert examples["k"].tolist() == [3, 3, 3]
    assert examples["method"].tolist() == ["tkmia"] * 3
    assert examples["class_names"].tolist() == list("0123456789")


def test_failures_are_shown_where_successes_do_not_suffice(topk: TinyTopk, tmp_path: Path) -> None:
    run = copied(topk, tmp_path)
    path = run / "topk/attacks/cnn/transfer/seed0.parquet"
    outcomes = read_parquet(path)
    outcomes["success"] = outcomes["image"] == outcomes["image"][4]
    write_parquet(path, outcomes)
    collect(topk, run, tmp_path / "out", topk.collected())
    examples = read_npz(tmp_path / "out" / "topk_examples.npz")
    images = read_npy(path.with_suffix(".npy"))
    assert (examples["adversarial"] == images[[0, 1, 4]]).all()


def test_every_open_choice_has_the_value_that_was_used(tidy: Path) -> None:
    choices = read_csv(tidy / "topk_choices.csv").set_index("key")
    questions = read_csv(CHOICES)
    assert choices.index.tolist() == questions["key"].tolist()
    assert choices.loc["topk.attack.iterations", "value"] == "20"
    assert choices.loc["topk.attack.clean_map", "value"] == "arctanh"
    assert choices.loc["topk.label_sets", "value"] == "not a setting"


def test_the_study_says_what_was_run(tidy: Path, topk: TinyTopk) -> None:
    study = read_json(tidy / "topk_study.json")
    assert study["run"] == "tiny"
    assert study["seeds"] == [0, 1]
    assert study["images"] == 8
    assert study["label_sets"] == {"even": [0, 2, 4, 6, 8], "one": [1]}
    dataset = study["dataset"]
    assert (dataset["name"], dataset["n_train"], dataset["n_test"]) == ("scenes", 600, 40)
    assert set(dataset["cardinality"]) == {"train", "validation", "test"}
    assert study["versions"]["torch"]
    assert study["settings"]["attack"]["iterations"] == 20


def test_same_inputs_same_bytes(tidy: Path, topk: TinyTopk, tmp_path: Path) -> None:
    collect(topk, topk.folder, tmp_path, topk.collected())
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (tidy / name).read_bytes(), name


def copied(topk: TinyTopk, folder: Path) -> Path:
    """A run that a test may change."""
    for part in ("models", "attacks", "transfer"):
        shutil.copytree(topk.folder / "topk" / part, folder / "topk" / part)
    return folder


def test_a_run_in_which_nothing_can_be_attacked_has_rows_too(
    topk: TinyTopk, tmp_path: Path
) -> None:
    run, settings = copied(topk, tmp_path), topk.collected()
    hopeless = TopkCell(
        experiment="transfer",
        scheme="random",
        labels="random",
        n_specified=3,
        k=2,
        attack=topk.study.attack_of("tkmia"),
    )
    job = TopkAttackJob(cells=(hopeless,), images=8, keep_images=True, batch_size=8)
    attacks = []
    for attack in settings.attacks:
        for seed in topk.seeds:
            out = topk_files(run).path("outcomes", model=attack.model, job=attack.job, seed=seed)
            topk.attack(out, job, attack.model, seed)
        experiment = {"experiment": attack.cells[0].experiment}
        cell = hopeless.model_copy(update=experiment)
        attacks.append(attack.model_copy(update={"cells": (cell,)}))
    for seed in topk.seeds:
        path = topk_files(run).path("transfer", seed=seed)
        rows = read_csv(path)
        rows = rows[rows["method"].isin(["tkmia", "noise"])]
        write_csv(path, rows.assign(value=None, n=0))
    out = tmp_path / "out"
    collect(topk, run, out, settings.model_copy(update={"attacks": tuple(attacks)}))
    loaded = open_topk(out)
    assert (loaded["topk_metrics"]["n"] == 0).all()
    assert len(loaded["topk_metrics"]) == len(attacks) * 2 * 24
    assert len(loaded["topk_images"]) == 0
    examples = loaded.arrays("topk_examples")
    assert examples["clean"].shape == (0, 1, 24, 24)
    assert examples["specified"].shape == (0, 10)


@pytest.mark.parametrize(
    "file",
    [
        "attacks/cnn/global/seed1.csv",
        "attacks/cnn/random/seed0.parquet",
        "models/mlp/seed1.metrics.csv",
        "transfer/seed0.csv",
    ],
)
def test_lost_rows_are_an_error(topk: TinyTopk, tmp_path: Path, file: str) -> None:
    run = copied(topk, tmp_path)
    path = run / "topk" / file
    if path.suffix == ".csv":
        write_csv(path, read_csv(path).iloc[:-1])
    else:
        write_parquet(path, read_parquet(path).iloc[:-1])
    with pytest.raises(UserError, match="lacks the rows that the run asks for") as error:
        collect(topk, run, tmp_path / "out", topk.collected())
    assert error.value.where == str(path)


def test_damaged_outcomes_are_an_error(topk: TinyTopk, tmp_path: Path) -> None:
    run = copied(topk, tmp_path)
    path = run / "topk/attacks/cnn/global/seed0.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"seed0\.parquet cannot be read"):
        collect(topk, run, tmp_path / "out", topk.collected())


def test_rows_of_the_transfer_are_counted_as_the_stage_writes_them() -> None:
    assert len(MEASURES) + 1 == stage.TRANSFER_ROWS
