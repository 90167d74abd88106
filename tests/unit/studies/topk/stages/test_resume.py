"""Long stages of study 2, killed again and again, end with the files of an undisturbed job."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkTransferJob
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.studies.topk.stages.transfer import topk_transfer
from tests.helpers.interrupted import contents, killed_after_each_save, out_as, unchanged
from tests.helpers.tiny_topk import TinyTopk, topk_files

pytestmark = pytest.mark.slow


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
                data=topk.data,
                files=topk_files(topk.folder),
                settings=settings,
                seed=0,
                out=out,
                device="cpu",

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
