"""Every long stage of study 3, killed at each save, ends with the files of an undisturbed job."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.studies.bilevel.settings.attack import (
    BilevelBlackboxJob,
    BlackboxSettings,
    OnepointSettings,
)
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.studies.bilevel.stages.blackbox import bilevel_blackbox
from advlearn.studies.bilevel.stages.certify import bilevel_certify
from advlearn.studies.bilevel.stages.onepoint import bilevel_onepoint
from advlearn.studies.bilevel.stages.path import bilevel_path
from tests.helpers.bilevel_stages import ATTACK_JOB, CERTIFY_JOB, path_job
from tests.helpers.resumed import assert_resumes

pytestmark = pytest.mark.slow


def test_attack(clustered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(out: Path) -> None:
        bilevel_attack(
            data=clustered / "blobs.npz", path=clustered / "path.npz", name="blobs",
            settings=ATTACK_JOB, seed=3, out=out,
        )  # fmt: skip

    assert_resumes(stage, tmp_path, monkeypatch, 13)


def test_blackbox(clustered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = BlackboxSettings(victims=("convex", "ward"), surrogates=("merge",), generations=2)
    job = BilevelBlackboxJob(graph=ATTACK_JOB.graph, blackbox=settings)

    def stage(out: Path) -> None:
        bilevel_blackbox(
            data=clustered / "blobs.npz", path=clustered / "path.npz", name="blobs",
            settings=job, seed=3, out=out,
        )  # fmt: skip

    # The surrogate's attack, two on each of two victims, and noise.
    assert_resumes(stage, tmp_path, monkeypatch, 6)


def test_certify(certified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(out: Path) -> None:
        bilevel_certify(
            data=certified / "blobs.npz", path=certified / "path.npz", name="blobs",
            settings=CERTIFY_JOB, out=out,
        )  # fmt: skip

    assert_resumes(stage, tmp_path, monkeypatch, 10)


def test_path(walked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(out: Path) -> None:
        bilevel_path(
            data=walked.parents[1] / "data.npz", name="points",
            settings=path_job(trajectories=True), out=out,
        )  # fmt: skip

    assert_resumes(stage, tmp_path, monkeypatch, 13)


def test_onepoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = OnepointSettings(pairs=((8, 9),), points=4, lengths=(1.0,), seeds=(0,))
    assert_resumes(
        lambda out: bilevel_onepoint(settings=settings, out=out), tmp_path, monkeypatch, 2
    )
