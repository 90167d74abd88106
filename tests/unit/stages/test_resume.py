"""Every long stage, killed again and again, ends with the files of an undisturbed job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from advlearn.attacks.ascent import ProjectedAscent
from advlearn.data import store
from advlearn.embeddings import tsne
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.embed import EmbedSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.studies.selective.settings.jobs import (
    CraftJob,
    EvaluateJob,
    EvaluationSettings,
    PretrainJob,
)
from advlearn.studies.selective.stages.calibrate import calibrate
from advlearn.studies.selective.stages.cluster import cluster
from advlearn.studies.selective.stages.craft import craft
from advlearn.studies.selective.stages.embed import embed
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkTransferJob
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.studies.topk.stages.transfer import topk_transfer
from advlearn.support import checkpoint
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.io import read_csv, read_parquet
from tests.helpers.interrupted import Killed, killed_after_each_save

from .conftest import TinyRun, TinyTopk

pytestmark = pytest.mark.slow

Stage = Callable[[Path], object]


def unchanged(stage: Stage, folder: Path, patch: pytest.MonkeyPatch, least: int) -> None:
    """Compare the files of ``stage`` with those of a run that is killed at every save."""
    stage(folder / "undisturbed" / "out.x")
    kills = killed_after_each_save(lambda: stage(folder / "killed" / "out.x"), patch)
    assert kills >= least
    expected, found = contents(folder / "undisturbed"), contents(folder / "killed")
    assert found.keys() == expected.keys(), "something was left behind, or is missing"
    assert found == expected


def contents(folder: Path) -> dict[str, object]:
    return {path.name: content(path) for path in sorted(folder.iterdir())}


def content(path: Path) -> object:
    """Bytes of a file; of a table that holds seconds, all the rest."""
    try:
        frame = read_parquet(path) if path.name.endswith(".parquet") else read_csv(path)
    except (ValueError, UnicodeDecodeError):
        return path.read_bytes()
    if "seconds" in frame:
        return frame.drop(columns="seconds").to_json()
    return path.read_bytes()


def out_as(suffix: str, stage: Stage) -> Stage:
    return lambda out: stage(out.with_name(f"out{suffix}"))


def test_pretrain(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PretrainJob(model=tiny.model, training=TrainingSettings(epochs=3, batch_size=64))
    unchanged(
        out_as(
            ".safetensors",
            lambda out: pretrain(data=tiny.data, settings=settings, seed=1, out=out, device="cpu"),
        ),
        tmp_path, monkeypatch, 9,
    )  # fmt: skip


def test_retrain(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RetrainSettings(batch_size=64, crafting="online")
    unchanged(
        out_as(".safetensors", lambda out: tiny.retrain(out, settings)), tmp_path, monkeypatch, 20
    )


@pytest.mark.parametrize(
    "attack",
    [
        FgsmSettings(epsilon=0.1),
        PgdSettings(epsilon=0.1, steps=2, random_start=True, restarts=2),
    ],
)
def test_craft(
    attack: FgsmSettings | PgdSettings,
    tiny: TinyRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Several batches of so few images.
    monkeypatch.setattr(ProjectedAscent.__init__, "__defaults__", (False, 1, 40))
    unchanged(
        out_as(
            ".parquet",
            lambda out: craft(
                data=tiny.data, weights=tiny.weights, settings=CraftJob(attack=attack), seed=0,
                out=out, device="cpu",
            ),
        ),
        tmp_path, monkeypatch, 8,
    )  # fmt: skip


def test_craft_of_many_blocks(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchanged(blocks_of(tiny, monkeypatch), tmp_path, monkeypatch, 8)


@pytest.mark.parametrize("damage", ["flipped", "deleted"])
def test_a_block_that_was_lost_is_made_again(
    damage: str, tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the state of the block in hand is not taken for its own."""
    stage = blocks_of(tiny, monkeypatch)
    stage(tmp_path / "undisturbed" / "out.x")
    run = Checkpoint.array

    def third_is_killed(self: Checkpoint, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        if name == "train-100":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Checkpoint, "drop", lambda self, name: self.save())
                make()
            raise Killed
        return run(self, name, make)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_EVERY", 0.0)
        patch.setattr(checkpoint, "_SHARE", 0.0)
        patch.setattr(Checkpoint, "array", third_is_killed)
        with pytest.raises(Killed):
            stage(tmp_path / "killed" / "out.x")
    kept = tmp_path / "killed" / ".out.parquet.progress-train-0.npy"
    if damage == "deleted":
        kept.unlink()
    else:
        content = bytearray(kept.read_bytes())
        content[-3] ^= 1
        kept.write_bytes(content)
    stage(tmp_path / "killed" / "out.x")
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


def blocks_of(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Crafting of 50 images at a time, by batches of 20."""
    monkeypatch.setattr(ProjectedAscent.__init__, "__defaults__", (False, 1, 20))
    monkeypatch.setattr(store, "BLOCK", 50)
    settings = CraftJob(attack=PgdSettings(epsilon=0.1, steps=2, random_start=True))
    return out_as(
        ".parquet",
        lambda out: craft(
            data=tiny.data, weights=tiny.weights, settings=settings, seed=0, out=out, device="cpu"
        ),
    )


@pytest.mark.parametrize("fft_from", [1, 10_000])
@pytest.mark.parametrize("every", [2, 7])
def test_embed(every: int, fft_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsne, "_LINE_EVERY", every)
    monkeypatch.setattr(tsne, "FFT_FROM", fft_from)
    images = np.random.default_rng(0).random((90, 1, 5, 5), dtype=np.float32)
    np.save(tmp_path / "train.npy", images)
    settings = EmbedSettings.model_validate(
        {"tsne": {"perplexity": 5, "early_exaggeration_iter": 30, "n_iter": 40, "threads": 1}}
    )
    unchanged(
        out_as(
            ".npy",
            lambda out: embed(
                adversarial=tmp_path / "train.npy", settings=settings, reduction="tsne", seed=0,
                out=out,
            ),
        ),
        tmp_path, monkeypatch, 8,
    )  # fmt: skip


def test_evaluate(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retrained = tmp_path / "retrained.safetensors"
    tiny.retrain(retrained, RetrainSettings(batch_size=32))
    settings = EvaluateJob(
        attack=tiny.attack, evaluation=EvaluationSettings(validation_images=20, sanity_images=30)
    )
    unchanged(
        out_as(
            ".csv",
            lambda out: evaluate(
                data=tiny.data, weights=tiny.weights, adversarial=tiny.outcomes,
                selection=tiny.selection, retrained=retrained, settings=settings, universe="u",
                attack="fgsm", reduction="pca", seed=0, out=out, device="cpu",
            ),
        ),
        tmp_path, monkeypatch, 4,
    )  # fmt: skip


def test_calibrate(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CalibrateSettings(
        models=(tiny.model, tiny.model.model_copy(update={"hidden": (4,), "dropout": 0.5})),
        training=TrainingSettings(epochs=2, batch_size=64, learning_rate=0.01),
        epsilons=(0.1,),
        pgd_steps=2,
        pgd_step_sizes=(None,),
        schedules=("interleaved",),
        craftings=("static", "online"),
    )
    unchanged(
        lambda out: calibrate(data=tiny.data, settings=settings, seed=0, out=out, device="cpu"),
        tmp_path, monkeypatch, 30,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clusterer", "least"), [("kmeans", 2), ("agglomerative", 1), ("dbscan", 2), ("hdbscan", 2)]
)
def test_cluster(
    clusterer: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ClusterSettings.model_validate(
        {
            "kmeans": {"n_clusters": [2, 3]},
            "agglomerative": {"n_clusters": [2, 3]},
            "dbscan": {"eps": [3.0, 5.0], "min_samples": [4]},
            "hdbscan": {"min_cluster_size": [5, 10], "min_samples": 4},
        }
    )
    blobs = np.repeat([[0, 0], [30, 0], [0, 30]], 20, axis=0)
    points = blobs + np.random.default_rng(0).normal(size=(60, 2))
    np.save(tmp_path / "points.npy", points)
    unchanged(
        out_as(
            ".parquet",
            lambda out: cluster(
                embedding=tmp_path / "points.npy", settings=settings, clusterer=clusterer, seed=0,
                out=out,
            ),
        ),
        tmp_path, monkeypatch, least,
    )  # fmt: skip


def test_topk_pretrain(topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = topk.study.models["cnn"]
    training = settings.training.model_copy(update={"epochs": 2, "batch_size": 150})
    settings = settings.model_copy(update={"training": training})
    unchanged(
        out_as(
            ".safetensors",
            lambda out: topk_pretrain(
                data=topk.data, settings=settings, model="cnn", seed=0, out=out, device="cpu"
            ),
        ),
        tmp_path, monkeypatch, 6,
    )  # fmt: skip


@pytest.mark.parametrize("job", ["global", "transfer"])
def test_topk_attack(
    job: str, topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advlearn.studies.topk.stages.attack._BATCHES", 2)
    settings = topk.job(job).model_copy(update={"batch_size": 2})
    unchanged(out_as(".parquet", lambda out: topk.attack(out, settings)), tmp_path, monkeypatch, 4)


def test_topk_transfer(topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TopkTransferJob(
        models=tuple(topk.study.models), methods=("tkmia", "kfool"), k=3, n_specified=2
    )
    unchanged(
        out_as(
            ".csv",
            lambda out: topk_transfer(
                data=topk.data, run=topk.folder, settings=settings, seed=0, out=out, device="cpu"
            ),
        ),
        tmp_path, monkeypatch, 2 * len(topk.study.models),
    )  # fmt: skip


def test_perturbed_images_that_were_lost_are_made_again(
    topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash of the machine the progress may be there and the images not."""
    settings: TopkAttackJob = topk.job("transfer")
    kept = tmp_path / "killed" / ".out.kept.npy"

    def attack(out: Path) -> None:
        if out.parent.name == "killed" and kept.is_file():
            images = bytearray(kept.read_bytes())
            images[200:5000] = bytes(4800)
            kept.write_bytes(bytes(images))
        topk.attack(out, settings)

    stage = out_as(".parquet", attack)
    stage(tmp_path / "undisturbed" / "x")
    # Killed once only: each loss costs the first chunk.
    kills = killed_after_each_save(lambda: stage(tmp_path / "killed" / "x"), monkeypatch, every=2)
    assert kills >= 1
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
