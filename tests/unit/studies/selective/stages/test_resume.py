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
from advlearn.studies.selective.search.space import draws
from advlearn.studies.selective.settings.calibrate import CalibrateJob, ConfirmJob
from advlearn.studies.selective.settings.jobs import (
    CraftJob,
    EvaluateJob,
    EvaluationSettings,
    PretrainJob,
)
from advlearn.studies.selective.stages import confirm as confirm_stage
from advlearn.studies.selective.stages import evaluate, retrain
from advlearn.studies.selective.stages.calibrate import calibrate
from advlearn.studies.selective.stages.cluster import cluster
from advlearn.studies.selective.stages.craft import craft
from advlearn.studies.selective.stages.embed import embed
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.support import checkpoint
from advlearn.support.checkpoint import Checkpoint
from advlearn.training import stack
from tests.helpers.interrupted import Killed
from tests.helpers.resumed import Stage, assert_resumes, contents
from tests.helpers.tiny import TinyRun

pytestmark = pytest.mark.slow

BASELINES = Path(__file__).parents[5] / "config/published/selective/selective_baselines.csv"
SMALL = next(
    draw.number
    for draw in draws(0, 64)
    if draw.answers["adversarial_steps"] == "10" and draw.answers["model"].startswith("mlp")
)
"""A draw that is soon measured on small images."""


def test_pretrain(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PretrainJob(model=tiny.model, training=TrainingSettings(epochs=3, batch_size=64))
    assert_resumes(
        lambda out: pretrain(data=tiny.data, settings=settings, seed=1, out=out, device="cpu"),
        tmp_path, monkeypatch, 9, ".safetensors",
    )  # fmt: skip


SIDE_BY_SIDE = pytest.mark.parametrize("side_by_side", [False, True])
"""One network after the other, or several stacks of networks as on a GPU."""


def stacked(module: object, monkeypatch: pytest.MonkeyPatch, side_by_side: bool) -> None:
    monkeypatch.setattr(module, "pays", lambda device, network, images: side_by_side)
    monkeypatch.setattr(stack, "_MEMBERS", 3)


@SIDE_BY_SIDE
def test_retrain(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    stacked(retrain, monkeypatch, side_by_side)
    settings = RetrainSettings(batch_size=64, crafting="online")
    attack = PgdSettings(epsilon=0.1, steps=2)
    assert_resumes(
        lambda out: tiny.retrain(out, settings, attack=attack),
        tmp_path, monkeypatch, 10 if side_by_side else 20, ".safetensors",
    )  # fmt: skip


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
    monkeypatch.setattr(ProjectedAscent.__init__, "__defaults__", (False, 1, 40, "image", None))
    assert_resumes(
        lambda out: craft(
            data=tiny.data, weights=tiny.weights, settings=CraftJob(attack=attack), seed=0,
            out=out, device="cpu",
        ),
        tmp_path, monkeypatch, 8, ".parquet",
    )  # fmt: skip


def test_craft_of_many_blocks(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_resumes(blocks_of(tiny, monkeypatch), tmp_path, monkeypatch, 8, ".parquet")


@pytest.mark.parametrize("damage", ["flipped", "deleted"])
def test_a_block_that_was_lost_is_made_again(
    damage: str, tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the state of the block in hand is not taken for its own."""
    stage = blocks_of(tiny, monkeypatch)
    stage(tmp_path / "undisturbed" / "out.parquet")
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
        patch.setattr(checkpoint, "_INTERVAL_PER_SAVE", 0.0)
        patch.setattr(Checkpoint, "array", third_is_killed)
        with pytest.raises(Killed):
            stage(tmp_path / "killed" / "out.parquet")
    kept = tmp_path / "killed" / ".out.parquet.progress-train-0.npy"
    if damage == "deleted":
        kept.unlink()
    else:
        content = bytearray(kept.read_bytes())
        content[-3] ^= 1
        kept.write_bytes(content)
    stage(tmp_path / "killed" / "out.parquet")
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


def blocks_of(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Crafting of 50 images at a time, by batches of 20."""
    monkeypatch.setattr(ProjectedAscent.__init__, "__defaults__", (False, 1, 20, "image", None))
    monkeypatch.setattr(store, "BLOCK", 50)
    settings = CraftJob(attack=PgdSettings(epsilon=0.1, steps=2, random_start=True))
    return lambda out: craft(
        data=tiny.data, weights=tiny.weights, settings=settings, seed=0, out=out, device="cpu"
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
    assert_resumes(
        lambda out: embed(
            adversarial=tmp_path / "train.npy", settings=settings, reduction="tsne", seed=0,
            out=out,
        ),
        tmp_path, monkeypatch, 8, ".npy",
    )  # fmt: skip


@SIDE_BY_SIDE
def test_evaluate(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    stacked(evaluate, monkeypatch, side_by_side)
    retrained = tmp_path / "retrained.safetensors"
    tiny.retrain(retrained, RetrainSettings(batch_size=32))
    settings = EvaluateJob(
        attack=tiny.attack, evaluation=EvaluationSettings(validation_images=20, sanity_images=30)
    )
    assert_resumes(
        lambda out: evaluate.evaluate(
            data=tiny.data, weights=tiny.weights, adversarial=tiny.outcomes,
            selection=tiny.selection, retrained=retrained, settings=settings, universe="u",
            attack="fgsm", reduction="pca", seed=0, out=out, device="cpu",
        ),
        tmp_path, monkeypatch, 4, ".csv",
    )  # fmt: skip


def test_calibrate(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CalibrateJob(first=0, count=5, seed=0, epochs=1, validation_images=20)
    assert_resumes(
        lambda out: calibrate(
            data=tiny.data, published=BASELINES, settings=settings, out=out, device="cpu"
        ),
        tmp_path, monkeypatch, 5,
    )  # fmt: skip


def test_confirm(tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm_stage, "hopeless_after", lambda *args: lambda shares: False)
    chosen = tmp_path / "finalists.csv"
    chosen.write_text(f"universe,chosen_by\n{SMALL},random\n")
    settings = ConfirmJob(part=0, parts=1, seeds=(0, 1, 2))
    assert_resumes(
        lambda out: confirm_stage.confirm(
            data=tiny.data, finalists=chosen, published=BASELINES, settings=settings, out=out,
            device="cpu",
        ),
        tmp_path, monkeypatch, 3,
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
    assert_resumes(
        lambda out: cluster(
            embedding=tmp_path / "points.npy", settings=settings, clusterer=clusterer, seed=0,
            out=out,
        ),
        tmp_path, monkeypatch, least, ".parquet",
    )  # fmt: skip
