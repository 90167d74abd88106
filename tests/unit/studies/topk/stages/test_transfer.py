from __future__ import annotations

import shutil
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advlearn.data.multilabel.store import load_multilabel
from advlearn.learners.networks.weights import load_network
from advlearn.metrics.ranking import MEASURES
from advlearn.settings.topk import authors
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell, TopkTransferJob
from advlearn.studies.topk.stages import transfer as stage
from advlearn.studies.topk.transferability import TransferEvaluator
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_npy, write_parquet
from tests.helpers.tiny_topk import TinyTopk, topk_files

METRICS = ["asr", *(f"delta_{name}" for name in MEASURES)]


def table(topk: TinyTopk, seed: int = 0) -> pd.DataFrame:
    return read_csv(topk.folder / "topk" / "transfer" / f"seed{seed}.csv")


def by_name(rows: pd.DataFrame) -> dict[Hashable, dict[Hashable, Any]]:
    """The rows by source, target, method and metric."""
    found: dict[Hashable, dict[Hashable, Any]] = rows.set_index(
        ["source", "target", "method", "metric"]
    ).to_dict("index")
    return found


def job(topk: TinyTopk, **changes: object) -> TopkTransferJob:
    values = {
        "models": tuple(topk.study.models),
        "methods": ("tkmia", "kfool"),
        "k": 3,
        "n_specified": 2,
    }
    return TopkTransferJob.model_validate({**values, **changes})


def run(topk: TinyTopk, folder: Path, settings: TopkTransferJob) -> pd.DataFrame:
    stage.topk_transfer(
        data=topk.data,
        files=topk_files(folder),
        settings=settings,
        seed=0,
        out=folder / "t.csv",
        device="cpu",
    )
    return read_csv(folder / "t.csv")


def copied(topk: TinyTopk, folder: Path) -> Path:
    """A run that a test may change."""
    for part in ("models", "attacks"):
        shutil.copytree(topk.folder / "topk" / part, folder / "topk" / part)
    return folder


def attacked_again(topk: TinyTopk, folder: Path, cell: TopkCell) -> None:
    """Replace the images of the transfer."""
    settings = TopkAttackJob(cells=(cell,), images=8, keep_images=True, batch_size=8)
    for model in topk.study.models:
        out = folder / "topk" / "attacks" / model / "transfer" / "seed0.parquet"
        topk.attack(out, settings, model)


def random_cell(**changes: object) -> TopkCell:
    values = {
        "experiment": "transfer",
        "scheme": "random",
        "labels": "random",
        "n_specified": 2,
        "k": 3,
        "attack": authors("tkmia", iterations=20, learning_rate=0.1),
    }
    return TopkCell.model_validate({**values, **changes})


def test_every_source_target_and_method_has_its_rows(topk: TinyTopk) -> None:
    rows = table(topk)
    assert list(rows) == stage.COLUMNS
    names = ["source", "target", "method", "metric"]
    wanted = pd.MultiIndex.from_product(
        [["cnn", "mlp"], ["cnn", "mlp"], ["tkmia", "kfool", "noise"], METRICS], names=names
    )
    assert rows.set_index(names).index.sort_values().equals(wanted.sort_values())
    assert (rows["k"] == 3).all()
    assert (rows["n_specified"] == 2).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_white_box_rows_are_the_attacks_own_outcome(topk: TinyTopk, seed: int) -> None:
    rows = by_name(table(topk, seed))
    for model in topk.study.models:
        outcomes = read_parquet(topk.outcomes(model, "transfer", seed))
        for cell, method in enumerate(("tkmia", "kfool")):
            part = outcomes[outcomes["cell"] == cell]
            assert len(part)
            expected = {"asr": part["success"].mean()}
            expected |= {name: part[name].mean() for name in METRICS[1:]}
            for metric, value in expected.items():
                row = rows[model, model, method, metric]
                assert row["value"] == pytest.approx(value)
                assert row["n"] == len(part)


def test_the_other_model_is_judged_on_what_it_sees(topk: TinyTopk) -> None:
    """The rows of cnn's images on mlp, computed image by image."""
    path = topk.outcomes("cnn", "transfer")
    outcomes, images = read_parquet(path), read_npy(path.with_suffix(".npy"))
    mine = (outcomes["cell"] == 0).to_numpy()
    test, network = load_multilabel(topk.data).split("test"), load_network(topk.weights("mlp"))
    gone, precision = [], []
    for (_, row), perturbed in zip(outcomes[mine].iterrows(), images[mine], strict=True):
        position = row["image"]
        shown = torch.from_numpy(np.stack([test.images[[position]][0], perturbed]))
        with torch.no_grad():
            order = network(shown).argsort(dim=1, descending=True, stable=True).numpy()[:, :3]
        specified, relevant = np.flatnonzero(row["specified"]), test.labels[position]
        if not np.isin(specified, order[0]).any():
            continue
        gone.append(not np.isin(specified, order[1]).any())
        precision.append(relevant[order[1]].mean() - relevant[order[0]].mean())
    rows = by_name(table(topk))
    asr, change = (rows["cnn", "mlp", "tkmia", name] for name in ("asr", "delta_p"))
    assert asr["n"] == change["n"] == len(gone)
    assert 0 < len(gone) < mine.sum(), "the two models agree on every image"
    assert asr["value"] == pytest.approx(np.mean(gone))
    assert change["value"] == pytest.approx(np.mean(precision))


def test_noise_is_as_long_as_the_attack_and_inside_the_box(topk: TinyTopk) -> None:
    outcomes = read_parquet(topk.outcomes("cnn", "transfer"))
    outcomes = outcomes[outcomes["cell"] == 0]
    test = load_multilabel(topk.data).split("test")
    evaluator = TransferEvaluator({}, test, job(topk), seed=0)
    noisy = evaluator.with_noise(outcomes)
    assert 0 <= noisy.min() < noisy.max() <= 1
    clean = test.images[outcomes["image"].to_numpy()]
    shift = (noisy - clean).astype(np.float64).reshape(len(noisy), -1)
    # Scenes are mostly black: clipped noise would be a third shorter.
    np.testing.assert_allclose(np.linalg.norm(shift, axis=1), outcomes["l2"], rtol=1e-3)
    # Each image has noise of its own, of the seed and not of the rows beside it.
    directions = shift / np.linalg.norm(shift, axis=1, keepdims=True)
    assert (np.abs(directions @ directions.T - np.eye(len(shift))) < 0.95).all()
    alone = evaluator.with_noise(outcomes.iloc[2:3])
    assert (alone[0] == noisy[2]).all()
    other = TransferEvaluator({}, test, job(topk), seed=1).with_noise(outcomes)
    assert (other != noisy).any()


def test_order_of_models_changes_no_row(topk: TinyTopk, tmp_path: Path) -> None:
    found = run(topk, copied(topk, tmp_path), job(topk, models=("mlp", "cnn")))
    keys = ["source", "target", "method", "metric"]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True),
        table(topk).sort_values(keys, ignore_index=True),
    )


def test_the_white_box_rows_of_the_authors_preset(topk: TinyTopk, tmp_path: Path) -> None:
    """What is clean is then the squashed image, for attack, noise and target alike."""
    folder = copied(topk, tmp_path)
    attacked_again(topk, folder, random_cell())
    found = run(topk, folder, job(topk, methods=("tkmia",), clean_map="tanh_raw"))
    rows = by_name(found)
    outcomes = read_parquet(folder / "topk/attacks/cnn/transfer/seed0.parquet")
    assert outcomes["success"].mean() > 0
    for metric, name in (("asr", "success"), ("delta_p", "delta_p"), ("delta_ndcg", "delta_ndcg")):
        row = rows["cnn", "cnn", "tkmia", metric]
        assert row["value"] == pytest.approx(outcomes[name].mean())
        assert row["n"] == len(outcomes)


def test_without_eligible_images_there_are_rows_without_values(
    topk: TinyTopk, tmp_path: Path
) -> None:
    folder = copied(topk, tmp_path)
    attacked_again(topk, folder, random_cell(k=2, n_specified=3))
    found = run(topk, folder, job(topk, methods=("tkmia",), k=2, n_specified=3))
    assert len(found) == 2 * 2 * 2 * len(METRICS)
    assert (found["n"] == 0).all()
    assert found["value"].isna().all()


def test_images_that_do_not_fit_the_outcomes_are_an_error(topk: TinyTopk, tmp_path: Path) -> None:
    folder = copied(topk, tmp_path)
    path = folder / "topk/attacks/mlp/transfer/seed0.npy"
    write_npy(path, read_npy(path)[:-1])
    with pytest.raises(UserError, match="outcomes of"):
        run(topk, folder, job(topk))
    assert not (folder / "t.csv").exists()


def test_lost_outcomes_are_an_error(topk: TinyTopk, tmp_path: Path) -> None:
    folder = copied(topk, tmp_path)
    path = folder / "topk/attacks/mlp/transfer/seed0.parquet"
    write_parquet(path, read_parquet(path).iloc[:-2])
    with pytest.raises(UserError, match="outcomes of"):
        run(topk, folder, job(topk))


def test_damaged_outcomes_are_an_error(topk: TinyTopk, tmp_path: Path) -> None:
    folder = copied(topk, tmp_path)
    path = folder / "topk/attacks/mlp/transfer/seed0.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"seed0\.parquet cannot be read"):
        run(topk, folder, job(topk))
