"""Long stages of study 2, killed again and again, end with the files of an undisturbed job."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.studies.topk.settings.jobs import TopkTransferJob
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.studies.topk.stages.transfer import topk_transfer
from tests.helpers.interrupted import killed_after_each_save
from tests.helpers.resumed import assert_resumes, contents
from tests.helpers.tiny_topk import TinyTopk, topk_files

pytestmark = pytest.mark.slow


def test_topk_pretrain(topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = topk.study.models["cnn"]
    training = settings.training.model_copy(update={"epochs": 2, "batch_size": 150})
    settings = settings.model_copy(update={"training": training})

    def pretrain(out: Path) -> None:
        topk_pretrain(data=topk.data, settings=settings, model="cnn", seed=0, out=out, device="cpu")

    assert_resumes(pretrain, tmp_path, monkeypatch, 6, ".safetensors")


@pytest.mark.parametrize("job", ["global", "transfer"])
def test_topk_attack(
    job: str, topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advlearn.studies.topk.stages.attack._BATCHES", 2)
    settings = topk.job(job).model_copy(update={"batch_size": 2})

    def attack(out: Path) -> None:
        topk.attack(out, settings)

    assert_resumes(attack, tmp_path, monkeypatch, 4, ".parquet")


def test_topk_transfer(topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TopkTransferJob(
        models=tuple(topk.study.models), methods=("tkmia", "kfool"), k=3, n_specified=2
    )

    def transfer(out: Path) -> None:
        topk_transfer(
            data=topk.data,
            files=topk_files(topk.folder),
            settings=settings,
            seed=0,
            out=out,
            device="cpu",
        )

    assert_resumes(transfer, tmp_path, monkeypatch, 2 * len(topk.study.models))


def test_perturbed_images_that_were_lost_are_made_again(
    topk: TinyTopk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash of the machine the progress may be there and the images not."""
    settings = topk.job("transfer")
    kept = tmp_path / "killed" / ".out.kept.npy"
    damaged = []

    def attack(out: Path) -> None:
        if out.parent.name == "killed" and kept.is_file():
            images = bytearray(kept.read_bytes())
            images[200:5000] = bytes(4800)
            kept.write_bytes(bytes(images))
            damaged.append(kept)
        topk.attack(out, settings)

    attack(tmp_path / "undisturbed" / "out.parquet")
    killed = tmp_path / "killed" / "out.parquet"
    # Killed once only: each loss costs the first chunk.
    kills = killed_after_each_save(lambda: attack(killed), monkeypatch, every=2)
    assert kills >= 1
    assert damaged
    assert contents(killed.parent) == contents(tmp_path / "undisturbed")
