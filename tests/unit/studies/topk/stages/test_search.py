"""The search for the steps of the attacks, and its use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advlearn.settings.topk import TopkAttackSettings
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell, TopkSearchJob
from advlearn.studies.topk.settings.search import TopkSearchSettings
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.studies.topk.stages.attack import topk_attack
from advlearn.studies.topk.stages.search import topk_search
from advlearn.studies.topk.steps import COLUMNS, choose, with_chosen_steps
from advlearn.support.io import read_csv, read_parquet
from tests.helpers.tiny_topk import TinyTopk

SEARCH = {"learning_rates": [0.01, 0.3], "largest_steps": [0.05, 1.0], "travels": [1.0, 5.0]}


def searching(topk: TinyTopk, **changes: Any) -> TopkSettings:
    methods = ["tkmia", "kfool", "projected"]
    values = {**topk.study.model_dump(), "methods": methods, "search": {**SEARCH, "images": 6}}
    return TopkSettings.model_validate({**values, **changes})


def job_of(study: TopkSettings, model: str) -> TopkSearchJob:
    found = study.searched_cells(model)
    return TopkSearchJob(
        cells=tuple(cell for _, cell in found),
        parameters=tuple(key for key, _ in found),
        images=6,
        batch_size=8,
    )


def row(method: str, step: float, asr: float, l2: float, **more: Any) -> dict[str, Any]:
    values = {"method": method, "surrogate": "average", "parameter": "learning_rate", "n": 50}
    return {**values, "step": step, "asr": asr, "l2": l2, **more}


@pytest.mark.slow
def test_each_attack_is_tried_with_as_many_steps(topk: TinyTopk, tmp_path: Path) -> None:
    study, out = searching(topk), tmp_path / "search.csv"
    topk_search(
        data=topk.data, weights=topk.weights("cnn"), settings=job_of(study, "cnn"), model="cnn",
        seed=0, out=out, device="cpu",
    )  # fmt: skip
    frame = read_csv(out)
    counts = frame.groupby(["method", "surrogate"]).size()
    assert set(counts) == {2}
    # Both losses of tkmia, which the primary model compares.
    assert [name for name, _ in counts.index].count("tkmia") == 2
    assert (frame.groupby(["method", "surrogate"])["chosen"].sum() == 1).all()
    assert (frame["n"] == 6).all()
    of_kfool = frame[frame["method"] == "kfool"]
    assert of_kfool["parameter"].eq("largest_step").all()
    assert of_kfool["step"].tolist() == [0.05, 1.0]
    # The numbers are those of the attack itself on the validation images, which are others.
    assert frame["asr"].between(0, 1).all()
    again = tmp_path / "again.csv"
    topk_search(
        data=topk.data, weights=topk.weights("cnn"), settings=job_of(study, "cnn"), model="cnn",
        seed=0, out=again, device="cpu",
    )  # fmt: skip
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.slow
def test_the_attack_uses_the_step_that_was_chosen(topk: TinyTopk, tmp_path: Path) -> None:
    found = choose([row("tkmia", 0.01, 1.0, 1.0), row("tkmia", 0.3, 1.0, 0.5)])
    path = tmp_path / "search.csv"
    found.to_csv(path, index=False)
    settings = topk.job("transfer")

    def norms(name: str, job: TopkAttackJob, search: Path | None) -> list[float]:
        out = tmp_path / f"{name}.parquet"
        topk_attack(
            data=topk.data, weights=topk.weights("cnn"), settings=job, seed=0, out=out,
            search=search, device="cpu",
        )  # fmt: skip
        return list(read_parquet(out)["l2"])

    by_hand = with_chosen_steps(settings, found)
    assert {cell.attack.learning_rate for cell in by_hand.cells} == {0.2, 0.3}
    with_search = norms("searched", settings, path)
    assert with_search == norms("by_hand", by_hand, None)
    assert with_search != norms("plain", settings, None)


@pytest.mark.slow
def test_without_a_search_the_table_has_no_rows(topk: TinyTopk, tmp_path: Path) -> None:
    out = tmp_path / "search.csv"
    topk_search(
        data=topk.data, weights=topk.weights("cnn"), settings=job_of(topk.study, "cnn"),
        model="cnn", seed=0, out=out, device="cpu",
    )  # fmt: skip
    frame = read_csv(out)
    assert list(frame.columns) == ["dataset", "model", "seed", *COLUMNS]
    assert frame.empty
    job = topk.job("transfer")
    assert with_chosen_steps(job, frame) == job


def test_the_shortest_norm_of_those_that_succeed_most_is_chosen() -> None:
    frame = choose(
        [
            row("tkmia", 0.1, 0.90, 0.1),  # succeeds less
            row("tkmia", 0.2, 0.98, 0.4),
            row("tkmia", 0.3, 1.00, 0.5),  # level, and longer
            row("kfool", 0.1, 0.3, np.nan),
            row("kfool", 0.2, 0.5, np.nan),
            row("projected", 0.1, np.nan, np.nan, n=0),
        ]
    )
    assert frame["chosen"].tolist() == [0, 1, 0, 0, 1, 0]


def test_steps_go_to_the_attack_that_they_were_tried_with() -> None:
    found = choose(
        [
            row("tkmia", 0.7, 1.0, 0.1),
            row("tkmia", 0.8, 1.0, 0.1, surrogate="exact"),
            row("kfool", 0.9, 1.0, 0.1, parameter="largest_step"),
        ]
    )
    attacks = [
        TopkAttackSettings(method="tkmia", alpha=0.3),
        TopkAttackSettings(method="tkmia", surrogate="exact"),
        TopkAttackSettings(method="kfool"),
        TopkAttackSettings(method="ml_cw_u_a"),
    ]
    cells = [
        TopkCell(
            experiment="random", scheme="random", labels="random", n_specified=1, k=2, attack=attack
        )
        for attack in attacks
    ]
    job = with_chosen_steps(TopkAttackJob(cells=tuple(cells), images=1), found)
    rates = [cell.attack.learning_rate for cell in job.cells]
    assert rates == [0.7, 0.8, 0.05, 0.05]
    assert [cell.attack.largest_step for cell in job.cells] == [1.0, 1.0, 0.9, 1.0]
    assert job.cells[0].attack.alpha == 0.3


def test_a_search_that_is_larger_for_one_attack_is_refused() -> None:
    with pytest.raises(ValueError, match="equally large"):
        TopkSearchSettings(learning_rates=(0.1,), largest_steps=(0.1, 1.0), travels=(1.0,))
