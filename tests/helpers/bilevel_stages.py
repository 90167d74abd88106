"""Small jobs of study 3's stages, and one way to run each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advlearn.settings.points import PointSet
from advlearn.studies.bilevel.settings.attack import BilevelAttackJob, BilevelAttackSettings
from advlearn.studies.bilevel.settings.certify import (
    BilevelCertifyJob,
    CertifySettings,
    DefenceSettings,
)
from advlearn.studies.bilevel.settings.path import (
    BilevelDataJob,
    BilevelPathJob,
    GraphSettings,
    PathSettings,
)
from advlearn.studies.bilevel.stages.data import bilevel_data
from advlearn.studies.bilevel.stages.path import bilevel_path

ATTACK = BilevelAttackSettings(
    methods=("noise", "merge", "cut"),
    weights=("fixed", "recomputed"),
    targets=(0.3,),
    radii=3,
    tolerance=0.05,
    budgets=("per_point", "few_points_1"),
    taus=(0.5, 1.0),
    generations=2,
    staircase=5,
)
ATTACK_JOB = BilevelAttackJob(graph=GraphSettings(n_neighbors=14), attack=ATTACK)
CERTIFY_JOB = BilevelCertifyJob(
    graph=GraphSettings(n_neighbors=12),
    certify=CertifySettings(
        gammas=1,
        rounds=6,
        attacks=("merge", "cut"),
        calmness=2,
        sweeps=10,
        tolerance=0.1,
        defence=DefenceSettings(phis=(0.5, 1.0), n_neighbors=(12,), gammas=2),
    ),
)


def path_job(trajectories: bool = False, **path: Any) -> BilevelPathJob:
    """A clusterpath of few gammas."""
    values = {"gammas": 13, "range": (0.1, 1e4), **path}
    return BilevelPathJob(
        graph=GraphSettings(),
        path=PathSettings.model_validate(values),
        trajectories=trajectories,
    )


def follow_path(folder: Path, data: PointSet, settings: BilevelPathJob) -> Path:
    """Write ``data.npz`` and the clusterpath of it; returns the table of the path."""
    bilevel_data(settings=BilevelDataJob(data=data), out=folder / "data.npz")
    out = folder / "path" / "points.csv"
    bilevel_path(data=folder / "data.npz", name="points", settings=settings, out=out)
    return out
