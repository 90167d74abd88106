"""Every long stage, killed again and again, ends with the files of an undisturbed job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.studies.bilevel.settings.attack import OnepointSettings
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.studies.bilevel.stages.certify import bilevel_certify
from advlearn.studies.bilevel.stages.onepoint import bilevel_onepoint
from advlearn.studies.bilevel.stages.path import bilevel_path
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkTransferJob
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.studies.topk.stages.transfer import topk_transfer
from advlearn.support.io import read_csv, read_parquet
from tests.helpers.interrupted import killed_after_each_save
from tests.unit.stages import test_bilevel_attack as attacks
from tests.unit.stages import test_bilevel_certify as certificates
from tests.unit.stages import test_bilevel_path as paths

from .conftest import TinyTopk

pytestmark = pytest.mark.slow

inputs = certificates.inputs
made = paths.made

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


def test_bilevel_attack(clustered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged(
        out_as(
            ".csv",
            lambda out: bilevel_attack(
                data=clustered / "blobs.npz", path=clustered / "path.npz", name="blobs",
                settings=attacks.JOB, seed=3, out=out,
            ),
        ),
        tmp_path, monkeypatch, 13,
    )  # fmt: skip


def test_bilevel_certify(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged(
        out_as(
            ".csv",
            lambda out: bilevel_certify(
                data=inputs / "blobs.npz", path=inputs / "path.npz", name="blobs",
                settings=certificates.JOB, out=out,
            ),
        ),
        tmp_path, monkeypatch, 10,
    )  # fmt: skip


def test_bilevel_path(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged(
        out_as(
            ".csv",
            lambda out: bilevel_path(
                data=made.parents[1] / "data.npz", name="points",
                settings=paths.job(trajectories=True), out=out,
            ),
        ),
        tmp_path, monkeypatch, 13,
    )  # fmt: skip


def test_bilevel_onepoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = OnepointSettings(pairs=((8, 9),), points=4, lengths=(1.0,), seeds=(0,))
    unchanged(
        out_as(".csv", lambda out: bilevel_onepoint(settings=settings, out=out)),
        tmp_path, monkeypatch, 2,
    )  # fmt: skip
